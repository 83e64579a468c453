package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"slipway/cluster/capacity"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/internal/errs"
	"slipway/store"
)

// MaxPerCall is how many tasks one call can start.
const MaxPerCall = 10

// Run is what RunTask and StartTask are asked for.
type Run struct {
	Cluster       string
	Definition    taskdef.Ref
	Count         int      // RunTask: how many
	Nodes         []string // StartTask: one on each of these instances
	Overrides     taskdef.Overrides
	VPC           *taskdef.VPC // for a task with an address of its own
	Group         string       // "": "family:" and the family
	StartedBy     string
	Launch        string                 // EC2, EXTERNAL; "": EC2
	Constraints   []placement.Constraint `json:",omitempty"` // beside those of the definition
	Strategies    []placement.Strategy   `json:",omitempty"` // none: placement's own
	Shares        []capacity.Share       `json:",omitempty"` // capacity providers among which the tasks are divided; none and no Launch: the cluster's own
	Provider      string                 `json:",omitempty"` // the one capacity provider whose machines are used; "": all machines
	Exec          bool                   `json:",omitempty"` // commands may be run in the tasks' containers
	Tags          []Tag
	PropagateTags bool   // those of the definition too
	ManagedTags   bool   `json:",omitempty"` // that of the cluster's name too
	Token         string // RunTask: the same token and request start nothing anew; "": no token

	By       string `json:"-"` // ARN of who asks, for what it has set; "": nobody who has set anything
	machines string // the group of machines that Provider stands for

	// Permit is asked with the definition that will run, before anything else is done, and refuses
	// by its error. nil: nobody is asked.
	Permit func(context.Context, Definition) error `json:"-"`
}

// Started is what came of a Run: the tasks that have a node, and if they are fewer than asked
// for, why the nodes took no more.
type Started struct {
	Tasks   []Task
	Refused []placement.Refusal

	again bool // it is what came of an earlier request with the same token
}

// RunTask starts tasks on the first nodes that have room for them. When it returns they are
// recorded with their nodes, and will run once, whatever happens to this server.
func (c *Control) RunTask(ctx context.Context, account string, r Run) (Started, error) {
	if err := c.checkCount(ctx, account, r.By, "count", r.Count); err != nil {
		return Started{}, err
	}
	return c.start(ctx, account, r)
}

// StartTask starts one task on each of the named nodes, and on no other.
func (c *Control) StartTask(ctx context.Context, account string, r Run) (Started, error) {
	switch {
	case len(r.Nodes) == 0:
		return Started{}, errs.Say(ErrInvalid, "Container instances cannot be empty.")
	case len(r.Constraints) > 0 || len(r.Strategies) > 0 || len(r.Shares) > 0:
		return Started{}, errs.Say(ErrInvalid, "Where container instances are named, nothing else says where tasks go.")
	}
	if err := c.checkCount(ctx, account, r.By, "containerInstances", len(r.Nodes)); err != nil {
		return Started{}, err
	}
	return c.start(ctx, account, r)
}

func (c *Control) start(ctx context.Context, account string, r Run) (started Started, err error) {
	if err := r.check(); err != nil {
		return Started{}, err
	}
	var known bool
	var d Definition
	var shares []capacity.Share
	err = c.db.View(ctx, func(tx *store.Tx) (err error) {
		if started, known, err = redeem(tx, account, r); known || err != nil {
			return err
		}
		if shares, err = r.dividedBy(tx, account); err != nil {
			return err
		}
		if err := r.findMachines(tx, account); err != nil {
			return err
		}
		d, err = needDefinition(tx, account, r.Definition)
		return err
	})
	if known || err != nil {
		return started, err
	}
	if len(shares) > 0 {
		return c.divided(ctx, account, r, shares)
	}
	if r.Permit != nil {
		if err := r.Permit(ctx, d); err != nil {
			return Started{}, err
		}
	}
	model, err := c.model(ctx, d, r)
	if err != nil {
		return Started{}, err
	}
	return c.place(ctx, order{run: r, model: model})
}

func (r Run) check() error {
	if err := r.Overrides.Check(); err != nil {
		return invalid(err)
	}
	switch {
	case len(r.StartedBy) > 128 || !printable(r.StartedBy):
		return errs.Say(ErrInvalid, "startedBy: %q is not of up to 128 printable characters.", r.StartedBy)
	case len(r.Group) > 255 || !printable(r.Group):
		return errs.Say(ErrInvalid, "group: %q is not of up to 255 printable characters.", r.Group)
	case strings.HasPrefix(r.Group, "service:"):
		return errs.Say(ErrInvalid, "group: %q begins with service:, which is kept for the tasks of services.", r.Group)
	case len(r.Token) > 64 || !printable(r.Token):
		return errs.Say(ErrInvalid, "clientToken: %q is not of up to 64 printable characters.", r.Token)
	}
	if err := r.checkPlacement(); err != nil {
		return err
	}
	return checkTags(r.Tags)
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// model is the task that a Run makes copies of: all that can be known before there is a node.
func (c *Control) model(ctx context.Context, d Definition, r Run) (t Task, err error) {
	t = Task{Account: d.Account, Cluster: r.Cluster, Ref: d.Ref, Group: r.group(), StartedBy: r.StartedBy, Launch: r.Launch, Provider: r.Provider, Where: Where{r.Constraints, r.Strategies}, Overrides: r.Overrides, VPC: r.VPC, Exec: r.Exec, Tags: r.Tags}
	replaceEmpty(&t.Launch, "EC2")
	if r.PropagateTags {
		t.Tags = union(r.Tags, d.Tags)
	}
	if r.ManagedTags {
		t.Tags = union(t.Tags, []Tag{{"aws:ecs:clusterName", r.Cluster}}) // Source: Amazon ECS Developer Guide, "Tagging your resources for billing"
	}
	if t.Spec, err = d.Spec.With(r.Overrides); err != nil {
		return Task{}, invalid(err)
	}
	if err := c.checkSpec(d.Account, t.Spec); err != nil {
		return Task{}, errs.Say(ErrInvalid, "With the overrides, %s", err)
	}
	if err := errors.Join(invalid(t.Spec.CheckVPC(r.VPC)), checkConstraints(t.Spec.Constraints, r.Constraints, r.Provider)); err != nil {
		return Task{}, err
	}
	need := t.Spec.Need()
	t.CPU, t.Memory = need.CPU, need.Memory
	t.Images, err = c.pin(ctx, d.Account, t.Spec)
	return t, err
}

// group is that of the tasks.
func (r Run) group() string { return cmp.Or(r.Group, "family:"+r.Definition.Family) }

// pin finds the images of our own registry, by what their tags stand for now.
func (c *Control) pin(ctx context.Context, account string, s taskdef.Spec) ([]Image, error) {
	images := make([]Image, len(s.Containers))
	for i, container := range s.Containers {
		image, err := c.config.Images.Find(ctx, account, container.Image)
		if err != nil {
			return nil, fmt.Errorf("find image %s: %w", container.Image, err)
		}
		images[i] = image
	}
	return images, nil
}

func replaceEmpty(s *string, by string) {
	if *s == "" {
		*s = by
	}
}
