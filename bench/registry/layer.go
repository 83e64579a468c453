package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
)

// layer is bytes that nobody has: those that all of its size share, and some of its own.
type layer struct {
	shared []byte
	own    []byte
	size   int64
	digest string
}

func (l *layer) reader() io.Reader {
	return io.MultiReader(bytes.NewReader(l.shared), bytes.NewReader(l.own))
}

// layers makes layers of one size. The bytes that they share are hashed once.
type layers struct {
	shared []byte
	hashed []byte // state of SHA-256 after them
}

const ownSize = 32

func newLayers(size int) (*layers, error) {
	made := &layers{shared: make([]byte, max(0, size-ownSize))}
	rand.Read(made.shared)
	h := sha256.New()
	h.Write(made.shared)
	var err error
	made.hashed, err = h.(encoding.BinaryMarshaler).MarshalBinary()
	return made, err
}

func (s *layers) next() (*layer, error) {
	own := make([]byte, ownSize)
	rand.Read(own)
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(s.hashed); err != nil {
		return nil, err
	}
	h.Write(own)
	return &layer{s.shared, own, int64(len(s.shared) + ownSize), fmt.Sprintf("sha256:%x", h.Sum(nil))}, nil
}

// row is one size of layer and a number of clients.
type row struct {
	size    int
	clients int
	rounds  int
	each    int // layers of each client in a round
}

// rows of a plan: in each, some hundreds of megabytes move, and in those of large layers more.
func (p plan) rows() (all []row) {
	for _, size := range p.sizes {
		for _, clients := range p.clients {
			if size >= large && clients > 1 && p.largeAlone {
				continue
			}
			r := row{size, clients, min(40, max(3, 600<<20/(size*clients))), 1}
			if size <= 4<<20 {
				r.each, r.rounds = 4, max(5, r.rounds/4)
			}
			if p.rounds > 0 {
				r.rounds = p.rounds
			}
			all = append(all, r)
		}
	}
	return all
}

// compareLayers prints a table of pushes and pulls.
func compareLayers(ctx context.Context, out io.Writer, p plan) error {
	if len(p.sizes) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "layer\tclients\t\tslipway\tdocker-registry\tratio\tfloor\tof it\tpeak memory\tits\t")
	for _, r := range p.rows() {
		if err := compareRow(ctx, table, p, r); err != nil {
			return errors.Join(err, table.Flush())
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "\nMB/s of all clients together, medians. A ratio above 1 means that Slipway is faster. Push: POST, PATCH, PUT of\na layer that nobody has; its floor is SHA-256 on one core. Pull: GET of it; its floor is the file server.\n ")
	return err
}

// compareRow starts the servers anew, so that their memory tells of this row alone.
func compareRow(ctx context.Context, out io.Writer, p plan, r row) error {
	peers, stop, err := startAll(ctx, p)
	if err != nil {
		return err
	}
	defer stop()
	pushes, pulls, err := measure(ctx, r, peers)
	if err != nil {
		return err
	}
	floor := hashRate()
	for _, m := range []struct {
		name  string
		rates [][]float64
	}{{"push", pushes}, {"pull", pulls}} {
		ours, theirs := median(m.rates[0]), median(m.rates[1])
		if m.name == "pull" {
			floor = median(m.rates[2])
		}
		fmt.Fprintf(out, "%s\t%d\t%s\t%.0f\t%.0f\t%.2f\t%.0f\t%.0f %%\t%.0f MB\t%.0f MB\t\n", showSize(r.size), r.clients, m.name,
			ours, theirs, ours/theirs, floor, 100*ours/floor, peers[0].peak(), peers[1].peak())
	}
	return nil
}

// startAll starts Slipway, docker-registry and the file server.
func startAll(ctx context.Context, p plan) (peers []*peer, stop func(), err error) {
	stop = func() {
		for _, started := range peers {
			started.stop()
		}
	}
	for _, begin := range []func() (*peer, error){
		func() (*peer, error) { return startSlipway(ctx, p.slipway, filepath.Join(p.dir, "data")) },
		func() (*peer, error) { return startDockerRegistry(ctx, filepath.Join(p.dir, "docker-registry")) },
		func() (*peer, error) { return startFileServer(ctx, filepath.Join(p.dir, "files")) },
	} {
		started, err := begin()
		if err != nil {
			stop()
			return nil, nil, err
		}
		peers = append(peers, started)
	}
	return peers, stop, nil
}

// measure takes turns, so that whatever else the machine does meets all. The rates are MB/s, by peer.
func measure(ctx context.Context, r row, peers []*peer) (pushes, pulls [][]float64, err error) {
	pushes, pulls = make([][]float64, len(peers)), make([][]float64, len(peers))
	source, err := newLayers(r.size)
	if err != nil {
		return nil, nil, err
	}
	for round := range r.rounds {
		batch, err := source.batch(r.clients * r.each)
		if err != nil {
			return nil, nil, err
		}
		for i := range peers {
			i = (i + round) % len(peers)
			if err := warmMemory(len(batch) * r.size); err != nil {
				return nil, nil, err
			}
			syscall.Sync() // what another left to be written is not waited for by this one
			pushed, err := r.clock(ctx, batch, peers[i].bring)
			if err != nil {
				return nil, nil, fmt.Errorf("push to %s: %w", peers[i].name, err)
			}
			pulled, err := r.clock(ctx, batch, peers[i].pull)
			if err != nil {
				return nil, nil, fmt.Errorf("pull from %s: %w", peers[i].name, err)
			}
			if round > 0 || r.rounds == 1 { // the first warms up
				pushes[i], pulls[i] = append(pushes[i], pushed), append(pulls[i], pulled)
			}
		}
	}
	return pushes, pulls, nil
}

func (s *layers) batch(n int) (batch []*layer, err error) {
	for range n {
		l, err := s.next()
		if err != nil {
			return nil, err
		}
		batch = append(batch, l)
	}
	return batch, nil
}

// bring gets a layer to a peer. The file server is given files.
func (p *peer) bring(ctx context.Context, l *layer) error {
	if p.name == fileServerName {
		return l.keep(p.dir)
	}
	return p.push(ctx, l)
}

// clock has the clients of a row do something with all layers of a round, and returns the rate in MB/s.
func (r row) clock(ctx context.Context, batch []*layer, do func(context.Context, *layer) error) (float64, error) {
	all, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for mine := range slices.Chunk(batch, r.each) {
		all.Go(func() error {
			for _, l := range mine {
				if err := do(ctx, l); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := all.Wait()
	return float64(len(batch)*r.size) / 1e6 / time.Since(start).Seconds(), err
}

func median[T float64 | time.Duration](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}
