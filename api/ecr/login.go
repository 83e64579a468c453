package ecr

import (
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
		ProxyEndpoint:      new("http://" + d.host),
	}
	return &GetAuthorizationTokenOutput{AuthorizationData: []AuthorizationData{data}}, nil
}

func login(who awswire.Caller, scope registry.Scope) registry.Login {
	return registry.Login{Account: who.Account, Principal: who.ARN, UserID: who.UserID, Scope: scope}
}

func (d *door) describeRegistry(ctx context.Context, _ *DescribeRegistryInput) (*DescribeRegistryOutput, error) {
	return &DescribeRegistryOutput{
		RegistryId:               new(awswire.CallerOf(ctx).Account),
		ReplicationConfiguration: &ReplicationConfiguration{Rules: []ReplicationRule{}},
	}, nil
}
