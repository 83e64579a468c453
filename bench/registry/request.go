package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
)

const manifestType = "application/vnd.oci.image.manifest.v1+json"

// image is a small image that both registries have.
type image struct {
	config, layer *layer
}

// manifest names the parts of the image; what is said in it makes it one of its own.
func (i image) manifest(say string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":%q,"size":%d}],"annotations":{"say":%q}}`,
		manifestType, i.config.digest, i.config.size, i.layer.digest, i.layer.size, say)
}

func blobOf(repository string, l *layer) string { return "/v2/" + repository + "/blobs/" + l.digest }

func tagOf(repository, tag string) string { return "/v2/" + repository + "/manifests/" + tag }

// request is something small that is asked over and over.
type request struct {
	name string
	do   func(ctx context.Context, p *peer, i image, n int) error
}

var requests = []request{
	{"GET manifest", func(ctx context.Context, p *peer, i image, _ int) error {
		return p.ask(ctx, http.MethodGet, tagOf(repository, "latest"), "", "", http.StatusOK)
	}},
	{"HEAD layer", func(ctx context.Context, p *peer, i image, _ int) error {
		return p.ask(ctx, http.MethodHead, blobOf(repository, i.layer), "", "", http.StatusOK)
	}},
	{"mount layer", func(ctx context.Context, p *peer, i image, _ int) error {
		return p.ask(ctx, http.MethodPost, "/v2/"+other+"/blobs/uploads/?mount="+i.layer.digest+"&from="+repository, "", "", http.StatusCreated)
	}},
	{"PUT manifest", func(ctx context.Context, p *peer, i image, n int) error {
		return p.ask(ctx, http.MethodPut, tagOf(repository, fmt.Sprint("v", n)), manifestType, i.manifest(fmt.Sprint(n)), http.StatusCreated)
	}},
	{"no-op push", pushAgain},
}

// pushAgain is what docker does with an image whose parts are there.
func pushAgain(ctx context.Context, p *peer, i image, _ int) error {
	for _, part := range []*layer{i.layer, i.config} {
		if err := p.ask(ctx, http.MethodHead, blobOf(repository, part), "", "", http.StatusOK); err != nil {
			return err
		}
	}
	return p.ask(ctx, http.MethodPut, tagOf(repository, "latest"), manifestType, i.manifest(""), http.StatusCreated)
}

// compareRequests prints a table of small requests.
func compareRequests(ctx context.Context, out io.Writer, p plan) error {
	peers, stop, err := startAll(ctx, p)
	if err != nil {
		return err
	}
	defer stop()
	peers = peers[:2]
	i, err := seed(ctx, peers)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "request\tclients\tslipway\tdocker-registry\tratio\tslipway\tdocker-registry\t")
	for _, r := range requests {
		if !strings.Contains(r.name, p.requests) {
			continue
		}
		for _, clients := range p.clients {
			if err := compareRequest(ctx, table, p, r, clients, peers, i); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "\nTimes in a second, of all clients together, and the median of how long one takes. No-op push: HEAD of layer and\nconfig, PUT of the manifest, of an image that is there.")
	return err
}

// seed pushes the image to all.
func seed(ctx context.Context, peers []*peer) (i image, err error) {
	source, err := newLayers(4 << 10)
	if err != nil {
		return i, err
	}
	parts, err := source.batch(2)
	if err != nil {
		return i, err
	}
	i = image{parts[0], parts[1]}
	for _, p := range peers {
		for _, part := range parts {
			if err := p.push(ctx, part); err != nil {
				return i, err
			}
		}
		if err := p.ask(ctx, http.MethodPut, tagOf(repository, "latest"), manifestType, i.manifest(""), http.StatusCreated); err != nil {
			return i, err
		}
	}
	return i, nil
}

func compareRequest(ctx context.Context, out io.Writer, p plan, r request, clients int, peers []*peer, i image) error {
	rates, times := make([]float64, len(peers)), make([]time.Duration, len(peers))
	for n, peer := range peers {
		var err error
		do := func(k int) error { return r.do(ctx, peer, i, k) }
		if rates[n], times[n], err = repeat(p.seconds, clients, do); err != nil {
			return fmt.Errorf("%s: %w", peer.name, err)
		}
	}
	_, err := fmt.Fprintf(out, "%s\t%d\t%.0f/s\t%.0f/s\t%.2f\t%.2f ms\t%.2f ms\t\n", r.name, clients,
		rates[0], rates[1], rates[0]/rates[1], milliseconds(times[0]), milliseconds(times[1]))
	return err
}

// repeat has clients do something over and over, and returns how often it was done in a second, and the
// median of how long it took.
func repeat(span time.Duration, clients int, do func(n int) error) (rate float64, took time.Duration, err error) {
	all := make([][]time.Duration, clients)
	var group errgroup.Group
	start := time.Now()
	for k := range clients {
		group.Go(func() error {
			for n := k; time.Since(start) < span; n += clients {
				begun := time.Now()
				if err := do(n); err != nil {
					return err
				}
				all[k] = append(all[k], time.Since(begun))
			}
			return nil
		})
	}
	err = group.Wait()
	seconds := time.Since(start).Seconds()
	var flat []time.Duration
	for _, some := range all {
		flat = append(flat, some...)
	}
	if err != nil || len(flat) == 0 {
		return 0, 0, err
	}
	return float64(len(flat)) / seconds, median(flat), nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
