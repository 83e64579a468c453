package accounts

import (
	"context"
	"time"

	"slipway/internal/errs"
	"slipway/store"
)

// linked says what the service-linked role of a service is called.
type linked struct {
	role     string
	suffixed bool // an account can have several, told apart by a suffix
}

// linkedRoles are the services that have one, as far as Slipway speaks their APIs or those of
// their neighbours. Source: IAM User Guide, "AWS services that work with IAM".
var linkedRoles = map[string]linked{
	"autoscaling.amazonaws.com":                    {"AWSServiceRoleForAutoScaling", true},
	"cloudtrail.amazonaws.com":                     {"AWSServiceRoleForCloudTrail", false},
	"delivery.logs.amazonaws.com":                  {"AWSServiceRoleForLogDelivery", false},
	"ecs.amazonaws.com":                            {"AWSServiceRoleForECS", false},
	"ecs.application-autoscaling.amazonaws.com":    {"AWSServiceRoleForApplicationAutoScaling_ECSService", false},
	"elasticloadbalancing.amazonaws.com":           {"AWSServiceRoleForElasticLoadBalancing", false},
	"events.amazonaws.com":                         {"AWSServiceRoleForCloudWatchEvents", false},
	"guardduty.amazonaws.com":                      {"AWSServiceRoleForAmazonGuardDuty", false},
	"lambda.application-autoscaling.amazonaws.com": {"AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency", false},
	"ops.apigateway.amazonaws.com":                 {"AWSServiceRoleForAPIGateway", false},
	"organizations.amazonaws.com":                  {"AWSServiceRoleForOrganizations", false},
	"pullthroughcache.ecr.amazonaws.com":           {"AWSServiceRoleForECRPullThroughCache", false},
	"replication.ecr.amazonaws.com":                {"AWSServiceRoleForECRReplication", false},
	"support.amazonaws.com":                        {"AWSServiceRoleForSupport", false},
	"trustedadvisor.amazonaws.com":                 {"AWSServiceRoleForTrustedAdvisor", false},
}

// linkedRole finds out what the role of a service is called. It returns ErrInput for a service that
// has none, and for a suffix where there can be none.
func linkedRole(service, suffix string) (name string, err error) {
	l, known := linkedRoles[service]
	switch {
	case !known:
		return "", errs.Say(ErrInput, "Cannot find Service-linked role template for %s", service)
	case suffix != "" && !l.suffixed:
		return "", errs.Say(ErrInput, "Custom suffix is not allowed for %s", service)
	case suffix != "":
		return l.role + "_" + suffix, nil
	}
	return l.role, nil
}

// LinkedRole returns the path and name of the role that CreateLinkedRole would make; its name is ""
// if it would make none.
func LinkedRole(service, suffix string) (path, name string) {
	name, _ = linkedRole(service, suffix)
	return servicePath + service + "/", name
}

// CreateLinkedRole makes the role that a service acts by, which trusts that service alone and which
// nobody can change. It returns ErrInput for a service that has none, for a suffix where there can
// be none, or when the role is there already.
func (c *Control) CreateLinkedRole(ctx context.Context, account, service, suffix, description string) (Entity, error) {
	name, err := linkedRole(service, suffix)
	if err != nil {
		return Entity{}, err
	}
	e := Entity{
		Account: account, Kind: KindRole, Name: name, Path: servicePath + service + "/", Description: description,
		Trust: serviceTrust(service), MaxSession: time.Hour, Service: service,
	}
	return c.create(ctx, e, nil, func(tx *store.Tx, e *Entity) error {
		taken, err := hasEntity(tx, account, KindRole, e.Name)
		if err == nil && taken {
			return errs.Say(ErrInput, "Service role name %s has been taken in this account, please try a different suffix.", e.Name)
		}
		return err
	})
}

// DeleteLinkedRole takes a service-linked role away. It returns ErrNoEntity for a role that is none.
func (c *Control) DeleteLinkedRole(ctx context.Context, account, name string) (Entity, error) {
	var e Entity
	err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
		if e, err = readEntity(tx, account, KindRole, name); err != nil {
			return err
		}
		if e.Service == "" {
			return noEntity(KindRole, name)
		}
		tx.Touch(keysTopic)
		tx.Touch(rightsTopic)
		return deleteEntity(tx, e.ID)
	})
	return e, err
}
