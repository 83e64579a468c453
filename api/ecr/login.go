package ecr

import (
	"cmp"
	"context"
	"encoding/base64"

	"slipway/api/awswire"
	"slipway/registry"
)

// getAuthorizationToken answers with the one registry that a caller has.
func (d *door) getAuthorizationToken(ctx context.Context, in *GetAuthorizationTokenInput) (*GetAuthorizationTokenOutput, error) {
	who := awswire.CallerOf(ctx)
	for _, id := range in.RegistryIds {
		if id != who.Account {
			return nil, invalid("registryIds", "must name your own registry, %s, and no other; %s is not", who.Account, id)
		}
	}
	token, expires, err := d.registry.Token(login(who, registry.Scope{}))
	if err != nil {
		return nil, err
	}
	data := AuthorizationData{
		AuthorizationToken: new(base64.StdEncoding.EncodeToString([]byte("AWS:" + token))),
		ExpiresAt:          &expires,
		ProxyEndpoint:      new(d.endpoint(ctx)),
	}
	return &GetAuthorizationTokenOutput{AuthorizationData: []AuthorizationData{data}}, nil
}

// endpoint is where the caller reaches the registry: where it reached us, which may be by another name
// than others have for us.
func (d *door) endpoint(ctx context.Context) string {
	return "http://" + cmp.Or(awswire.Host(ctx), d.host)
}

func login(who awswire.Caller, scope registry.Scope) registry.Login {
	return registry.Login{Account: who.Account, Principal: who.ARN, UserID: who.UserID, Key: who.AccessKeyID, Scope: scope}
}

func (d *door) describeRegistry(ctx context.Context, _ *DescribeRegistryInput) (*DescribeRegistryOutput, error) {
	return &DescribeRegistryOutput{
		RegistryId:               new(awswire.CallerOf(ctx).Account),
		ReplicationConfiguration: &ReplicationConfiguration{Rules: []ReplicationRule{}},
	}, nil
}
