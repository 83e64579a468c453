package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"slipway/server"
)

// settle is how long the machine has to come to rest between two samples: pools fill again.
const settle = 700 * time.Millisecond

// colds measures first calls: of functions whose sandboxes come from the pool, and of functions that are images of
// their own, for which there is no pool; and what ctr and runc take to run the same program.
func colds(ctx context.Context, out io.Writer, s *slipway, p plan) error {
	image, err := s.push(ctx, "cold")
	if err != nil {
		return err
	}
	floor, err := newFloor(ctx, s)
	if err != nil {
		return err
	}
	took := []series{{name: "from the pool"}, {name: "without, its image on the machine"}, {name: "runc run of the program"}, {name: "ctr run of the program"}}
	for n := -1; n < p.colds && ctx.Err() == nil; n++ { // the first pulls images
		for i, measure := range []func() error{
			s.first(ctx, fmt.Sprintf("pooled-%d", n+1), ""), s.first(ctx, fmt.Sprintf("image-%d", n+1), image),
			floor.runc(ctx), floor.ctr(ctx, image),
		} {
			time.Sleep(settle)
			began := time.Now()
			if err := measure(); err != nil {
				return err
			}
			if n >= 0 {
				took[i].add(time.Since(began))
			}
		}
	}
	printSeries(out, "First calls, at the client", took, false)
	return s.printPhases(ctx, out)
}

// first makes a function and gives back its first call.
func (s *slipway) first(ctx context.Context, name, image string) func() error {
	err := s.create(ctx, name, image)
	return func() error {
		if err != nil {
			return err
		}
		return s.call(ctx, name)
	}
}

// floor runs the program with nothing around it.
type floor struct {
	s      *slipway
	socket string
	bundle string
	n      int
}

func newFloor(ctx context.Context, s *slipway) (*floor, error) {
	f := &floor{s: s, bundle: filepath.Join(s.dir, "bundle")}
	config, err := os.ReadFile(filepath.Join(s.data, "agent", "containerd.toml"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(config)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok && name == "address" && f.socket == "" {
			f.socket = strings.Trim(value, `"`)
		}
	}
	if err := os.Mkdir(f.bundle, 0o700); err != nil {
		return nil, err
	}
	if err := do(exec.CommandContext(ctx, "runc", "spec", "--bundle", f.bundle)); err != nil {
		return nil, err
	}
	return f, f.writeSpec(filepath.Join(f.bundle, "config.json"))
}

// writeSpec has runc run the program, in the folder that it is in, without a terminal.
func (f *floor) writeSpec(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec map[string]any
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	process := spec["process"].(map[string]any)
	process["terminal"], process["args"] = false, []string{"/" + handler, "once"}
	spec["root"] = map[string]any{"path": filepath.Join(f.s.dir, "root"), "readonly": true}
	if text, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func (f *floor) runc(ctx context.Context) func() error {
	return func() error {
		f.n++
		return do(exec.CommandContext(ctx, "runc", "--root", filepath.Join(f.s.dir, "runc"), "run", "--bundle", f.bundle, fmt.Sprintf("bench-%d", f.n)))
	}
}

func (f *floor) ctr(ctx context.Context, image string) func() error {
	return func() error {
		f.n++
		name, err := f.imageName(ctx)
		if err != nil {
			return err
		}
		return do(exec.CommandContext(ctx, "ctr", "--address", f.socket, "--namespace", "slipway", "run", "--rm",
			"--cgroup", fmt.Sprintf("/slipway-bench-%d", f.n), name, fmt.Sprintf("bench-%d", f.n), "/"+handler, "once"))
	}
}

// imageName is what containerd calls the image of the functions that are images.
func (f *floor) imageName(ctx context.Context) (string, error) {
	names, err := exec.CommandContext(ctx, "ctr", "--address", f.socket, "--namespace", "slipway", "images", "list", "-q").Output()
	if err != nil {
		return "", err
	}
	for name := range strings.Lines(string(names)) {
		if name = strings.TrimSpace(name); strings.Contains(name, "/cold") {
			return name, nil
		}
	}
	return "", fmt.Errorf("containerd has no image of the function: %s", names)
}

// phases of a first call, in milliseconds, as its record has them.
type phases struct {
	Pooled                                           bool
	Place, Start, Assign, Fetch, Mount, Launch, Init float64
}

// printPhases tells where the time of first calls went, by their records.
func (s *slipway) printPhases(ctx context.Context, out io.Writer) error {
	time.Sleep(2 * time.Second) // records are handed over once in a second
	all := map[bool][]phases{}
	err := server.NewControl(s.data).Events(ctx, &server.EventQuery{Type: "function.invoked"}, func(e server.Event) error {
		var told struct {
			Calls []struct{ Cold *phases }
		}
		if err := json.Unmarshal(e.Data, &told); err != nil {
			return err
		}
		for _, c := range told.Calls {
			if c.Cold != nil {
				all[c.Cold.Pooled] = append(all[c.Cold.Pooled], *c.Cold)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%-42s%8s%8s%8s%8s%8s%8s%8s%6s\n", "By phase, median ms", "place", "start", "assign", "=fetch", "+mount", "+launch", "+init", "n")
	for _, pooled := range []bool{true, false} {
		name := map[bool]string{true: "from the pool", false: "without"}[pooled]
		fmt.Fprintf(out, "%-42s", name)
		for _, of := range []func(phases) float64{
			func(p phases) float64 { return p.Place }, func(p phases) float64 { return p.Start }, func(p phases) float64 { return p.Assign },
			func(p phases) float64 { return p.Fetch }, func(p phases) float64 { return p.Mount }, func(p phases) float64 { return p.Launch }, func(p phases) float64 { return p.Init },
		} {
			fmt.Fprintf(out, "%8.1f", medianOf(all[pooled], of))
		}
		fmt.Fprintf(out, "%6d\n", len(all[pooled]))
	}
	return nil
}

func medianOf(all []phases, of func(phases) float64) float64 {
	var s series
	for _, p := range all {
		s.add(time.Duration(of(p) * float64(time.Millisecond)))
	}
	return ms(s.quantile(0.5))
}

// starts measures how many sandboxes are made ready in a second, where many are wanted at once.
func starts(ctx context.Context, out io.Writer, s *slipway, p plan) error {
	const name = "many"
	if err := s.create(ctx, name, ""); err != nil {
		return err
	}
	v, err := s.lambda.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: aws.String(name)})
	if err != nil {
		return err
	}
	began := time.Now()
	_, err = s.lambda.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: aws.String(name), Qualifier: v.Version, ProvisionedConcurrentExecutions: aws.Int32(int32(p.starts)),
	})
	if err != nil {
		return err
	}
	err = s.poll(ctx, func(ctx context.Context) (bool, error) {
		got, err := s.lambda.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: aws.String(name), Qualifier: v.Version})
		if err == nil && got.Status == types.ProvisionedConcurrencyStatusEnumFailed {
			err = fmt.Errorf("not so many can be started: %s", aws.ToString(got.StatusReason))
		}
		return err == nil && got.Status == types.ProvisionedConcurrencyStatusEnumReady, err
	})
	if err == nil {
		fmt.Fprintf(out, "\n%-42s%10.1f a second, %d at once\n", "Sandboxes made ready", float64(p.starts)/time.Since(began).Seconds(), p.starts)
	}
	return err
}
