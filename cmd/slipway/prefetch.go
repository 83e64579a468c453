package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slipway/server"
)

func prefetchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prefetch IMAGE",
		Short: "Have machines fetch an image ahead of tasks",
		Long: `Have the machines of a cluster fetch an image ahead of tasks, and keep it for a time: as long as that is,
it is not removed for room. Machines that join meanwhile fetch it as well. The image is named as for
"slipway run"; a tag stands for what it stands for now. Saying the same again keeps the image longer,
and fetches what its tag stands for by then.`,
		Example: `  slipway prefetch web:v2
  slipway prefetch docker.io/library/postgres:17 --cluster edge --constraint 'attribute:rack == r1' --wait
  slipway prefetch ls`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	data := cmd.PersistentFlags().String("data", server.DefaultDataDir(), "data folder of Slipway")
	cluster := cmd.PersistentFlags().String("cluster", "default", "cluster of the machines")
	f := cmd.Flags()
	var constraints []string
	f.StringArrayVar(&constraints, "constraint", nil, "only machines that fit an expression of the cluster query language; may be given again")
	keep := f.Duration("keep", 24*time.Hour, "how long they keep it")
	wait := f.Bool("wait", false, "wait until the machines that are there have it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		image, err := c.locate(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		in := map[string]any{"cluster": *cluster, "image": *image, "keepSeconds": int(keep.Seconds())}
		if len(constraints) > 0 {
			in["constraints"] = constraints
		}
		var out struct{ Prefetch prefetchRow }
		if err := c.call(cmd.Context(), "Slipway_20261121.PrefetchImage", in, &out); err != nil {
			return explain(err, c)
		}
		if *wait {
			return c.awaitPrefetch(cmd.Context(), cmd.OutOrStdout(), *cluster, out.Prefetch.ID)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", shortened(out.Prefetch.ID), out.Prefetch.summary())
		return err
	}
	cmd.AddCommand(prefetchListCommand(data, cluster), prefetchRemoveCommand(data, cluster))
	return cmd
}

// prefetchRow is an image that machines fetch ahead.
type prefetchRow struct {
	ID          string            `json:"id"`
	Image       string            `json:"image"`
	Constraints []string          `json:"constraints,omitempty"`
	Expires     float64           `json:"expiresAt"` // seconds since 1970
	Machines    []prefetchMachine `json:"machines"`
}

// prefetchMachine is how far one machine is.
type prefetchMachine struct {
	ID        string `json:"containerInstance"`
	Connected bool   `json:"connected"`
	State     string `json:"state"`
	Reason    string `json:"reason,omitempty"`
	Pulled    int64  `json:"pulledBytes"`
	Size      int64  `json:"sizeBytes"`
}

// summary counts machines by how far they are.
func (p prefetchRow) summary() string {
	ready, failed, away := 0, 0, 0
	for _, m := range p.Machines {
		switch {
		case m.State == "READY":
			ready++
		case !m.Connected:
			away++
		case m.State == "FAILED":
			failed++
		}
	}
	text := fmt.Sprintf("%d of %d machines have it", ready, len(p.Machines))
	if failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	if away > 0 {
		text += fmt.Sprintf(", %d away", away)
	}
	return text
}

// far is how far a machine is, in words.
func (m prefetchMachine) far() string {
	switch {
	case m.State == "FAILED":
		return m.Reason
	case m.State == "PULLING" && m.Size > 0:
		return megabytes(m.Pulled) + " of " + megabytes(m.Size)
	case m.Size > 0:
		return megabytes(m.Size)
	case !m.Connected:
		return "not connected"
	}
	return "-"
}

func (c *client) prefetches(ctx context.Context, cluster string) ([]prefetchRow, error) {
	var out struct{ Prefetches []prefetchRow }
	err := c.call(ctx, "Slipway_20261121.DescribePrefetches", map[string]any{"cluster": cluster}, &out)
	return out.Prefetches, explain(err, c)
}

// awaitPrefetch waits until all machines that are there have the image. One that cannot get it is an error.
func (c *client) awaitPrefetch(ctx context.Context, out io.Writer, cluster, id string) error {
	for {
		all, err := c.prefetches(ctx, cluster)
		if err != nil {
			return err
		}
		for _, p := range all {
			if p.ID != id {
				continue
			}
			waits, err := p.waits()
			if err != nil {
				return err
			}
			if !waits {
				_, err := fmt.Fprintf(out, "%s: %s\n", shortened(p.ID), p.summary())
				return err
			}
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// waits tells whether a machine that is there has not got the image yet.
func (p prefetchRow) waits() (waits bool, err error) {
	for _, m := range p.Machines {
		if m.State == "FAILED" {
			return false, withHint(fmt.Errorf("machine %s cannot fetch %s: %s", shortened(m.ID), p.Image, m.Reason), `it goes on trying; "slipway prefetch rm %s" ends that`, shortened(p.ID))
		}
		waits = waits || m.Connected && m.State != "READY"
	}
	return waits, nil
}

func prefetchListCommand(data, cluster *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "ls",
		Aliases:           []string{"list"},
		Short:             "Show which images machines fetch ahead, and how far they are",
		Long:              `Show which images the machines of a cluster fetch ahead, the last asked for first, and how far each machine is.`,
		Example:           "  slipway prefetch ls --cluster edge -o json",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		all, err := c.prefetches(cmd.Context(), *cluster)
		if err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(cmd.OutOrStdout(), all)
		}
		type line struct {
			prefetchRow
			prefetchMachine
		}
		var lines []line
		for _, p := range all {
			for _, m := range p.Machines {
				lines = append(lines, line{p, m})
			}
			if len(p.Machines) == 0 {
				lines = append(lines, line{p, prefetchMachine{ID: "none", Connected: true, State: "-"}})
			}
		}
		return printRows(cmd.OutOrStdout(), output, lines, "ID IMAGE UNTIL MACHINE STATE PROGRESS", func(l line) []string {
			until := time.Unix(int64(l.Expires), 0).UTC().Format(time.RFC3339)
			return []string{shortened(l.prefetchRow.ID), l.Image, until, shortened(l.prefetchMachine.ID), l.State, l.far()}
		})
	}
	return cmd
}

func prefetchRemoveCommand(data, cluster *string) *cobra.Command {
	return &cobra.Command{
		Use:               "rm ID",
		Aliases:           []string{"remove"},
		Short:             "Have machines keep an image no longer than others",
		Long:              `Have machines keep an image no longer than others. What is here stays until its room is needed. The id is as "ls" shows it.`,
		Example:           "  slipway prefetch rm 4f3c9a0b1c2d",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd.Context(), *data)
			if err != nil {
				return err
			}
			all, err := c.prefetches(cmd.Context(), *cluster)
			if err != nil {
				return err
			}
			var found []prefetchRow
			for _, p := range all {
				if strings.HasPrefix(p.ID, args[0]) {
					found = append(found, p)
				}
			}
			if len(found) == 0 {
				return withHint(fmt.Errorf("no image is fetched ahead under %q", args[0]), `"slipway prefetch ls" shows them`)
			}
			if len(found) > 1 {
				return withHint(fmt.Errorf("%d images that are fetched ahead have ids that begin with %q", len(found), args[0]), `"slipway prefetch ls" shows them`)
			}
			var out struct{}
			return explain(c.call(cmd.Context(), "Slipway_20261121.DeletePrefetch", map[string]any{"cluster": *cluster, "prefetch": found[0].ID}, &out), c)
		},
	}
}
