package accounts

import (
	"context"
	"errors"

	"slipway/accounts/policy"
	"slipway/store"
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

// TagsOfSource returns the tags of the user, group or role that an ARN names as conditions ask for
// them: none for who is not there.
func (c *Control) TagsOfSource(ctx context.Context, account, source string) (tags map[string]string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := readSource(tx, account, source)
		if errors.Is(err, ErrNoEntity) || errors.Is(err, ErrInput) {
			return nil
		}
		if err != nil {
			return err
		}
		tags, err = tagMap(tx, e.ID)
		return err
	})
	return tags, err
}
