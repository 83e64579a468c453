package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// rollout is one deployment of a service that is followed to its end.
type rollout struct {
	c              *client
	cluster        string // ARN
	service        string
	id             string // of the deployment
	first          bool   // it made the service: there is nothing to go back to
	rollback       bool   // an interrupt takes it back
	out            io.Writer
	begun          time.Time
	shown          string          // the counts as they were told last
	told           map[string]bool // events, by id
	failure        string          // why the deployment failed, once it has
	interruptedYet bool
}

// newRollout follows the deployment that is the primary one of a service now. Events of before are not told.
func newRollout(c *client, s types.Service, out io.Writer) *rollout {
	r := &rollout{c: c, cluster: aws.ToString(s.ClusterArn), service: aws.ToString(s.ServiceName), out: out, begun: time.Now(), told: map[string]bool{}}
	if d := primaryOf(s); d != nil {
		r.id = aws.ToString(d.Id)
	}
	for _, e := range s.Events {
		r.told[aws.ToString(e.Id)] = true
	}
	return r
}

func primaryOf(s types.Service) *types.Deployment {
	return deploymentOf(s, func(d types.Deployment) bool { return aws.ToString(d.Status) == "PRIMARY" })
}

func deploymentOf(s types.Service, is func(types.Deployment) bool) *types.Deployment {
	if i := slices.IndexFunc(s.Deployments, is); i >= 0 {
		return &s.Deployments[i]
	}
	return nil
}

// follow tells the progress until the service is steady, which is no error, or the deployment has failed.
func (r *rollout) follow(ctx context.Context) error {
	for {
		s, err := r.c.service(ctx, r.cluster, r.service)
		if err == nil {
			r.tell(s)
			var over bool
			if over, err = r.outcome(s); over && err == nil {
				fmt.Fprintf(r.out, "%s is steady: %d of %s, after %s\n", r.service, s.RunningCount, lastPart(s.TaskDefinition), time.Since(r.begun).Round(time.Second))
			}
			if over {
				return err
			}
		}
		if err == nil {
			err = pause(ctx)
		}
		if ctx.Err() != nil {
			return r.interrupted(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// tell prints what has changed since the last look.
func (r *rollout) tell(s types.Service) {
	for _, e := range slices.Backward(s.Events) {
		if id := aws.ToString(e.Id); !r.told[id] {
			r.told[id] = true
			fmt.Fprintf(r.out, "  %s\n", aws.ToString(e.Message))
		}
	}
	var counts []string
	for _, d := range s.Deployments {
		counts = append(counts, countsOf(d))
	}
	if text := strings.Join(counts, "; "); text != r.shown {
		r.shown = text
		fmt.Fprintf(r.out, "  %s\n", text)
	}
}

// outcome tells whether the deployment is over, and its failure.
func (r *rollout) outcome(s types.Service) (over bool, err error) {
	if status := aws.ToString(s.Status); status != "ACTIVE" {
		return true, fmt.Errorf("service %s was deleted meanwhile", r.service)
	}
	d := deploymentOf(s, func(d types.Deployment) bool { return aws.ToString(d.Id) == r.id })
	if d != nil && d.RolloutState == types.DeploymentRolloutStateFailed {
		r.failure = aws.ToString(d.RolloutStateReason)
	}
	primary := primaryOf(s)
	switch {
	case primary == nil:
		return false, nil
	case primary == d && r.failure != "": // nobody takes it back
		return true, r.failed("the rollout failed: " + r.failure)
	case r.interruptedYet:
		return primary.RolloutState != types.DeploymentRolloutStateInProgress && isSteady(s), nil
	case primary == d:
		return d.RolloutState != types.DeploymentRolloutStateInProgress && isSteady(s), nil
	case r.failure == "":
		return true, withHint(fmt.Errorf("another deployment of %s has begun meanwhile", r.service), `"slipway services %s" tells about it`, r.service)
	case isSteady(s):
		return true, r.failed(fmt.Sprintf("the rollout failed and was taken back, %s runs again: %s", lastPart(primary.TaskDefinition), r.failure))
	}
	return false, nil
}

func (r *rollout) failed(text string) error {
	return withHint(errors.New(text), `"slipway services %s" tells what happened, "slipway ps -a" lists its tasks, "slipway logs TASK" tells what one has printed`, r.service)
}

// interrupted leaves the rollout going, or takes it back and waits for that. What ctx ended by is the answer.
func (r *rollout) interrupted(ctx context.Context) error {
	var answer error = exitCode(codeInterrupted)
	word := "interrupted"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		answer, word = r.failed(context.Cause(ctx).Error()), "out of time"
	}
	ctx = context.WithoutCancel(ctx)
	switch {
	case !r.rollback:
		fmt.Fprintf(r.out, "the rollout goes on: \"slipway services %s\" tells how, \"slipway rollback %s\" takes it back\n", r.service, r.service)
		return answer
	case r.first:
		fmt.Fprintf(r.out, "%s: %s was not there before, and is taken away\n", word, r.service)
		_, err := r.c.ecs.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: &r.cluster, Service: &r.service, Force: aws.Bool(true)})
		if err != nil {
			return explain(err, r.c)
		}
		return answer
	}
	fmt.Fprintf(r.out, "%s: the rollout is taken back; Ctrl-C again leaves that to itself\n", word)
	if err := r.c.takeBack(ctx, r.cluster, r.service); err != nil {
		return err
	}
	r.interruptedYet = true
	if err := r.follow(ctx); err != nil {
		return err
	}
	return answer
}
