package secrets

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"slipway/internal/errs"
	"slipway/internal/lazyregexp"
	"slipway/store"
)

var labelForm = lazyregexp.New(`^[A-Za-z_.-][A-Za-z0-9_.-]*$`)

// maxLabels is how many labels a version may have.
const maxLabels = 10

// validLabel reports whether versions can be called that.
// Source: AWS Systems Manager User Guide, "Working with parameter labels".
func validLabel(label string) bool {
	lower := strings.ToLower(label)
	return len(label) <= 100 && labelForm.MatchString(label) && !strings.HasPrefix(lower, "aws") && !strings.HasPrefix(lower, "ssm")
}

// Label moves labels to a version of a parameter, from whichever other has them; version 0 is the newest. It
// returns the version, and the labels that are none. It returns ErrNoParameter, ErrNoVersion or ErrTooManyLabels.
func (c *Control) Label(ctx context.Context, ref ParameterRef, version int64, labels []string) (labelled int64, invalid []string, err error) {
	err = c.changeParameter(ctx, ref, func(tx *store.Tx, p Parameter) error {
		if labelled, invalid = version, nil; version == 0 {
			labelled = p.Version
		}
		var valid []string
		for _, l := range labels {
			if validLabel(l) {
				valid = append(valid, l)
			} else {
				invalid = append(invalid, l)
			}
		}
		return c.moveLabels(tx, p, labelled, valid)
	})
	return labelled, invalid, err
}

func (c *Control) moveLabels(tx *store.Tx, p Parameter, to int64, labels []string) error {
	versions, err := c.listVersions(tx, p, 0, 2*maxVersions)
	if err != nil {
		return err
	}
	found := false
	for _, v := range versions {
		have := slices.DeleteFunc(slices.Clone(v.Labels), func(l string) bool { return slices.Contains(labels, l) })
		if v.Version == to {
			found = true
			have = append(have, labels...)
		}
		slices.Sort(have)
		have = slices.Compact(have)
		if len(have) > maxLabels {
			return errs.Say(ErrTooManyLabels, "A parameter version can have maximum %d labels.Move one or more labels to another version and try again.", maxLabels)
		}
		if err := setLabels(tx, v, have); err != nil {
			return err
		}
	}
	if !found {
		return ParameterRef{Name: p.Name, Selector: strconv.FormatInt(to, 10)}.missingVersion()
	}
	return nil
}

// Unlabel takes labels from a version of a parameter, and returns those that it took and those that the
// version has not. It returns ErrNoParameter or ErrNoVersion.
func (c *Control) Unlabel(ctx context.Context, ref ParameterRef, version int64, labels []string) (removed, invalid []string, err error) {
	err = c.changeParameter(ctx, ref, func(tx *store.Tx, p Parameter) error {
		removed, invalid = nil, nil
		v, err := c.selectVersion(tx, p, strconv.FormatInt(version, 10))
		if err != nil {
			return err
		}
		for _, l := range labels {
			if slices.Contains(v.Labels, l) {
				removed = append(removed, l)
			} else {
				invalid = append(invalid, l)
			}
		}
		return setLabels(tx, v, slices.DeleteFunc(slices.Clone(v.Labels), func(l string) bool { return slices.Contains(removed, l) }))
	})
	return removed, invalid, err
}
