package registry

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"unicode/utf8"

	"slipway/store"
)

// Labels are names with values that people put on a repository; AWS calls them tags.

const (
	maxLabels     = 50
	maxLabelName  = 128
	maxLabelValue = 256
)

// Label adds labels to a repository, over those of the same name. It returns ErrNoRepository, ErrLabel
// or ErrTooManyLabels.
func (c *Control) Label(ctx context.Context, account, name string, labels map[string]string) error {
	return c.update(ctx, account, name, func(tx *store.Tx, repo Repository) error {
		return setLabels(tx, repo, labels)
	})
}

// Unlabel takes labels away. Those that are not there are no error.
func (c *Control) Unlabel(ctx context.Context, account, name string, labels []string) error {
	return c.update(ctx, account, name, func(tx *store.Tx, repo Repository) error {
		for _, label := range labels {
			if _, err := tx.Exec(`delete from registry_labels where repository = $1 and name = $2`, repo.id, label); err != nil {
				return err
			}
		}
		return nil
	})
}

// Labels returns the labels of a repository.
func (c *Control) Labels(ctx context.Context, account, name string) (labels map[string]string, err error) {
	err = c.view(ctx, account, name, func(tx *store.Tx, repo Repository) error {
		labels = map[string]string{}
		return tx.Each(`select name, value from registry_labels where repository = $1`, []any{repo.id}, func(rows *sql.Rows) error {
			var name, value string
			if err := rows.Scan(&name, &value); err != nil {
				return err
			}
			labels[name] = value
			return nil
		})
	})
	return labels, err
}

func setLabels(tx *store.Tx, repo Repository, labels map[string]string) error {
	for name, value := range labels {
		if err := checkLabel(name, value); err != nil {
			return err
		}
		_, err := tx.Exec(`insert into registry_labels (repository, name, value) values ($1, $2, $3)
			on conflict (repository, name) do update set value = excluded.value`, repo.id, name, value)
		if err != nil {
			return err
		}
	}
	var n int
	if err := tx.Row(`select count(*) from registry_labels where repository = $1`, repo.id).Scan(&n); err != nil {
		return err
	}
	if n > maxLabels {
		return fmt.Errorf("%w: %d, at most %d are kept", ErrTooManyLabels, n, maxLabels)
	}
	return nil
}

func checkLabel(name, value string) error {
	switch {
	case name == "" || utf8.RuneCountInString(name) > maxLabelName:
		return fmt.Errorf("%w: name %q, want 1 to %d characters", ErrLabel, name, maxLabelName)
	case strings.HasPrefix(strings.ToLower(name), "aws:"):
		return fmt.Errorf("%w: name %q, and aws: is reserved", ErrLabel, name)
	case utf8.RuneCountInString(value) > maxLabelValue:
		return fmt.Errorf("%w: the value of %s is longer than %d characters", ErrLabel, name, maxLabelValue)
	}
	return nil
}
