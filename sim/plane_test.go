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
	control, err := cluster.New(ctx, db, cluster.Config{
		Account: accounts[0], Region: region, Registry: "127.0.0.1:4600",
		Images: &clustertest.Images{}, Logs: p.logs, Roles: p.roles,
	})
	if err != nil {
		return err
	}
	s := &server{Control: control, db: db, from: time.Now()}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.work.Go(func() { control.Run(s.ctx) })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server = s
	p.starts.Add(1)
	return nil
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
		p.stop(d.chance(600))
		pause(ctx, d.about(10*time.Second))
		if err := p.start(context.WithoutCancel(ctx)); err != nil {
			fail(err)
			return
		}
	}
}
