package functions

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"slipway/functions/fleet"
	"slipway/internal/errs"
	"slipway/store"
)

// Provisioned is how many sandboxes of a version or alias are always ready.
type Provisioned struct {
	Qualifier string
	Requested int
	Allocated int // that are there, or begin to be
	Ready     int // that take calls
	Status    string
	Reason    string // why it failed
	Modified  time.Time
}

// The states of provisioned concurrency.
const (
	ProvisionInProgress = "IN_PROGRESS"
	ProvisionReady      = "READY"
	ProvisionFailed     = "FAILED"
)

// Provision has so many sandboxes of a version or alias always ready, from some time on. It returns ErrNoFunction,
// ErrNoAlias, ErrInput, or ErrThere where the version and an alias of it would both have their own.
func (c *Control) Provision(ctx context.Context, r Ref, n int) (Provisioned, error) {
	if r.Qualifier == Latest || r.Qualifier == "" {
		return Provisioned{}, notProvisioned
	}
	set := Provisioned{Qualifier: r.Qualifier, Requested: n, Status: ProvisionInProgress}
	err := c.editPlace(ctx, r, func(tx *store.Tx, p place) error {
		set.Modified = tx.Now
		if p.version == 0 { // what an alias stands for
			return notProvisioned
		}
		err := p.checkTwice(tx)
		if err == nil {
			err = c.checkProvisioned(tx, p, n)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(`insert into functions_provisioned (function, qualifier, requested, modified) values ($1, $2, $3, $4)
			on conflict (function, qualifier) do update set requested = excluded.requested, modified = excluded.modified`,
			p.id, []byte(p.Qualifier), n, store.Micros(tx.Now))
		return err
	})
	return set, err
}

var notProvisioned = errs.Say(ErrInput, "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")

// checkTwice refuses to have sandboxes of a version ready for itself and for an alias.
func (p place) checkTwice(tx *store.Tx) error {
	if !isNumber(p.Qualifier) {
		return refuseAny(tx, "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
			`select count(*) from functions_provisioned where function = $1 and qualifier = $2`, p.id, []byte(versionName(p.version)))
	}
	return refuseAny(tx, "Version is pointed by a Provisioned Concurrency alias",
		`select count(*) from functions_provisioned p join functions_aliases a on a.function = p.function and a.name = p.qualifier
		where p.function = $1 and a.version = $2`, p.id, p.version)
}

// refuseAny fails with ErrThere if a query counts any.
func refuseAny(tx *store.Tx, sentence, query string, args ...any) error {
	var n int
	err := tx.Row(query, args...).Scan(&n)
	if err == nil && n > 0 {
		err = errs.Say(ErrThere, "%s", sentence)
	}
	return err
}

// checkProvisioned refuses more than the function or the account has.
func (c *Control) checkProvisioned(tx *store.Tx, p place, n int) error {
	others, err := p.provisioned(tx)
	if err != nil {
		return err
	}
	if p.reserved >= 0 {
		if others+n > p.reserved {
			return errs.Say(ErrInput, "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
		}
		return nil
	}
	if n > c.concurrency() {
		return errs.Say(ErrInput, "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].", c.concurrency())
	}
	left, err := c.unreserved(tx, p.Account, p.id)
	if err == nil && left-others-n < minUnreserved {
		err = errs.Say(ErrInput, "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved)
	}
	return err
}

// provisioned is how much the function has provisioned, for this place aside.
func (p place) provisioned(tx *store.Tx) (n int, err error) {
	err = tx.Row(`select coalesce(sum(requested), 0) from functions_provisioned where function = $1 and not (qualifier = $2 and $3)`,
		p.id, []byte(p.Qualifier), p.Qualifier != "").Scan(&n)
	return n, err
}

// Unprovision ends it; what does not have any has none. It returns ErrNoFunction, ErrNoAlias or ErrInput.
func (c *Control) Unprovision(ctx context.Context, r Ref) error {
	if r.Qualifier == Latest {
		return errs.Say(ErrInput, "The function resource provided must be an alias or a published version.")
	}
	return c.editPlace(ctx, r, func(tx *store.Tx, p place) error {
		_, err := tx.Exec(`delete from functions_provisioned where function = $1 and qualifier = $2`, p.id, []byte(p.Qualifier))
		return err
	})
}

// ProvisionedOf tells how far it is for a version or alias. It returns ErrNoFunction, ErrNoAlias, ErrInput or
// ErrNoProvisioned.
func (c *Control) ProvisionedOf(ctx context.Context, r Ref) (Provisioned, error) {
	if r.Qualifier == Latest {
		return Provisioned{}, errs.Say(ErrInput, "The function resource provided must be an alias or a published version.")
	}
	list, err := c.provisionedList(ctx, r)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w", ErrNoProvisioned)
	}
	if err != nil {
		return Provisioned{}, err
	}
	return list[0], nil
}

// AllProvisioned lists what a function has provisioned, by qualifier. It returns ErrNoFunction.
func (c *Control) AllProvisioned(ctx context.Context, r Ref) ([]Provisioned, error) {
	return c.provisionedList(ctx, r.Whole())
}

func (c *Control) provisionedList(ctx context.Context, r Ref) (list []Provisioned, err error) {
	err = c.viewPlace(ctx, r, func(tx *store.Tx, p place) error {
		list = nil
		return tx.Each(`select qualifier, requested, modified from functions_provisioned where function = $1 and (qualifier = $2 or $3) order by qualifier`,
			[]any{p.id, []byte(p.Qualifier), p.Qualifier == ""}, func(rows *sql.Rows) error {
				var qualifier []byte
				var one Provisioned
				var modified int64
				err := rows.Scan(&qualifier, &one.Requested, &modified)
				one.Qualifier, one.Modified = string(qualifier), store.Time(modified)
				list = append(list, one)
				return err
			})
	})
	for i := range list {
		if err == nil {
			err = c.progress(ctx, r, &list[i])
		}
	}
	return list, err
}

// progress asks the fleet how far it is, wherever that is.
func (c *Control) progress(ctx context.Context, r Ref, one *Provisioned) error {
	r.Qualifier = one.Qualifier
	one.Status = ProvisionInProgress
	at := c.elsewhere(r.Account)
	if at == nil {
		return c.progressHere(ctx, r, one)
	}
	there, err := c.config.Peers.Progress(ctx, at, r, *one)
	if err != nil {
		one.Reason = reasonOf(err)
		return ctx.Err()
	}
	*one = there
	return nil
}

func (c *Control) progressHere(ctx context.Context, r Ref, one *Provisioned) error {
	f, err := c.find(ctx, r)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return nil // it has gone meanwhile
	case err != nil:
		return err
	case f.target == nil:
		one.Reason = reasonOf(f.err)
		return nil
	}
	var trouble error
	for _, part := range f.target.parts(one.Requested) {
		now := c.config.Fleet.Provisioned(part.release)
		one.Allocated += min(now.Allocated, part.n)
		one.Ready += min(now.Ready, part.n)
		trouble = cmp.Or(trouble, now.Err)
	}
	if one.Ready >= one.Requested {
		one.Status = ProvisionReady
	} else if trouble != nil {
		one.fail(trouble)
	}
	return nil
}

// fail says why there are not as many as there are to be. Machines that are away may be back in a moment, so that is no failure.
func (p *Provisioned) fail(err error) {
	if errs.KindOf(err) != errs.Unavailable {
		p.Status = ProvisionFailed
	}
	p.Reason = reasonOf(err)
	if _, is := errors.AsType[*fleet.Failure](err); is {
		p.Reason = why(err).Reason
	}
}
