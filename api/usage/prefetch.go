package usage

import (
	"context"
	"time"

	"slipway/api/awswire"
	"slipway/cluster"
)

// PrefetchImage has machines fetch an image ahead of tasks, and keep it for a time. Saying it again is saying it once.
var PrefetchImage = awswire.NewOp[PrefetchImageInput, PrefetchImageOutput](API, "PrefetchImage", "POST", "/", 200)

// PrefetchImageInput names the image and the machines.
type PrefetchImageInput struct {
	Cluster     *string  `aws:"cluster"`        // name; none: default
	Image       string   `aws:"image,required"` // as a container definition names it
	Constraints []string `aws:"constraints"`    // expressions of the cluster query language; none: all machines
	KeepSeconds *int32   `aws:"keepSeconds"`    // none: a day
}

// PrefetchImageOutput tells how far the machines are.
type PrefetchImageOutput struct {
	Prefetch *Prefetch `aws:"prefetch"`
}

// DescribePrefetches tells which images machines of a cluster fetch ahead, and how far they are.
var DescribePrefetches = awswire.NewOp[DescribePrefetchesInput, DescribePrefetchesOutput](API, "DescribePrefetches", "POST", "/", 200)

// DescribePrefetchesInput names the cluster.
type DescribePrefetchesInput struct {
	Cluster *string `aws:"cluster"` // name; none: default
}

// DescribePrefetchesOutput has the last asked for first.
type DescribePrefetchesOutput struct {
	Prefetches []Prefetch `aws:"prefetches"`
}

// DeletePrefetch has machines keep an image no longer than others.
var DeletePrefetch = awswire.NewOp[DeletePrefetchInput, DeletePrefetchOutput](API, "DeletePrefetch", "POST", "/", 200)

// DeletePrefetchInput names what was asked for.
type DeletePrefetchInput struct {
	Cluster  *string `aws:"cluster"`           // name; none: default
	Prefetch string  `aws:"prefetch,required"` // id
}

// DeletePrefetchOutput tells how far the machines had come.
type DeletePrefetchOutput struct {
	Prefetch *Prefetch `aws:"prefetch"`
}

// Prefetch is an image that machines fetch ahead.
type Prefetch struct {
	ID          *string           `aws:"id"`
	Image       *string           `aws:"image"`
	Constraints []string          `aws:"constraints"`
	CreatedAt   *time.Time        `aws:"createdAt"`
	ExpiresAt   *time.Time        `aws:"expiresAt"`
	Machines    []PrefetchMachine `aws:"machines"`
}

// PrefetchMachine is how far one machine is.
type PrefetchMachine struct {
	ContainerInstance *string    `aws:"containerInstance"` // id
	Connected         *bool      `aws:"connected"`
	State             *string    `aws:"state"`  // PENDING, PULLING, READY, FAILED
	Reason            *string    `aws:"reason"` // of a failure; it is tried again
	Digest            *string    `aws:"digest"`
	PulledBytes       *int64     `aws:"pulledBytes"`
	SizeBytes         *int64     `aws:"sizeBytes"`
	ChangedAt         *time.Time `aws:"changedAt"`
}

func (d *door) prefetch(ctx context.Context, in *PrefetchImageInput) (*PrefetchImageOutput, error) {
	keep := cluster.DefaultPrefetchLife
	if in.KeepSeconds != nil {
		keep = time.Duration(*in.KeepSeconds) * time.Second
	}
	if keep == 0 {
		return nil, invalidParameter.New("keepSeconds: it must be above 0.")
	}
	p, err := d.control.PrefetchImage(ctx, awswire.CallerOf(ctx).Account, place(in.Cluster), in.Image, in.Constraints, keep)
	if err != nil {
		return nil, err
	}
	return &PrefetchImageOutput{wirePrefetch(p)}, nil
}

func (d *door) prefetches(ctx context.Context, in *DescribePrefetchesInput) (*DescribePrefetchesOutput, error) {
	all, err := d.control.Prefetches(ctx, awswire.CallerOf(ctx).Account, place(in.Cluster))
	if err != nil {
		return nil, err
	}
	out := &DescribePrefetchesOutput{Prefetches: []Prefetch{}}
	for _, p := range all {
		out.Prefetches = append(out.Prefetches, *wirePrefetch(p))
	}
	return out, nil
}

func (d *door) deletePrefetch(ctx context.Context, in *DeletePrefetchInput) (*DeletePrefetchOutput, error) {
	p, err := d.control.DeletePrefetch(ctx, awswire.CallerOf(ctx).Account, place(in.Cluster), in.Prefetch)
	if err != nil {
		return nil, err
	}
	return &DeletePrefetchOutput{wirePrefetch(p)}, nil
}

func wirePrefetch(p cluster.Prefetch) *Prefetch {
	w := &Prefetch{ID: &p.ID, Image: &p.Image, Constraints: append([]string{}, p.Expressions...), CreatedAt: &p.Created, ExpiresAt: &p.Expires, Machines: []PrefetchMachine{}}
	for _, m := range p.Machines {
		w.Machines = append(w.Machines, PrefetchMachine{&m.Node, &m.Connected, &m.State, said(m.Reason), said(m.Digest), &m.Pulled, &m.Size, &m.Changed})
	}
	return w
}

func said(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func place(given *string) string { return awswire.Or(given, cluster.DefaultCluster) }

// Each asks for the action of its name on the cluster: what machines fetch is theirs who run it.
func (d *door) onPrefetch(ctx context.Context, in *PrefetchImageInput) []awswire.Ask {
	return d.onCluster(ctx, in.Cluster)
}

func (d *door) onPrefetches(ctx context.Context, in *DescribePrefetchesInput) []awswire.Ask {
	return d.onCluster(ctx, in.Cluster)
}

func (d *door) onDeletePrefetch(ctx context.Context, in *DeletePrefetchInput) []awswire.Ask {
	return d.onCluster(ctx, in.Cluster)
}

func (d *door) onCluster(ctx context.Context, given *string) []awswire.Ask {
	account := awswire.CallerOf(ctx).Account
	name := cluster.ClusterARN(d.region, account, place(given))
	return []awswire.Ask{{Resource: name, Keys: map[string][]string{"ecs:cluster": {name}}, Tags: func(ctx context.Context) (map[string]string, error) {
		return d.control.TagValues(ctx, account, name)
	}}}
}
