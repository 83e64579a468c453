package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// pulling rewrites one line of a terminal while a task waits for its images.
type pulling struct {
	out   io.Writer
	far   func(types.Task) (done, all int64) // how far its pulls are, in bytes; all 0: that is not known. Nil: nobody knows
	shown bool
}

// showPulls shows on a terminal how far the pulls of a task are.
func (c *client) showPulls(ctx context.Context, out io.Writer) *pulling {
	return &pulling{out: out, far: func(t types.Task) (done, all int64) {
		pulls, err := c.pulls(ctx, t)
		if err != nil {
			return 0, 0 // the line does without
		}
		for _, p := range pulls {
			done, all = done+p.Pulled, all+p.Size
		}
		return done, all
	}}
}

// pull is how far the image of a container is.
type pull struct {
	Container string `json:"container"`
	Pulled    int64  `json:"pulledBytes"`
	Size      int64  `json:"sizeBytes"`
}

// pulls asks how far the pulls are that a task waits for. No SDK knows the call, for it is Slipway's own.
func (c *client) pulls(ctx context.Context, t types.Task) ([]pull, error) {
	var out struct{ Pulls []pull }
	err := c.call(ctx, "Slipway_20261121.DescribePulls", map[string]any{"cluster": clusterName(t.ClusterArn), "tasks": []string{taskID(t)}}, &out)
	return out.Pulls, err
}

// tell shows what the task waits for, or takes the line away. A nil pulling is silent.
func (p *pulling) tell(t types.Task, now time.Time) {
	if p == nil {
		return
	}
	waits := t.PullStartedAt != nil && t.PullStoppedAt == nil && aws.ToString(t.LastStatus) == "PENDING"
	far := ""
	if waits && p.far != nil {
		if done, all := p.far(t); all > 0 {
			far = fmt.Sprintf("%s of %s, ", megabytes(done), megabytes(all))
		}
	}
	if waits || p.shown {
		fmt.Fprint(p.out, "\r\x1b[K") // clear the line
	}
	if p.shown = waits; waits {
		fmt.Fprintf(p.out, "pulling %s, %s%s", imagesOf(t), far, age(*t.PullStartedAt, now))
	}
}
