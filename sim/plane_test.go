package sim

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/events"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
)

var errAway = errs.New(errs.Unavailable, "nobody answers")

// plane is the control plane as machines and clients see it: a server that may be stopped, killed and
// started anew over the same database.
type plane struct {
	path  string
	logs  *logs
	roles *clustertest.Roles
	dice  *dice

	mu     sync.Mutex
	server *server // nil: none is up
	starts atomic.Int64
}

// server is one life of the control plane.
type server struct {
	*cluster.Control
	db   *store.DB
	from time.Time       // when it was started
	ctx  context.Context // ends with the server
	end  context.CancelFunc
	fuse *fuse          // what its loops run under
	work sync.WaitGroup // what it is asked to do, and its own loops
}

func (p *plane) start(ctx context.Context) error {
	db, err := store.Open(ctx, p.path)
	if err != nil {
		return err
	}
	if err := events.Migrate(ctx, db); err != nil {
		return err
	}
	control, err := p.control(ctx, db)
	if err != nil {
		return err
	}
	s := &server{Control: control, db: db, from: time.Now()}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.fuse = newFuse(s.ctx)
	s.work.Go(func() { control.Run(s.fuse) })
	s.work.Go(func() { p.rival(s) })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server = s
	p.starts.Add(1)
	return nil
}

func (p *plane) control(ctx context.Context, db *store.DB) (*cluster.Control, error) {
	return cluster.New(ctx, db, cluster.Config{
		Account: accounts[0], Region: region, Registry: "127.0.0.1:4600",
		Images: slow{&clustertest.Images{}, p.dice}, Logs: p.logs, Roles: p.roles,
	})
}

// rival has another server over the same database look after things too, again and again, as long as s lives. It begins
// and ends at any step.
func (p *plane) rival(s *server) {
	for pause(s.ctx, p.dice.about(20*time.Second)) {
		c, err := p.control(s.ctx, s.db)
		if err != nil {
			continue // its database is closed
		}
		f := newFuse(s.ctx)
		var loops sync.WaitGroup
		loops.Go(func() { c.Run(f) })
		if pause(s.ctx, p.dice.about(20*time.Second)) {
			f.light(1 + p.dice.upTo(400))
			pause(s.ctx, 10*time.Second)
		}
		f.end()
		loops.Wait()
	}
}

// slow are images that take their time to be found, in which other things may happen.
type slow struct {
	*clustertest.Images
	dice *dice
}

func (i slow) Find(ctx context.Context, account, name string) (cluster.Image, error) {
	if i.dice.chance(200) {
		pause(ctx, min(i.dice.about(200*time.Millisecond), time.Second))
	}
	return i.Images.Find(ctx, account, name)
}

// stop ends the server. One that is killed writes nothing down any more.
func (p *plane) stop(killed bool) {
	p.mu.Lock()
	s := p.server
	p.server = nil
	p.mu.Unlock()
	if killed {
		s.db.Close()
	}
	s.end()
	s.work.Wait()
	s.db.Close()
}

// enter finds the server for one request; leave it when it is done.
func (p *plane) enter() (s *server, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return nil, errAway
	}
	p.server.work.Add(1)
	return p.server, nil
}

func (s *server) leave() { s.work.Done() }

// ask has the server do something. The answer of one that dies meanwhile reaches nobody.
func ask[Out any](p *plane, do func(*server) (Out, error)) (out Out, err error) {
	s, err := p.enter()
	if err != nil {
		return out, err
	}
	defer s.leave()
	result, err := do(s)
	if s.ctx.Err() != nil {
		return out, errAway
	}
	return result, err
}

// knownToRun names the tasks of a node that were reported running, at the least.
func (s *server) knownToRun(ctx context.Context, node string) (known map[string]bool, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		known = map[string]bool{}
		return tx.Each(`select id from tasks where node = $1 and status >= $2`, []any{node, nodeapi.Running}, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			known[id] = true
			return err
		})
	})
	return known, err
}

// later has the server do something after a while, if it still lives then, or at once and beside what else it does.
func (p *plane) later(after time.Duration, do func(context.Context, *server)) {
	s, err := p.enter()
	if err != nil {
		return
	}
	go func() {
		defer s.leave()
		if after == 0 || pause(s.ctx, after) {
			do(s.ctx, s)
		}
	}()
}

// weather stops and kills the server now and then until ctx ends, and leaves one that is up.
func (p *plane) weather(ctx context.Context, d *dice, fail func(error)) {
	for pause(ctx, d.about(90*time.Second)) {
		killed := d.chance(600)
		if killed && d.chance(500) {
			p.burn(ctx, 1+d.upTo(2000))
		}
		p.stop(killed)
		pause(ctx, d.about(10*time.Second))
		if err := p.start(context.WithoutCancel(ctx)); err != nil {
			fail(err)
			return
		}
	}
}

// burn lets the server's loops take so many more steps, and waits until they have, or some seconds have passed.
func (p *plane) burn(ctx context.Context, steps int) {
	p.mu.Lock()
	s := p.server
	p.mu.Unlock()
	s.fuse.light(steps)
	gone, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	select {
	case <-s.fuse.Context.Done():
	case <-gone.Done():
	}
}

// fuse is a context that may end at any step of what is done under it: at a number of looks at it.
type fuse struct {
	context.Context
	left atomic.Int64 // 0: it does not burn
	end  context.CancelFunc
}

func newFuse(ctx context.Context) *fuse {
	f := &fuse{}
	f.Context, f.end = context.WithCancel(ctx)
	return f
}

func (f *fuse) light(steps int) { f.left.Store(int64(steps)) }

func (f *fuse) burn() {
	if f.left.Load() > 0 && f.left.Add(-1) == 0 {
		f.end()
	}
}

// Done implements context.Context.
func (f *fuse) Done() <-chan struct{} {
	f.burn()
	return f.Context.Done()
}

// Err implements context.Context.
func (f *fuse) Err() error {
	f.burn()
	return f.Context.Err()
}
