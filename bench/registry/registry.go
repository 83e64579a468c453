package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// row is one size of layer, and how often it is pushed and pulled.
type row struct {
	name   string
	size   int
	rounds int
}

var rows = []row{
	{"1 MiB", 1 << 20, 60},
	{"100 MiB", 100 << 20, 12},
}

// compare measures both registries and prints a table.
func compare(ctx context.Context, out io.Writer, dir string) error {
	ours, err := startSlipway(ctx, dir)
	if err != nil {
		return err
	}
	defer ours.stop()
	theirs, err := startDockerRegistry(ctx, filepath.Join(dir, "docker-registry"))
	if err != nil {
		return err
	}
	defer theirs.stop()

	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "layer\t\tslipway\tdocker-registry\tratio\t")
	for _, r := range rows {
		if err := measure(ctx, table, r, ours, theirs); err != nil {
			return errors.Join(err, table.Flush())
		}
	}
	return table.Flush()
}

// measure takes turns, so that whatever else the machine does meets both.
func measure(ctx context.Context, out io.Writer, r row, peers ...*peer) error {
	pushes, pulls := make([][]time.Duration, len(peers)), make([][]time.Duration, len(peers))
	data := make([]byte, r.size)
	rand.Read(data)
	for round := range r.rounds {
		rand.Read(data[:32]) // a layer that nobody has
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
		for i := range peers {
			i = (i + round) % len(peers)
			pushed, err := clock(func() error { return peers[i].push(ctx, data, digest) })
			if err != nil {
				return fmt.Errorf("push to %s: %w", peers[i].name, err)
			}
			pulled, err := clock(func() error { return peers[i].pull(ctx, digest, r.size) })
			if err != nil {
				return fmt.Errorf("pull from %s: %w", peers[i].name, err)
			}
			if round > 0 { // the first warms up
				pushes[i], pulls[i] = append(pushes[i], pushed), append(pulls[i], pulled)
			}
		}
	}
	printRow(out, r.name, "push", pushes)
	printRow(out, r.name, "pull", pulls)
	return nil
}

func clock(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}

func printRow(out io.Writer, layer, what string, times [][]time.Duration) {
	ours, theirs := median(times[0]), median(times[1])
	fmt.Fprintf(out, "%s\t%s\t%.1f ms\t%.1f ms\t%.2f\t\n", layer, what, ms(ours), ms(theirs), float64(theirs)/float64(ours))
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// push is what docker does with a layer.
func (p *peer) push(ctx context.Context, data []byte, digest string) error {
	location, err := p.upload(ctx, http.MethodPost, p.url+"/v2/bench/layers/blobs/uploads/", nil, http.StatusAccepted)
	if err == nil {
		location, err = p.upload(ctx, http.MethodPatch, location, data, http.StatusAccepted)
	}
	if err == nil {
		_, err = p.upload(ctx, http.MethodPut, withDigest(location, digest), nil, http.StatusCreated)
	}
	return err
}

func withDigest(location, digest string) string {
	u, err := url.Parse(location)
	if err != nil {
		return location // the request will say what is wrong with it
	}
	q := u.Query()
	q.Set("digest", digest)
	u.RawQuery = q.Encode()
	return u.String()
}

// upload makes one request of a push and returns where the next one goes.
func (p *peer) upload(ctx context.Context, method, target string, data []byte, want int) (string, error) {
	res, err := p.do(ctx, method, target, data, want)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, res.Body)
	next, locationErr := res.Location()
	if err := errors.Join(err, locationErr, res.Body.Close()); err != nil {
		return "", err
	}
	return next.String(), nil
}

func (p *peer) pull(ctx context.Context, digest string, size int) error {
	res, err := p.do(ctx, http.MethodGet, p.url+"/v2/bench/layers/blobs/"+digest, nil, http.StatusOK)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, p.buffer)
	if err == nil && n != int64(size) {
		err = fmt.Errorf("%d bytes came of %d", n, size)
	}
	return err
}

func (p *peer) do(ctx context.Context, method, target string, data []byte, want int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if data != nil {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	if p.password != "" {
		req.SetBasicAuth("AWS", p.password)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != want {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		res.Body.Close()
		return nil, fmt.Errorf("%s %s: %s %s", method, target, res.Status, text)
	}
	return res, nil
}
