package accounts

import (
	"errors"
	"slipway/store"
	"time"
)

// PolicyVersion is one text of a managed policy.
type PolicyVersion struct {
	Number   int // 1 for "v1", ...; never used twice
	Document string
	Default  bool // the one in force
	Created  time.Time
}

// awsOwner is the account of AWS's own policies, as their ARNs have it.
const awsOwner = "aws"

// noPolicy is ErrNoEntity for the ARN of a managed policy, in AWS's words.
func noPolicy(arn string) error {
	return say(ErrNoEntity, "Policy %s was not found.", arn)
}

// readPolicy finds a managed policy of an account, not one of AWS's, by its ARN. It returns
// ErrNoEntity.
func readPolicy(tx *store.Tx, arn string) (Entity, error) {
	account, kind, _, name, ok := parseEntityARN(arn)
	if !ok || kind != KindPolicy {
		return Entity{}, noPolicy(arn)
	}
	p, err := readEntity(tx, account, KindPolicy, name)
	if err == nil && p.ARN() != arn { // another path or case
		err = ErrNoEntity
	}
	if errors.Is(err, ErrNoEntity) {
		return Entity{}, noPolicy(arn)
	}
	return p, err
}
