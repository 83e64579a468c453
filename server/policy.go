package server

import (
	"slipway/accounts/policy"
	"slipway/logs"
	"slipway/registry"
	"slipway/secrets"
)

// readsPolicies lets rooms keep only policies of resources that decisions can be made by.
func readsPolicies(text string) error {
	_, err := policy.Parse(text, policy.Resource)
	return err
}

var (
	registryPolicies = registry.CheckPolicies(readsPolicies)
	logsPolicies     = logs.CheckPolicies(readsPolicies)
	secretsPolicies  = secrets.CheckPolicies(readsPolicies)
)
