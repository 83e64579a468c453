package usage

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/placement"
	"slipway/internal/arn"
)

// DescribePlacement tells where a task was placed and by which rules, and why machines refused the latest tasks of its
// group, or of a group that is named, that found too few machines.
var DescribePlacement = awswire.NewOp[DescribePlacementInput, DescribePlacementOutput](API, "DescribePlacement", "POST", "/", 200)

// DescribePlacementInput asks about one task or group.
type DescribePlacementInput struct {
	Cluster *string `aws:"cluster"`          // name; none: default
	Subject string  `aws:"subject,required"` // id of a task, name of a service, group or family of a definition
}

// DescribePlacementOutput has a task if the subject is one, and a refusal if there was one that is remembered.
type DescribePlacementOutput struct {
	Group   *string  `aws:"group"`
	Task    *Placed  `aws:"task"`
	Refusal *Refused `aws:"refusal"`
}

// Placed is a task where it was placed.
type Placed struct {
	TaskArn              *string    `aws:"taskArn"`
	LastStatus           *string    `aws:"lastStatus"`
	ContainerInstanceArn *string    `aws:"containerInstanceArn"`
	CapacityProviderName *string    `aws:"capacityProviderName"`
	CreatedAt            *time.Time `aws:"createdAt"`
	Constraints          []Rule     `aws:"placementConstraints"` // those of its definition first
	Strategies           []Rule     `aws:"placementStrategy"`    // none: as tasks go that name none
}

// Rule is a constraint or a strategy.
type Rule struct {
	Type  *string `aws:"type"`
	Value *string `aws:"value"` // an expression or a field
}

// Refused is a wish for tasks that found too few machines.
type Refused struct {
	RefusedAt          *time.Time  `aws:"refusedAt"`
	Wanted             *int32      `aws:"wanted"` // tasks
	Placed             *int32      `aws:"placed"`
	PlacedSince        *time.Time  `aws:"placedSince"`        // when all that was wanted afterwards got machines; none: it has not
	Reasons            []Reason    `aws:"reasons"`            // of all machines, the most frequent first
	ContainerInstances []RefusedBy `aws:"containerInstances"` // the first of them
	Remedies           []string    `aws:"remedies"`           // what would have to change
}

// Reason is why some machines took no more tasks.
type Reason struct {
	Reason             *string `aws:"reason"`
	ContainerInstances *int32  `aws:"containerInstances"` // how many
}

// RefusedBy is why one machine took no more tasks.
type RefusedBy struct {
	ContainerInstanceArn *string `aws:"containerInstanceArn"`
	Reason               *string `aws:"reason"`
	Detail               *string `aws:"detail"`
}

var taskID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (d *door) placement(ctx context.Context, in *DescribePlacementInput) (*DescribePlacementOutput, error) {
	account, place := awswire.CallerOf(ctx).Account, awswire.Or(in.Cluster, cluster.DefaultCluster)
	out := &DescribePlacementOutput{}
	groups := []string{in.Subject, "service:" + in.Subject, "family:" + in.Subject}
	if taskID.MatchString(in.Subject) {
		found, missing, err := d.control.Tasks(ctx, account, place, []string{in.Subject})
		if err != nil {
			return nil, err
		}
		if len(missing) > 0 {
			return nil, cluster.ErrNoTask
		}
		out.Task, groups = d.placed(found[0]), []string{found[0].Group}
	}
	why, err := d.why(ctx, account, place, groups)
	switch {
	case errors.Is(err, cluster.ErrNoRefusal) && out.Task != nil:
		out.Group = &groups[0]
		return out, nil
	case err != nil:
		return nil, err
	}
	out.Group, out.Refusal = &why.Group, d.refused(account, place, why)
	return out, nil
}

// why is what is remembered of the first of the groups of which there is anything.
func (d *door) why(ctx context.Context, account, place string, groups []string) (why cluster.Why, err error) {
	for _, group := range groups {
		if why, err = d.control.Why(ctx, account, place, group); !errors.Is(err, cluster.ErrNoRefusal) {
			return why, err
		}
	}
	return why, err
}

func (d *door) placed(t cluster.Task) *Placed {
	p := &Placed{
		TaskArn: new(cluster.TaskARN(d.region, t.Account, t.Cluster, t.ID)), LastStatus: new(t.Seen.Status.String()),
		ContainerInstanceArn: new(cluster.InstanceARN(d.region, t.Account, t.Cluster, t.Node)), CreatedAt: &t.Created,
		Constraints: []Rule{}, Strategies: []Rule{},
	}
	if t.Provider != "" {
		p.CapacityProviderName = &t.Provider
	}
	for _, c := range slices.Concat(t.Spec.Constraints, t.Where.Constraints) {
		p.Constraints = append(p.Constraints, rule(c.Type, c.Expression))
	}
	for _, s := range t.Where.Strategies {
		p.Strategies = append(p.Strategies, rule(s.Type, s.Field))
	}
	return p
}

func rule(kind, value string) Rule {
	r := Rule{Type: &kind}
	if value != "" {
		r.Value = &value
	}
	return r
}

func (d *door) refused(account, place string, why cluster.Why) *Refused {
	r := &Refused{RefusedAt: &why.At, Wanted: new(int32(why.Wanted)), Placed: new(int32(why.Placed)), Remedies: why.Remedies()}
	if !why.Since.IsZero() {
		r.PlacedSince = &why.Since
	}
	reasons := slices.SortedFunc(maps.Keys(why.Reasons), func(a, b placement.Reason) int {
		return cmp.Or(why.Reasons[b]-why.Reasons[a], strings.Compare(string(a), string(b)))
	})
	for _, reason := range reasons {
		r.Reasons = append(r.Reasons, Reason{new(string(reason)), new(int32(why.Reasons[reason]))})
	}
	for _, m := range why.Machines {
		at := m.Node
		if !arn.Is(at) {
			at = cluster.InstanceARN(d.region, account, place, m.Node)
		}
		by := RefusedBy{ContainerInstanceArn: &at, Reason: new(string(m.Reason))}
		if m.Detail != "" {
			by.Detail = &m.Detail
		}
		r.ContainerInstances = append(r.ContainerInstances, by)
	}
	return r
}

// onPlacement asks for what else tells as much: the task, or all tasks of the cluster, and all of its machines.
func (d *door) onPlacement(ctx context.Context, in *DescribePlacementInput) []awswire.Ask {
	task := "*"
	if taskID.MatchString(in.Subject) {
		task = in.Subject
	}
	place := awswire.Or(in.Cluster, cluster.DefaultCluster)
	return []awswire.Ask{d.ask(ctx, "ecs:DescribeTasks", place, "task", task), d.ask(ctx, "ecs:DescribeContainerInstances", place, "container-instance", "*")}
}

// ask asks for something of a cluster, with its tags.
func (d *door) ask(ctx context.Context, action, place, kind, id string) awswire.Ask {
	account := awswire.CallerOf(ctx).Account
	resource := arn.ARN{Service: "ecs", Region: d.region, Account: account, Resource: kind + "/" + place + "/" + id}.String()
	return awswire.Ask{
		Action: action, Resource: resource, Keys: map[string][]string{"ecs:cluster": {cluster.ClusterARN(d.region, account, place)}},
		Tags: func(ctx context.Context) (map[string]string, error) {
			return d.control.TagValues(ctx, account, resource)
		},
	}
}
