package main

import (
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// pulling rewrites one line of a terminal while a task waits for its images.
type pulling struct {
	out   io.Writer
	shown bool
}

// tell shows what the task waits for, or takes the line away. A nil pulling is silent.
func (p *pulling) tell(t types.Task, now time.Time) {
	if p == nil {
		return
	}
	waits := t.PullStartedAt != nil && t.PullStoppedAt == nil && aws.ToString(t.LastStatus) == "PENDING"
	if waits || p.shown {
		fmt.Fprint(p.out, "\r\x1b[K") // clear the line
	}
	if p.shown = waits; waits {
		fmt.Fprintf(p.out, "pulling %s, %s", imagesOf(t), age(*t.PullStartedAt, now))
	}
}
