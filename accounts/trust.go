package accounts

import (
	"database/sql"
	"errors"
	"regexp"
	"strings"

	"slipway/accounts/policy"
	"slipway/internal/errs"
	"slipway/store"
)

// trustSize is how long a trust policy may be, white space not counted.
// Source: IAM User Guide, "IAM and AWS STS quotas": role trust policy length.
const trustSize = 2048

// uniqueID has the form of the unique ids of users and roles.
var uniqueID = regexp.MustCompile(`^A(IDA|ROA)[A-Z2-7]{17}$`)

// keepTrust checks a trust policy and returns the text to keep, in which users and roles are named
// by their unique ids: whoever is made later under the same name is not trusted. It returns
// ErrMalformed, or ErrQuota.
//
// Of its own account a role trusts only those who are there. Who is named of another account is
// kept by id if there, and by ARN if not, and nothing tells the one from the other.
// Source: IAM User Guide, "AWS JSON policy elements: Principal".
func keepTrust(tx *store.Tx, account, text string) (string, error) {
	doc, err := parsePolicy(text, policy.Trust)
	if err != nil {
		return "", err
	}
	if policy.Size(text) > trustSize {
		return "", overQuota("ACLSizePerRole", trustSize)
	}
	ids := map[string]string{}
	for _, name := range doc.Principals() {
		if ids[name], err = trusted(tx, account, name); err != nil {
			return "", err
		}
	}
	return policy.RewritePrincipals(text, policy.Trust, func(name string) string { return ids[name] })
}

// trusted is a principal as it is kept.
func trusted(tx *store.Tx, account, name string) (string, error) {
	invalid := errs.Say(ErrMalformed, `Invalid principal in policy: "AWS":"%s"`, name)
	if uniqueID.MatchString(name) {
		e, err := readEntityID(tx, name)
		if errors.Is(err, store.ErrNoRows) || err == nil && e.Account != account {
			return "", invalid
		}
		return name, err
	}
	owner, kind, _, short, ok := parseEntityARN(name)
	if !ok || kind != KindUser && kind != KindRole {
		return name, nil // an account, everybody, or a session
	}
	e, err := readEntity(tx, owner, kind, short)
	switch found := err == nil && e.ARN() == name; {
	case found:
		return e.ID, nil
	case err != nil && !errors.Is(err, ErrNoEntity):
		return "", err
	case owner == account:
		return "", invalid
	}
	return name, nil
}

// showTrusts puts ARNs in the place of the unique ids that the trust policies of some entities
// name. The id of one who is no more stays, as AWS shows it.
func showTrusts(tx *store.Tx, list []Entity) error {
	var named []any
	for _, e := range list {
		for _, id := range idsIn.FindAllString(e.Trust, -1) {
			named = append(named, id)
		}
	}
	arns, err := arnsOf(tx, named)
	if err != nil || len(arns) == 0 {
		return err
	}
	for i := range list {
		if !idsIn.MatchString(list[i].Trust) {
			continue
		}
		list[i].Trust, err = policy.RewritePrincipals(list[i].Trust, policy.Trust, func(name string) string {
			if arn, found := arns[name]; found {
				return arn
			}
			return name
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// idsIn finds what may be unique ids in the text of a policy.
var idsIn = regexp.MustCompile(`A(?:IDA|ROA)[A-Z2-7]{17}`)

// arnsOf returns the ARNs of entities by their ids.
func arnsOf(tx *store.Tx, ids []any) (map[string]string, error) {
	arns := map[string]string{}
	for start := 0; start < len(ids); start += 500 { // far below what databases take as parameters
		some := ids[start:min(start+500, len(ids))]
		err := tx.Each(`select `+entityColumns+` from entities e where e.id in `+store.In(1, len(some)), some, func(rows *sql.Rows) error {
			e, err := scanEntity(rows)
			arns[e.ID] = e.ARN()
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return arns, nil
}

// parsePolicy reads a document that somebody wants to store, or returns ErrMalformed in AWS's words.
func parsePolicy(text string, kind policy.Kind) (*policy.Document, error) {
	doc, err := policy.Parse(text, kind)
	if syntax, ok := errors.AsType[*policy.SyntaxError](err); ok {
		return nil, errs.Say(ErrMalformed, "%s", syntax.Text)
	}
	return doc, err
}

// serviceTrust is the policy that lets an AWS service assume a role.
func serviceTrust(service string) string {
	const text = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"SERVICE"},"Action":"sts:AssumeRole"}]}`
	return strings.Replace(text, "SERVICE", service, 1)
}
