package secrets

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"time"

	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/store"
)

// Types of parameters.
const (
	TypeString = "String"
	TypeList   = "StringList" // values with commas between them
	TypeSecure = "SecureString"
)

// Tiers of parameters.
const (
	TierStandard = "Standard"
	TierAdvanced = "Advanced"
	TierChosen   = "Intelligent-Tiering" // whichever of the others the value asks for
)

// DataTypeText is the data type of all parameters.
const DataTypeText = "text"

// Parameter is a version of a parameter.
type Parameter struct {
	Account     string
	Name        string
	ARN         string
	Version     int64
	Type        string
	Tier        string
	DataType    string
	Description string
	Pattern     string // that its values match; "": any
	Labels      []string
	Modified    time.Time
	ModifiedBy  string // ARN
	Value       string // "" where it was not asked for

	id, row string // of the parameter, of the version
	sealed  []byte
	tags    map[string]string
}

// Format satisfies fmt.Formatter: no verb shows the value.
func (p Parameter) Format(f fmt.State, _ rune) {
	io.WriteString(f, "parameter "+p.Name+":"+strconv.FormatInt(p.Version, 10))
}

// ParameterARN is what a parameter of an account is called in policies.
func (c *Control) ParameterARN(account, name string) string {
	if name != "" && name[0] == '/' {
		name = name[1:]
	}
	return arn.ARN{Service: "ssm", Region: c.region, Account: account, Resource: "parameter/" + name}.String()
}

// Parameter reads the version of a parameter that a reference selects, its newest if it selects none. It
// returns ErrNoParameter or ErrNoVersion. The value of a SecureString that is not to be decrypted is text
// that tells nothing.
func (c *Control) Parameter(ctx context.Context, ref ParameterRef, decrypt bool) (p Parameter, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if p, err = c.selectParameter(tx, ref); err != nil {
			return err
		}
		return readSealed(tx, &p)
	})
	if err != nil {
		return Parameter{}, err
	}
	return p, c.reveal(ctx, &p, decrypt)
}

// Parameters reads those of the references that select something, and tells which do not.
func (c *Control) Parameters(ctx context.Context, refs []ParameterRef, decrypt bool) (found map[ParameterRef]Parameter, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found = map[ParameterRef]Parameter{}
		for _, ref := range refs {
			p, err := c.selectParameter(tx, ref)
			if isMissing(err) {
				continue
			}
			if err == nil {
				err = readSealed(tx, &p)
			}
			if err != nil {
				return err
			}
			found[ref] = p
		}
		return nil
	})
	for ref, p := range found {
		if err := c.reveal(ctx, &p, decrypt); err != nil {
			return nil, err
		}
		found[ref] = p
	}
	return found, err
}

// reveal opens the value of a parameter, if it may be shown.
func (c *Control) reveal(ctx context.Context, p *Parameter, decrypt bool) error {
	if p.Type == TypeSecure && !decrypt {
		p.Value = base64.StdEncoding.EncodeToString(p.sealed)
		return nil
	}
	plain, err := c.parameters.Open(ctx, p.sealed, p.row)
	p.Value = string(plain)
	return err
}

// History reads at most limit versions of a parameter after a version, the oldest first, with their values
// as Parameter does.
func (c *Control) History(ctx context.Context, ref ParameterRef, decrypt bool, after int64, limit int) (versions []Parameter, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		p, err := c.findParameter(tx, ref)
		if err == nil {
			versions, err = c.listVersions(tx, p, after, limit)
		}
		for i := range versions {
			if err == nil {
				err = readSealed(tx, &versions[i])
			}
		}
		return err
	})
	for i := range versions {
		if err == nil {
			err = c.reveal(ctx, &versions[i], decrypt)
		}
	}
	return versions, err
}

// DeleteParameter deletes a parameter and all its versions. It returns ErrNoParameter.
func (c *Control) DeleteParameter(ctx context.Context, ref ParameterRef) error {
	return c.changeParameter(ctx, ref, func(tx *store.Tx, p Parameter) error {
		_, err := tx.Exec(`delete from secrets_parameters where id = $1`, p.id)
		return err
	})
}

// DeleteParameters deletes those of the references that are there, and returns them.
func (c *Control) DeleteParameters(ctx context.Context, refs []ParameterRef) (deleted []ParameterRef, err error) {
	for _, ref := range refs {
		err := c.DeleteParameter(ctx, ref)
		if err == nil {
			deleted = append(deleted, ref)
		} else if !isMissing(err) {
			return deleted, err
		}
	}
	return deleted, nil
}

// changeParameter calls do with the newest version of a parameter, without its value.
func (c *Control) changeParameter(ctx context.Context, ref ParameterRef, do func(*store.Tx, Parameter) error) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		p, err := c.findParameter(tx, ref)
		if err != nil {
			return err
		}
		return do(tx, p)
	})
}

// TagParameter adds tags to a parameter, over those of the same key, and takes others away. It returns
// ErrNoParameter, ErrInput or ErrTooManyTags.
func (c *Control) TagParameter(ctx context.Context, ref ParameterRef, add map[string]string, remove []string) error {
	return c.changeParameter(ctx, ref, func(tx *store.Tx, p Parameter) error {
		tags, err := tagged(p.tags, add, remove, tooManyParameterTags)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`update secrets_parameters set tags = $1 where id = $2`, jsonText(tags), p.id)
		return err
	})
}

var tooManyParameterTags = errs.Say(ErrTooManyTags, "The Targets parameter includes too many tags. Remove one or more tags and try the command again.")

// ParameterTags returns the tags of a parameter, or ErrNoParameter.
func (c *Control) ParameterTags(ctx context.Context, ref ParameterRef) (tags map[string]string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		p, err := c.findParameter(tx, ref)
		tags = p.tags
		return err
	})
	return tags, err
}

// DecidingParameterTags is ParameterTags for who decides: a parameter that is not there has none.
func (c *Control) DecidingParameterTags(ctx context.Context, ref ParameterRef) (map[string]string, error) {
	tags, err := c.ParameterTags(ctx, ref)
	if isMissing(err) {
		return nil, nil
	}
	return tags, err
}
