package lambda

import "slipway/api/awswire"

// What is not done is refused by its name. Members that ask for nothing, such as empty lists, may be there.

// asked is a member, and whether it asks for something.
type asked struct {
	member string
	is     bool
}

func refuse(all []asked) error {
	for _, a := range all {
		if a.is {
			return unsupported(a.member)
		}
	}
	return nil
}

func refuseCreate(in *CreateFunctionInput) error {
	if err := refuseCode(in.Code.SourceKMSKeyArn); err != nil {
		return err
	}
	return refuse(append(common(in.VpcConfig, in.DeadLetterConfig, in.SnapStart, in.TracingConfig, in.KMSKeyArn),
		asked{"FileSystemConfigs", len(in.FileSystemConfigs) > 0}, asked{"CodeSigningConfigArn", in.CodeSigningConfigArn != nil},
		asked{"CapacityProviderConfig", in.CapacityProviderConfig != nil}, asked{"DurableConfig", in.DurableConfig != nil},
		asked{"TenancyConfig", in.TenancyConfig != nil}, asked{"PublishTo", in.PublishTo != nil}))
}

func refuseUpdate(in *UpdateFunctionConfigurationInput) error {
	return refuse(append(common(in.VpcConfig, in.DeadLetterConfig, in.SnapStart, in.TracingConfig, in.KMSKeyArn),
		asked{"FileSystemConfigs", len(in.FileSystemConfigs) > 0}, asked{"CapacityProviderConfig", in.CapacityProviderConfig != nil},
		asked{"DurableConfig", in.DurableConfig != nil}))
}

func common(vpc *VpcConfig, dead *DeadLetterConfig, snap *SnapStart, tracing *TracingConfig, key *string) []asked {
	return []asked{
		{"VpcConfig", vpc != nil && (len(vpc.SubnetIds) > 0 || len(vpc.SecurityGroupIds) > 0 || awswire.Or(vpc.Ipv6AllowedForDualStack, false))},
		{"DeadLetterConfig, in place of which calls that failed for good are kept and may have an on-failure destination,", dead != nil && awswire.Or(dead.TargetArn, "") != ""},
		{"SnapStart", snap != nil && awswire.Or(snap.ApplyOn, SnapStartApplyOnNone) != SnapStartApplyOnNone},
		{"TracingConfig.Mode: Active", tracing != nil && awswire.Or(tracing.Mode, TracingModePassThrough) != TracingModePassThrough},
		{"KMSKeyArn", awswire.Or(key, "") != ""},
	}
}

// refuseCode refuses code that is sealed with a key.
func refuseCode(sealed *string) error {
	if sealed != nil {
		return unsupported("SourceKMSKeyArn")
	}
	return nil
}
