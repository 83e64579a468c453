package taskdef

import "slipway/internal/errs"

// VPC is where in a virtual network a task with networkMode awsvpc is wanted. There is one network
// here, that of each machine: subnets and security groups are kept and shown, and change nothing.
type VPC struct {
	Subnets        []string `json:"subnets"`
	SecurityGroups []string `json:"securityGroups,omitempty"`
	PublicAddress  bool     `json:"-"` // is refused
}

// The limits of a VPC. Source: Amazon ECS API Reference, AwsVpcConfiguration.
const (
	maxSubnets        = 16
	maxSecurityGroups = 5
	maxVPCName        = 255
)

// CheckVPC refuses a network that does not go with the task, with ErrRequest; nil is none. Source: the answers of Amazon ECS.
func (s Spec) CheckVPC(v *VPC) error {
	switch {
	case s.NetworkMode != modeVPC && v != nil:
		return errs.Say(ErrRequest, "Network Configuration is not valid for the given networkMode of this task definition.")
	case s.NetworkMode != modeVPC:
		return nil
	case v == nil:
		return errs.Say(ErrRequest, "Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	case len(v.Subnets) == 0:
		return errs.Say(ErrRequest, "subnets can not be empty.")
	case len(v.Subnets) > maxSubnets:
		return errs.Say(ErrRequest, "subnets: %d are more than %d.", len(v.Subnets), maxSubnets)
	case len(v.SecurityGroups) > maxSecurityGroups:
		return errs.Say(ErrRequest, "securityGroups: %d are more than %d.", len(v.SecurityGroups), maxSecurityGroups)
	case v.PublicAddress:
		return errs.Say(ErrRequest, "Assign public IP is not supported for this launch type.")
	}
	for _, name := range append(v.Subnets, v.SecurityGroups...) {
		if name == "" || len(name) > maxVPCName || !printable(name) {
			return errs.Say(ErrRequest, "networkConfiguration: %.300q is not the id of a subnet or security group.", name)
		}
	}
	return nil
}
