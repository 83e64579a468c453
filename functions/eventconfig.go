package functions

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/store"
)

// EventConfig says what becomes of calls that nobody waits for. What is nil or "" is as usual.
//
// Source: API Reference, "FunctionEventInvokeConfig".
type EventConfig struct {
	Retries   *int   `json:"retries,omitempty"`   // after the function failed
	MaxAge    *int   `json:"maxAge,omitempty"`    // seconds after which a call is given up
	OnSuccess string `json:"onSuccess,omitempty"` // ARN of the function that is told
	OnFailure string `json:"onFailure,omitempty"` // or of the bucket

	Qualifier string    `json:"-"` // "": of the function itself
	Modified  time.Time `json:"-"`
}

// SetEventConfig sets what is said of a function, a version or an alias: edit changes what was said, which is
// nothing where anew is set. It returns ErrNoFunction, ErrInput, or ErrNoSetting where nothing was said and anew is not set.
func (c *Control) SetEventConfig(ctx context.Context, r Ref, anew bool, edit func(*EventConfig)) (e EventConfig, err error) {
	var asked EventConfig
	if edit(&asked); bucketOf(asked.OnSuccess)+bucketOf(asked.OnFailure) != "" {
		if err := c.checkBuckets(ctx, r.Account, asked); err != nil {
			return e, err
		}
	}
	err = c.editPlace(ctx, r, func(tx *store.Tx, p place) error {
		settings, _, err := p.setting(tx, kindEvent)
		if err == nil && settings == "" && !anew {
			err = c.noEventConfig(r)
		}
		if err == nil && anew {
			settings = ""
		}
		if err == nil {
			e, err = readEventConfig(settings)
		}
		if err != nil {
			return err
		}
		edit(&e)
		e.Qualifier, e.Modified = p.Qualifier, tx.Now
		if err := c.checkDestinations(tx, p, e); err != nil {
			return err
		}
		return p.set(tx, kindEvent, text(e))
	})
	return e, noFunctionFor(err)
}

// noFunctionFor words a function, version or alias that is not there as AWS does where these settings are set.
func noFunctionFor(err error) error {
	if errors.Is(err, ErrNoFunction) || errors.Is(err, ErrNoAlias) {
		return errs.Say(ErrNoFunction, "The function doesn't exist.")
	}
	return err
}

func (c *Control) noEventConfig(r Ref) error {
	if r.Qualifier == "" {
		r.Qualifier = Latest
	}
	return errs.Say(ErrNoSetting, "The function %s doesn't have an EventInvokeConfig", c.ARN(r))
}

func readEventConfig(settings string) (e EventConfig, err error) {
	if settings == "" {
		return EventConfig{}, nil
	}
	if err := json.Unmarshal([]byte(settings), &e); err != nil {
		return EventConfig{}, fmt.Errorf("event invoke configuration: %w", err)
	}
	return e, nil
}

// checkDestinations refuses to tell what is no function, or not there, or the function itself.
func (c *Control) checkDestinations(tx *store.Tx, p place, e EventConfig) error {
	for _, to := range []string{e.OnSuccess, e.OnFailure} {
		if to == "" || bucketOf(to) != "" { // buckets are checked before
			continue
		}
		if err := c.checkDestination(tx, p, to); err != nil {
			return err
		}
	}
	return nil
}

func (c *Control) checkDestination(tx *store.Tx, p place, to string) error {
	if a, err := arn.Parse(to); err != nil || a.Service != "lambda" {
		return errs.Say(ErrInput, "The destination %s is not supported by Slipway: a destination is the ARN of a function, or of a bucket for failures", to)
	}
	r, err := c.ParseFunction(p.Account, to, "")
	if err == nil && r.Account == p.Account && r.Name == p.Name {
		return errs.Say(ErrInput, "You can't specify the function as a destination for itself.")
	}
	if err == nil && r.Account == p.Account {
		_, err = c.place(tx, r)
	} else if err == nil {
		err = ErrNoFunction // what is foreign and what is missing look the same
	}
	if err != nil && errs.KindOf(err) != errs.Internal {
		err = errs.Say(ErrInput, "The destination ARN %s is invalid.", to)
	}
	return err
}

// EventConfigOf reads what is said of a function, a version or an alias. It returns ErrNoSetting.
func (c *Control) EventConfigOf(ctx context.Context, r Ref) (e EventConfig, err error) {
	err = c.viewPlace(ctx, r, func(tx *store.Tx, p place) error {
		settings, modified, err := p.setting(tx, kindEvent)
		if err == nil && settings == "" {
			err = ErrNoSetting
		}
		if err == nil {
			e, err = readEventConfig(settings)
		}
		e.Qualifier, e.Modified = p.Qualifier, store.Time(modified)
		return err
	})
	if errs.KindOf(err) == errs.NotFound {
		err = c.noEventConfig(r)
	}
	return e, err
}

// EventConfigs lists what is said of a function, its versions and its aliases, by qualifier. It returns ErrNoFunction.
func (c *Control) EventConfigs(ctx context.Context, r Ref) (list []EventConfig, err error) {
	err = c.viewPlace(ctx, r.Whole(), func(tx *store.Tx, p place) error {
		list = nil
		return tx.Each(`select qualifier, settings, modified from functions_beside where function = $1 and kind = $2 order by qualifier`, []any{p.id, kindEvent}, func(rows *sql.Rows) error {
			var qualifier []byte
			var settings string
			var modified int64
			if err := rows.Scan(&qualifier, &settings, &modified); err != nil {
				return err
			}
			e, err := readEventConfig(settings)
			e.Qualifier, e.Modified = string(qualifier), store.Time(modified)
			list = append(list, e)
			return err
		})
	})
	return list, noFunctionFor(err)
}

// DeleteEventConfig has it all as usual again. It returns ErrNoSetting.
func (c *Control) DeleteEventConfig(ctx context.Context, r Ref) error {
	err := c.editPlace(ctx, r, func(tx *store.Tx, p place) error {
		settings, _, err := p.setting(tx, kindEvent)
		if err == nil && settings == "" {
			err = ErrNoSetting
		}
		if err == nil {
			err = p.set(tx, kindEvent, "")
		}
		return err
	})
	if errs.KindOf(err) == errs.NotFound {
		err = c.noEventConfig(r)
	}
	return err
}

// eventRules are the rules for calls of a function, which is an ARN without a qualifier, as it was called. Those of a
// function that is gone are the usual ones.
func (c *Control) eventRules(tx *store.Tx, function, qualifier string) (rules, error) {
	found := usualRules
	if bucketOf(function) != "" {
		return found, nil
	}
	r, err := c.ParseFunction("", function, "")
	if err != nil {
		return found, err
	}
	if qualifier == Latest {
		qualifier = ""
	}
	var settings string
	err = tx.Row(`select b.settings from functions_beside b join functions_functions f on f.id = b.function
		where f.account = $1 and f.name = $2 and b.qualifier = $3 and b.kind = $4`, r.Account, []byte(r.Name), []byte(qualifier), kindEvent).Scan(&settings)
	if errors.Is(err, store.ErrNoRows) {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	e, err := readEventConfig(settings)
	return e.rules(), err
}

// rules are what is said, and what is usual where nothing is.
func (e EventConfig) rules() rules {
	r := usualRules
	if e.Retries != nil {
		r.Retries = *e.Retries
	}
	if e.MaxAge != nil {
		r.MaxAge = time.Duration(*e.MaxAge) * time.Second
	}
	r.OnSuccess, r.OnFailure = e.OnSuccess, e.OnFailure
	return r
}
