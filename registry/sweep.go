package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"slipway/events"
	"slipway/store"
)

// sweepTurn is the turn of what deletes.
const sweepTurn = "sweep"

// Swept is something that a sweep took away, or would.
type Swept struct {
	Kind       string `json:"kind"` // "image", "layer"
	Account    string `json:"account,omitempty"`
	Repository string `json:"repository,omitempty"`
	Digest     Digest `json:"digest"` // of a layer that is sealed with a key: the name that its bytes have
	Bytes      int64  `json:"bytes"`  // that are free then; of an image none, and 0 also where it is not known
	Why        string `json:"why"`    // "marked", "untagged", "unneeded", "orphan"
}

// SweepReport is what a sweep did, or would do.
type SweepReport struct {
	DryRun  bool      `json:"dryRun"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Images  int       `json:"images"`
	Layers  int       `json:"layers"` // and other blobs
	Freed   int64     `json:"freed"`  // bytes
}

// Sweep takes away what is marked, images without tags that nobody used for long, and blobs that no image
// needs and no push holds; beside pushes and pulls, which it stops none of. say is told of everything
// that goes. A dry run says what would go now, and changes nothing. It returns ErrSweeping while another
// sweep runs. One that was cut off, by its ctx or a crash, left nothing half done that the next does not
// find.
func (c *Control) Sweep(ctx context.Context, dryRun bool, say func(Swept)) (SweepReport, error) {
	s := &sweep{c: c, say: say, pace: pace{rate: c.sweeping.Rate}, why: map[Digest]string{}, report: SweepReport{DryRun: dryRun, Started: time.Now().UTC()}}
	err := s.run(ctx)
	s.report.Ended = time.Now().UTC()
	return s.report, err
}

type sweep struct {
	c      *Control
	turn   *turn // nil: a dry run
	say    func(Swept)
	pace   pace
	report SweepReport
	id     int64

	why map[Digest]string // why the blobs go that are doomed now

	gone  map[imageKey]bool  // images that a dry run would take away
	needs map[Digest][]int64 // what they need, and in which repositories
}

type imageKey struct {
	repository int64
	digest     Digest
}

func (s *sweep) run(ctx context.Context) (err error) {
	if s.report.DryRun {
		s.gone, s.needs = map[imageKey]bool{}, map[Digest][]int64{}
		return s.each(ctx)
	}
	if s.turn, err = s.c.takeTurn(ctx, sweepTurn); errors.Is(err, errTurn) {
		return ErrSweeping
	} else if err != nil {
		return err
	}
	err = s.begin(ctx)
	if err == nil {
		err = s.each(ctx)
	}
	if err == nil {
		err = s.end(ctx)
	}
	return errors.Join(err, s.turn.leave(ctx))
}

// each does the parts of a sweep. Images go before the blobs that they need.
func (s *sweep) each(ctx context.Context) error {
	for _, part := range []func(context.Context) error{s.doomed, s.images, s.blobs, s.orphans} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *sweep) tell(what Swept) {
	if what.Kind == "image" {
		s.report.Images++
	} else {
		s.report.Layers++
	}
	s.report.Freed += what.Bytes
	s.say(what)
}

func (s *sweep) begin(ctx context.Context) error {
	return s.c.db.Update(ctx, func(tx *store.Tx) (err error) {
		if s.id, err = tx.Next(); err != nil {
			return err
		}
		_, err = tx.Exec(`insert into registry_sweeps (id, started, ended, images, layers, freed) values ($1, $2, 0, 0, 0, 0)`, s.id, store.Micros(tx.Now))
		return err
	})
}

type sweepEvent struct {
	Images int   `json:"images"`
	Layers int   `json:"layers"`
	Freed  int64 `json:"freed"`
}

func (s *sweep) end(ctx context.Context) error {
	r := s.report
	return s.c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`update registry_sweeps set ended = $2, images = $3, layers = $4, freed = $5 where id = $1`,
			s.id, store.Micros(tx.Now), r.Images, r.Layers, r.Freed)
		if err != nil {
			return err
		}
		return events.Append(tx, "", "registry.swept", fmt.Sprint("sweep/", s.id), sweepEvent{r.Images, r.Layers, r.Freed})
	})
}

// doomed finishes what an earlier sweep began.
func (s *sweep) doomed(ctx context.Context) error {
	if !s.report.DryRun {
		return s.c.finishDoomed(ctx, s.turn, s.tellDoomed)
	}
	for after := Digest(""); ; {
		var some []doomed
		err := s.c.db.View(ctx, func(tx *store.Tx) (err error) {
			some, err = listDoomed(tx, after, pageSize)
			return err
		})
		if err != nil || len(some) == 0 {
			return err
		}
		for _, gone := range some {
			s.tellDoomed(gone)
		}
		after = some[len(some)-1].digest
	}
}

func (s *sweep) tellDoomed(gone doomed) {
	why := cmp.Or(s.why[gone.digest], whyUnneeded)
	delete(s.why, gone.digest)
	s.tell(Swept{Kind: "layer", Digest: gone.digest, Bytes: gone.size, Why: why})
}

// pace lets so many things happen in a second.
type pace struct {
	rate int // 0: any number
	next time.Time
}

// wait waits until n things more may happen.
func (p *pace) wait(ctx context.Context, n int) error {
	if p.rate == 0 || n == 0 {
		return ctx.Err()
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	pause := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}

// SweepRuns lists the latest sweeps, the last first. One that did not end has no Ended.
func (c *Control) SweepRuns(ctx context.Context, limit int) (all []SweepReport, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all, err = listSweeps(tx, limit)
		return err
	})
	return all, err
}

// sweepPause is how often it is looked whether a sweep is due.
const sweepPause = time.Minute

// sweepWhenDue sweeps if it is time to, and no other server does.
func (c *Control) sweepWhenDue(ctx context.Context) error {
	due := false
	err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
		due, err = c.isDue(tx)
		return err
	})
	if err != nil || !due {
		return err
	}
	report, err := c.Sweep(ctx, false, func(Swept) {})
	if errors.Is(err, ErrSweeping) {
		return nil
	}
	if err != nil {
		return err
	}
	slog.Info("swept the registry", "images", report.Images, "layers", report.Layers, "freed", report.Freed, "took", report.Ended.Sub(report.Started))
	return c.db.Update(ctx, func(tx *store.Tx) error { return c.plan(tx) })
}

// isDue reports whether a sweep is due, and plans one where none is planned, or for another time of day.
func (c *Control) isDue(tx *store.Tx) (bool, error) {
	if c.sweeping.At == "off" {
		return false, nil
	}
	var due int64
	var at string
	err := tx.Row(`select due, at from registry_schedule where name = $1`, sweepTurn).Scan(&due, &at)
	if noRows(err) || err == nil && at != c.sweeping.At {
		return false, c.plan(tx)
	}
	return err == nil && store.Micros(tx.Now) >= due, err
}

// plan plans the next sweep.
func (c *Control) plan(tx *store.Tx) error {
	_, err := tx.Exec(`insert into registry_schedule (name, due, at) values ($1, $2, $3)
		on conflict (name) do update set due = excluded.due, at = excluded.at`,
		sweepTurn, store.Micros(c.sweeping.next(tx.Now)), c.sweeping.At)
	return err
}
