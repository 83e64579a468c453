package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"

	"slipway/store"
)

// A registry has a policy of its own, which is about all of its repositories. Who decides is handed one
// document: the statements of the repository's policy and those of the registry's.

// SetRegistryPolicy gives an account's registry its policy, in place of the one that it has. It returns ErrPolicy.
func (c *Control) SetRegistryPolicy(ctx context.Context, account, text string) error {
	if err := c.CheckPolicy(text); err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`insert into registry_account_policies (account, document) values ($1, $2)
			on conflict (account) do update set document = excluded.document`, account, text)
		return err
	})
}

// RegistryPolicy returns the policy of an account's registry. It returns ErrNoRegistryPolicy.
func (c *Control) RegistryPolicy(ctx context.Context, account string) (text string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		text, err = readRegistryPolicy(tx, account)
		return err
	})
	return text, err
}

// DeleteRegistryPolicy takes the policy of an account's registry away, and returns what it was. It returns
// ErrNoRegistryPolicy.
func (c *Control) DeleteRegistryPolicy(ctx context.Context, account string) (text string, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if text, err = readRegistryPolicy(tx, account); err != nil {
			return err
		}
		_, err := tx.Exec(`delete from registry_account_policies where account = $1`, account)
		return err
	})
	return text, err
}

func readRegistryPolicy(tx *store.Tx, account string) (text string, err error) {
	err = tx.Row(`select document from registry_account_policies where account = $1`, account).Scan(&text)
	if errors.Is(err, store.ErrNoRows) {
		return "", &Error{Cause: ErrNoRegistryPolicy, Account: account}
	}
	return text, err
}

// DecidingPolicy is what policies say of a repository, in one document: its own and that of the registry. A
// repository that is not there has none of its own, so that its absence cannot be told from that of a
// policy. An empty name stands for the registry alone.
func (c *Control) DecidingPolicy(ctx context.Context, account, name string) (text string, err error) {
	var own, registry, scope string
	err = c.db.Row(ctx, `select
		coalesce((select p.document from registry_repositories r join registry_policies p on p.repository = r.id
			where r.account = $1 and r.name = $2), ''),
		coalesce((select document from registry_account_policies where account = $1), ''),
		coalesce((select value from registry_settings where account = $1 and name = $3), '')`,
		account, name, string(SettingPolicyScope)).Scan(&own, &registry, &scope)
	if err != nil || registry == "" {
		return own, err
	}
	return joinPolicies(own, registry, scope == "V1")
}

// CouldDecide is DecidingPolicy as if the repository had this policy of its own.
func (c *Control) CouldDecide(ctx context.Context, account, text string) (string, error) {
	registry, err := c.DecidingPolicy(ctx, account, "")
	if err != nil || registry == "" {
		return text, err
	}
	return joinPolicies(text, registry, false)
}

// policyDocument is as much of a policy as is needed to join two.
type policyDocument struct {
	Version   string
	Statement []map[string]any
}

// joinPolicies puts the statements of two policies into one. Of the registry's, few count for V1.
func joinPolicies(own, registry string, few bool) (string, error) {
	var joined policyDocument
	for i, text := range []string{own, registry} {
		if text == "" {
			continue
		}
		d, err := readPolicyDocument(text)
		if err != nil {
			return "", err
		}
		if i == 1 && few {
			d.Statement = fewActions(d.Statement)
		}
		joined.Statement = append(joined.Statement, d.Statement...)
	}
	if len(joined.Statement) == 0 {
		return "", nil
	}
	joined.Version = versionOfVariables
	text, err := json.Marshal(joined)
	return string(text), err
}

// versionOfVariables is the version of policies that know variables; in those before, ${ stands for itself.
const versionOfVariables = "2012-10-17"

// readPolicyDocument reads a policy as one of versionOfVariables that says the same. Statements have
// their ids no more: those of two policies may be the same.
func readPolicyDocument(text string) (policyDocument, error) {
	var raw struct {
		Version   string
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return policyDocument{}, err
	}
	d := policyDocument{Version: raw.Version}
	if raw.Statement[0] == '{' { // one, where there may be a list
		raw.Statement = slices.Concat([]byte{'['}, raw.Statement, []byte{']'})
	}
	in := json.NewDecoder(bytes.NewReader(raw.Statement))
	in.UseNumber() // a number keeps its digits
	if err := in.Decode(&d.Statement); err != nil {
		return policyDocument{}, err
	}
	for _, s := range d.Statement {
		delete(s, "Sid")
		if d.Version != versionOfVariables {
			literally(s)
		}
	}
	return d, nil
}

// literally writes values so that nothing in them is a variable.
func literally(value any) any {
	switch v := value.(type) {
	case string:
		return strings.ReplaceAll(v, "${", "${$}{")
	case []any:
		for i := range v {
			v[i] = literally(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = literally(v[key])
		}
	}
	return value
}

// actionsOfV1 are what a registry's policy of the first scope is about.
// Source: Amazon ECR User Guide, "Private registry permissions".
var actionsOfV1 = []string{"ecr:ReplicateImage", "ecr:BatchImportUpstreamImage", "ecr:CreateRepository"}

// fewActions leaves of statements what they say of actionsOfV1.
func fewActions(statements []map[string]any) (few []map[string]any) {
	for _, s := range statements {
		patterns, negated := s["Action"], false
		if patterns == nil {
			patterns, negated = s["NotAction"], true
		}
		actions := slices.DeleteFunc(slices.Clone(actionsOfV1), func(action string) bool { return names(patterns, action) == negated })
		if len(actions) == 0 {
			continue
		}
		delete(s, "NotAction")
		s["Action"] = actions
		few = append(few, s)
	}
	return few
}

// names reports whether an Action element, one pattern or several, is about the action.
func names(patterns any, action string) bool {
	switch p := patterns.(type) {
	case string:
		// No action has a character that Match reads in another way than policies do.
		found, err := path.Match(strings.ToLower(p), strings.ToLower(action))
		return err == nil && found
	case []any:
		return slices.ContainsFunc(p, func(one any) bool { return names(one, action) })
	}
	return false
}
