package accounts

import (
	"context"

	"slipway/accounts/policy"
)

// ContextKeys lists the condition keys and variables that policies name, each once: those of a user,
// group or role, if source names one, and those that come along. It returns ErrNoEntity for a source
// that is not there, or ErrInput.
func (c *Control) ContextKeys(ctx context.Context, account, source string, policies []string) ([]string, error) {
	s := &simulation{SimulationInput: SimulationInput{Source: source}}
	if err := c.readSource(ctx, account, s); err != nil {
		return nil, err
	}
	inputs, err := compileInputs("PolicyInputList", policies, policy.Identity)
	if err != nil {
		return nil, err
	}
	all := append(s.all.Identity, inputs...)
	if s.all.Boundary != nil {
		all = append(all, *s.all.Boundary)
	}
	return keysOf(all), nil
}

func keysOf(all []policy.Attached) []string {
	keys := []string{}
	seen := map[string]bool{}
	for _, a := range all {
		for _, key := range a.Document.ContextKeys() {
			if !seen[fold(key)] {
				seen[fold(key)] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}
