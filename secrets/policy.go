package secrets

import (
	"context"
	"encoding/json"
	"strings"

	"slipway/internal/errs"
	"slipway/store"
)

// CheckPolicy returns an ErrPolicy that says what is wrong with a policy.
func (c *Control) CheckPolicy(text string) error {
	if err := c.checkPolicy(text); err != nil {
		return errs.Say(ErrPolicy, "This resource policy contains a syntax error: %v", err)
	}
	return nil
}

// SetPolicy gives a secret its policy, in place of the one that it has; "" takes it away. One that lets
// everybody in is ErrPublicPolicy where that is not wanted. It returns ErrNoSecret, ErrState or ErrPolicy, too.
func (c *Control) SetPolicy(ctx context.Context, ref SecretRef, text string, notPublic bool) (Secret, error) {
	if text != "" {
		if err := c.CheckPolicy(text); err != nil {
			return Secret{}, err
		}
		if notPublic && IsPublic(text) {
			return Secret{}, errs.Say(ErrPublicPolicy, "You can't attach a resource policy that allows broad access to the secret.")
		}
	}
	return c.changeSecret(ctx, ref, func(tx *store.Tx, s Secret) error {
		_, err := tx.Exec(`update secrets_secrets set policy = $1, changed = $2 where id = $3`, text, store.Micros(tx.Now), s.id)
		return err
	})
}

// statement is what of a policy's statement says whom it lets in.
type statement struct {
	Effect       string
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Condition    map[string]any
}

// IsPublic reports whether a policy has a statement that lets everybody in, whatever the circumstances. Of a
// text that is no policy it says so as well.
func IsPublic(text string) bool {
	var document struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return true
	}
	var all []statement
	if err := json.Unmarshal(document.Statement, &all); err != nil {
		var one statement
		if err := json.Unmarshal(document.Statement, &one); err != nil {
			return true
		}
		all = []statement{one}
	}
	for _, s := range all {
		everybody := s.NotPrincipal != nil || strings.Contains(string(s.Principal), `"*"`)
		if s.Effect == "Allow" && everybody && len(s.Condition) == 0 {
			return true
		}
	}
	return false
}
