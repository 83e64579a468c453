package functions

import (
	"context"
	"errors"
	"math/rand/v2"

	"slipway/functions/fleet"
	"slipway/internal/errs"
	"slipway/store"
)

// resolve is Resolve for a name that was read.
func (c *Control) resolve(ctx context.Context, r Ref) (*Target, error) {
	f, err := c.find(ctx, r)
	if err != nil {
		return nil, err
	}
	if f.target != nil && f.target.Stale == fleet.Strict && c.shared {
		if f, err = c.findAnew(ctx, r); err != nil { // another server's update may not have been heard of
			return nil, err
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	t := f.target
	if t.other != nil && rand.Float64() < t.share {
		return t.other, nil
	}
	return t, nil
}

// read reads what a name stands for. That it stands for nothing is found anew each time.
func (c *Control) read(ctx context.Context, epoch uint64, r Ref) (*finding, error) {
	var f function
	var p pointed
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		if f, err = c.readFunction(tx, r); err != nil {
			return err
		}
		p, err = c.point(tx, &f, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	if p.unreserved, err = c.unreservedIn(ctx, epoch, r.Account); err != nil {
		return nil, err
	}
	found := &finding{function: f.id, number: f.number, unreserved: p.unreserved}
	found.target, err = c.target(ctx, r, &f, p)
	if errs.KindOf(err) == errs.Conflict || errs.KindOf(err) == errs.Invalid { // as long as nothing changes it stays so
		found.err, err = err, nil
	}
	return found, err
}

// pointed is what a qualifier points to.
type pointed struct {
	version    Version
	alias      *Alias
	other      Version // that has a share of the alias's calls
	good       *Version
	unreserved int
}

// point finds what a qualifier points to. It returns ErrNoFunction.
func (c *Control) point(tx *store.Tx, f *function, r Ref) (p pointed, err error) {
	if p.version, err = c.pointVersion(tx, f, r); err != nil {
		return p, err
	}
	switch {
	case r.Qualifier == "" || r.Qualifier == Latest || isNumber(r.Qualifier):
	default:
		a, err := readAlias(tx, f, r.Qualifier)
		p.alias = &a
		if err == nil && a.Other != 0 {
			p.other, err = readVersion(tx, f, a.Other)
		}
		if err != nil {
			return p, err
		}
	}
	if p.version.Update.State == UpdateFailed {
		p.good, err = readGood(tx, f)
	}
	return p, err
}

// readGood reads what $LATEST was before an update that failed; nil: there is nothing.
func readGood(tx *store.Tx, f *function) (*Version, error) {
	v, err := readVersion(tx, f, goodNumber)
	if errors.Is(err, store.ErrNoRows) {
		return nil, nil
	}
	v.Number = 0
	return &v, err
}

// target makes what calls are told of what their name stands for. It returns ErrNotReady or ErrRuntime.
func (c *Control) target(ctx context.Context, r Ref, f *function, p pointed) (*Target, error) {
	if state := p.version.State.State; state != Active {
		return nil, errs.Say(ErrNotReady, "The operation cannot be performed at this time. The function is currently in the following state: %s", state)
	}
	t := &Target{
		ref: r, id: f.id, number: f.number,
		Account: f.account, Name: f.name, Function: c.ARN(f.ref()), ARN: c.ARN(r), Version: p.version.Qualifier(),
		Limit: fleet.Limit{Reserved: f.reserved >= 0, Function: max(f.reserved, 0), Unreserved: max(1, p.unreserved)},
	}
	t.Stale, _ = fleet.ParseStaleness(f.tags[StalenessTag]) // it was checked when it came
	runs := p.version
	if p.good != nil && !t.Stale.Bounded { // the update does not start: what was before it stays in service
		runs = *p.good
	}
	t.Since = runs.Since
	switch {
	case p.alias != nil:
		t.Line, t.Moves = t.Function+":"+p.alias.Name, p.alias.moves.times()
		if p.version.Number == 0 {
			t.Moves = p.alias.moves.seen(p.version.moves, p.alias.Since).times()
		}
		if p.alias.Since.After(t.Since) {
			t.Since = p.alias.Since
		}
	case p.version.Number == 0:
		t.Line, t.Moves = t.Function+":"+Latest, p.version.moves.times()
	}
	var err error
	if t.Release, err = c.release(ctx, f, runs); err != nil || p.other.id == "" {
		return t, err
	}
	o := *t // a share of a line is not the line, or the line would go to and fro
	o.Version, o.Since, o.Line, o.Moves = p.other.Qualifier(), p.other.Since, "", nil
	o.Release, err = c.release(ctx, f, p.other)
	t.other, t.share = &o, p.alias.Share
	return t, err
}
