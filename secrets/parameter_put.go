package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// NewParameter is a parameter that is to be made, or a version of one. What is left out is that of the
// newest version, if there is one, but for the pattern, which is each version's own.
type NewParameter struct {
	Account     string
	Name        string
	Value       string
	Type        string // "": that of the newest version; one of the types
	Tier        string // "": that of the newest version, or TierStandard; one of the tiers
	Description *string
	Pattern     string // that the value is to match as a whole or in part, as RE2 has it; "": any
	Tags        map[string]string
	Overwrite   bool
	By          string // ARN of who makes it
}

// Format satisfies fmt.Formatter: no verb shows the value.
func (n NewParameter) Format(f fmt.State, _ rune) { io.WriteString(f, "parameter "+n.Name) }

const (
	maxStandardValue = 4 << 10 // bytes
	maxAdvancedValue = 8 << 10
	maxVersions      = 100 // of a parameter
	maxStandard      = 10_000
	maxAdvanced      = 100_000
)

const (
	standardTooLong = "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
	advancedTooLong = "Advanced tier parameters support a maximum parameter value of 8192 characters."
	noDowngrade     = "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter. Be aware that standard parameters have a value limit of 4096 characters."
	tagsOverwrite   = "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource."
	emptyValue      = "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1."
	alreadyExists   = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
	typeNeeded      = "A parameter type is required when you create a parameter."
	tooMany         = "You have exceeded the number of parameters for this AWS account. Delete one or more parameters and try again."
	labelled        = "You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. Version %d, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again."
)

// PutParameter makes a parameter, or a new version of it, and returns its version and tier. Of more than a
// hundred versions the oldest goes. It returns ErrParameter, ErrReserved, ErrLevels, ErrPattern, ErrMismatch,
// ErrParameterExists, ErrTooManyParameters, ErrLabelled or ErrTooManyTags.
func (c *Control) PutParameter(ctx context.Context, n NewParameter) (version int64, tier string, err error) {
	if err := c.checkParameterName(n.Account, n.Name); err != nil {
		return 0, "", err
	}
	if err := n.check(); err != nil {
		return 0, "", err
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		last, err := c.findParameter(tx, ParameterRef{Account: n.Account, Name: n.Name})
		exists := err == nil
		switch {
		case exists && !n.Overwrite:
			return errs.Say(ErrParameterExists, alreadyExists)
		case !exists && !errors.Is(err, ErrNoParameter):
			return err
		}
		next, err := n.follow(last, exists)
		if err != nil {
			return err
		}
		next.Modified = tx.Now
		version, tier = next.Version, next.Tier
		return c.putVersion(tx, last, next)
	})
	return version, tier, err
}

// check looks at what can be told without the parameter that is there.
func (n NewParameter) check() error {
	switch {
	case n.Value == "":
		return errs.Say(ErrParameter, emptyValue)
	case len(n.Tags) > 0 && n.Overwrite:
		return errs.Say(ErrParameter, tagsOverwrite)
	}
	if _, err := tagged(nil, n.Tags, nil, tooManyParameterTags); err != nil {
		return err
	}
	return n.checkPattern()
}

func (n NewParameter) checkPattern() error {
	if n.Pattern == "" {
		return nil
	}
	pattern, err := regexp.Compile(n.Pattern)
	if err != nil {
		return errs.Say(ErrPattern, "The request does not meet the regular expression requirement: %v.", err)
	}
	if !pattern.MatchString(n.Value) {
		return errs.Say(ErrMismatch, "Parameter value, cannot be validated against allowedPattern: %s", n.Pattern)
	}
	return nil
}

// follow is the version that comes after the last, or the first.
func (n NewParameter) follow(last Parameter, exists bool) (Parameter, error) {
	next := Parameter{
		Account: n.Account, Name: n.Name, Version: last.Version + 1, Type: n.Type, DataType: DataTypeText,
		Description: last.Description, Pattern: n.Pattern, ModifiedBy: n.By, Value: n.Value, id: last.id, tags: last.tags,
	}
	if n.Description != nil {
		next.Description = *n.Description
	}
	if next.Type == "" {
		next.Type = last.Type
	}
	if next.Type == "" {
		return next, errs.Say(ErrParameter, typeNeeded)
	}
	if !exists {
		next.id, next.tags = ids.Hex(16), n.Tags
	}
	var err error
	next.Tier, err = n.tier(last.Tier)
	return next, err
}

// tier is that of a version whose parameter has one by now, or "".
func (n NewParameter) tier(last string) (string, error) {
	tier := n.Tier
	switch {
	case tier == "" && last == "":
		tier = TierStandard
	case tier == "", tier == TierChosen && last == TierAdvanced:
		tier = last
	case tier == TierChosen && len(n.Value) > maxStandardValue:
		tier = TierAdvanced
	case tier == TierChosen:
		tier = TierStandard
	}
	switch {
	case tier == TierStandard && last == TierAdvanced:
		return "", errs.Say(ErrParameter, noDowngrade)
	case tier == TierStandard && len(n.Value) > maxStandardValue:
		return "", errs.Say(ErrParameter, standardTooLong)
	case len(n.Value) > maxAdvancedValue:
		return "", errs.Say(ErrParameter, advancedTooLong)
	}
	return tier, nil
}

// putVersion writes a version, and takes the oldest away where there are too many.
func (c *Control) putVersion(tx *store.Tx, last, next Parameter) error {
	next.row = next.id + "/" + strconv.FormatInt(next.Version, 10)
	sealed, err := c.parameters.Seal(tx, []byte(next.Value), next.row)
	if err != nil {
		return err
	}
	next.sealed = sealed
	if last.Tier != next.Tier {
		if err := makeRoom(tx, next.Account, next.Tier); err != nil {
			return err
		}
	}
	if last.id == "" {
		err = insertParameter(tx, next)
	} else {
		err = errors.Join(dropOldest(tx, next), updateParameter(tx, next))
	}
	if err != nil {
		return err
	}
	return insertVersion(tx, next)
}

// makeRoom makes sure that there may be one more parameter of a tier.
func makeRoom(tx *store.Tx, account, tier string) error {
	most := maxStandard
	if tier == TierAdvanced {
		most = maxAdvanced
	}
	n := 0
	err := tx.Row(`select count(*) from secrets_parameters where account = $1 and tier = $2`, account, tier).Scan(&n)
	if err == nil && n >= most {
		err = errs.Say(ErrTooManyParameters, tooMany)
	}
	return err
}

// dropOldest makes room for a version. A version with labels stays, and is in the way.
func dropOldest(tx *store.Tx, next Parameter) error {
	oldest := next.Version - maxVersions
	if oldest < 1 {
		return nil
	}
	n, err := tx.Exec(`delete from secrets_parameter_versions where parameter = $1 and version <= $2 and labels = '[]'`, next.id, oldest)
	if err == nil && n == 0 {
		err = errs.Say(ErrLabelled, labelled, next.Name, oldest)
	}
	return err
}
