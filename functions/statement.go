package functions

import (
	"encoding/json"
	"slices"
	"strings"

	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/internal/lazyregexp"
)

// Permission is what one statement of a policy of a function or layer lets somebody do.
type Permission struct {
	ID               string // of the statement
	Action           string // "lambda:InvokeFunction"
	Principal        string // a service, an account, the ARN of an identity, or "*"
	SourceARN        string // "": any; the others below, too
	SourceAccount    string
	Organization     string
	EventSourceToken string
	URLAuth          string // how the URL that is called asks who calls
	ViaURL           bool   // only calls at a URL
}

// statement is a statement as policies have it, its members in the order in which AWS writes them.
type statement struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// document is a policy of a function or layer. Statements are kept as they were written.
type document struct {
	Version   string
	ID        string `json:"Id"`
	Statement []json.RawMessage
}

// maxPolicy is how long a policy may be, in bytes. Source: "Lambda quotas", function resource-based policy.
const maxPolicy = 20 * 1024

// statement is the permission for a resource. It fails with ErrInput for a principal that is none.
func (p Permission) statement(resource string) (string, error) {
	who, err := p.principal()
	if err != nil {
		return "", err
	}
	return text(statement{p.ID, "Allow", who, p.Action, resource, p.conditions()}), nil
}

var (
	accountForm = lazyregexp.New(`^\d{12}$`)
	serviceForm = lazyregexp.New(`^[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com|amazonaws\.com\.cn|amazon\.com)$`)
)

// principal is the Principal of the statement: {"Service": ...}, {"AWS": ...} or "*".
func (p Permission) principal() (any, error) {
	a, err := arn.Parse(p.Principal)
	switch {
	case p.Principal == "*":
		return "*", nil
	case accountForm.MatchString(p.Principal):
		return map[string]string{"AWS": "arn:aws:iam::" + p.Principal + ":root"}, nil
	case serviceForm.MatchString(p.Principal):
		return map[string]string{"Service": p.Principal}, nil
	case err == nil && (a.Service == "iam" || a.Service == "sts") && accountForm.MatchString(a.Account):
		return map[string]string{"AWS": p.Principal}, nil
	}
	return nil, errs.Say(ErrInput, "The provided principal was invalid. Please check the principal and try again.")
}

// conditions are the conditions of the statement. Keys are spelled as AWS spells them there.
func (p Permission) conditions() map[string]map[string]string {
	all := map[string]map[string]string{}
	add := func(operator, key, value string) {
		if value == "" {
			return
		}
		if all[operator] == nil {
			all[operator] = map[string]string{}
		}
		all[operator][key] = value
	}
	add("StringEquals", "AWS:SourceAccount", p.SourceAccount)
	add("StringEquals", "aws:PrincipalOrgID", p.Organization)
	add("StringEquals", "lambda:EventSourceToken", p.EventSourceToken)
	add("StringEquals", "lambda:FunctionUrlAuthType", p.URLAuth)
	add("ArnLike", "AWS:SourceArn", p.SourceARN)
	if p.ViaURL {
		add("Bool", "lambda:InvokedViaFunctionUrl", "true")
	}
	return all
}

// with is the policy with one statement more; "" is a policy without any. It fails with ErrThere or ErrPolicyLength.
func (p Permission) with(policy, statement string) (string, error) {
	d, err := readPolicy(policy)
	if err != nil {
		return "", err
	}
	if d.find(p.ID) >= 0 {
		return "", errs.Say(ErrThere, "The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", p.ID)
	}
	d.Statement = append(d.Statement, json.RawMessage(statement))
	written := text(d)
	if len(written) > maxPolicy {
		return "", errs.Say(ErrPolicyLength, "The final policy size (%d) is bigger than the limit (%d).", len(written), maxPolicy)
	}
	return written, nil
}

// without is the policy without a statement: "" if that was the last. It fails with ErrNoSetting.
func without(policy, id string) (string, error) {
	if policy == "" {
		return "", errs.Say(ErrNoSetting, "No policy is associated with the given resource.")
	}
	d, err := readPolicy(policy)
	if err != nil {
		return "", err
	}
	i := d.find(id)
	if i < 0 {
		return "", errs.Say(ErrNoSetting, "Statement %s is not found in resource policy.", id)
	}
	if d.Statement = slices.Delete(d.Statement, i, i+1); len(d.Statement) == 0 {
		return "", nil
	}
	return text(d), nil
}

func readPolicy(policy string) (document, error) {
	d := document{Version: "2012-10-17", ID: "default"}
	if policy == "" {
		return d, nil
	}
	return d, json.Unmarshal([]byte(policy), &d)
}

// find is where the statement of an id is, or -1.
func (d document) find(id string) int {
	return slices.IndexFunc(d.Statement, func(one json.RawMessage) bool {
		var s statement
		return json.Unmarshal(one, &s) == nil && s.Sid == id
	})
}

// text is a value as a column or a policy has it: plain values can always be written. Nothing is escaped that JSON
// does not ask for, as AWS writes policies.
func text(value any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(value)
	return strings.TrimSuffix(b.String(), "\n")
}
