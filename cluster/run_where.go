package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"slipway/cluster/capacity"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/internal/errs"
	"slipway/store"
)

// Where is where a task was wanted, beside what its definition says.
type Where struct {
	Constraints []placement.Constraint `json:"constraints,omitempty"`
	Strategies  []placement.Strategy   `json:"strategies,omitempty"`
}

// write is how it stands in a column: as JSON, and "" where nothing was wanted.
func (w Where) write() (string, error) {
	if len(w.Constraints) == 0 && len(w.Strategies) == 0 {
		return "", nil
	}
	text, err := json.Marshal(w)
	return string(text), err
}

// maxStrategiesOfTask is how many strategies a task can have. Source: Amazon ECS API Reference, RunTask.
const maxStrategiesOfTask = 5

// checkPlacement finds what is wrong with where tasks are wanted, by the place in the text.
func (r Run) checkPlacement() error {
	switch {
	case len(r.Strategies) > maxStrategiesOfTask:
		return errs.Say(ErrInvalid, "placementStrategy: %d strategies are more than %d.", len(r.Strategies), maxStrategiesOfTask)
	case len(r.Shares) > 0 && r.Launch != "":
		return errs.Say(ErrInvalid, "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	}
	if err := checkConstraints(nil, r.Constraints, ""); err != nil {
		return err
	}
	if err := placement.Check(r.Constraints, r.Strategies); err != nil {
		return errs.Say(ErrInvalid, "%s.", err)
	}
	return invalid(capacity.Check(r.Shares))
}

// checkConstraints counts all that a machine must fit; to be one of a capacity provider's is a constraint too.
func checkConstraints(ofDefinition, ofRun []placement.Constraint, provider string) error {
	n := len(ofDefinition) + len(ofRun)
	if provider != "" {
		n++
	}
	if n > taskdef.MaxConstraints {
		return errs.Say(ErrInvalid, "placementConstraints: %d constraints, of the definition, the call and the capacity provider together, are more than %d.", n, taskdef.MaxConstraints)
	}
	return nil
}

// constraints are all that a machine for the order's tasks must fit.
func (o order) constraints() []placement.Constraint {
	all := slices.Concat(o.model.Spec.Constraints, o.run.Constraints)
	if o.run.machines != "" {
		all = append(all, ofGroup(o.run.machines))
	}
	return all
}

// ofGroup lets only the machines of a group through: those that have its name as an attribute or as a tag.
func ofGroup(name string) placement.Constraint {
	expression := fmt.Sprintf(`attribute:%s == "%s" or tag:%[1]s == "%[2]s"`, AttributeGroup, name)
	return placement.Constraint{Type: placement.MemberOf, Expression: expression}
}

// findMachines finds out for which machines the capacity provider of a Run stands.
func (r *Run) findMachines(tx *store.Tx, account string) (err error) {
	if r.Provider != "" && r.machines == "" {
		r.machines, err = groupOfProvider(tx, account, r.Provider)
	}
	return err
}

// checkCount refuses more tasks than one call of a principal can start.
func (c *Control) checkCount(ctx context.Context, account, by, member string, n int) error {
	most := MaxPerCall
	if n > most && by != "" {
		var err error
		if most, err = c.tasksPerCall(ctx, account, by); err != nil {
			return err
		}
	}
	if n < 1 || n > most {
		return errs.Say(ErrInvalid, "%s: %d is not between 1 and %d.", member, n, most)
	}
	return nil
}

// divided starts the tasks of a RunTask, each part by the capacity provider that is to have it.
func (c *Control) divided(ctx context.Context, account string, r Run, shares []capacity.Share) (all Started, err error) {
	all.again = true
	for i, count := range capacity.Divide(shares, r.Count, capacity.Rounding(r.Token)) {
		if count == 0 {
			continue
		}
		part := r
		part.Provider, part.Count, part.Shares, part.Token = shares[i].Provider, count, shares, tokenOf(r.Token, i)
		started, err := c.start(ctx, account, part)
		if err != nil {
			return Started{}, err // made again with its token, the request finds what was placed of it
		}
		all.add(started)
	}
	c.keepWhole(ctx, taskGroup{account, r.Cluster, r.group()}, r.Count, all)
	return all, nil
}

// add takes in what came of a part.
func (s *Started) add(part Started) {
	s.Tasks, s.Refused, s.again = append(s.Tasks, part.Tasks...), append(s.Refused, part.Refused...), s.again && part.again
}

// tokenOf is the token of a part of a request: made again, the request is divided as it was, and each part is what
// came of it before.
func tokenOf(token string, part int) string {
	if token == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", token, part))
	return hex.EncodeToString(sum[:])
}

// dividedBy are the shares by which the tasks of a Run are to be divided: its own, or those of its cluster where it says
// neither these nor a launch type; none where it is clear which machines are used. Source: Amazon ECS API Reference,
// RunTask. The cluster must be active.
func (r Run) dividedBy(tx *store.Tx, account string) (shares []capacity.Share, err error) {
	strategy, err := needClusterStrategy(tx, account, r.Cluster)
	switch {
	case err != nil || r.Launch != "" || r.Provider != "" || r.Nodes != nil:
		return nil, err
	case len(r.Shares) > 0:
		return r.Shares, refuseOthers(tx, account, r.Cluster, r.Shares)
	case strategy != "":
		err = json.Unmarshal([]byte(strategy), &shares)
	}
	return shares, err
}

// refuseOthers fails if a capacity provider is none of the cluster's.
func refuseOthers(tx *store.Tx, account, cluster string, shares []capacity.Share) error {
	own, _, err := providersOf(tx, account, cluster)
	for _, s := range shares {
		if err == nil && !slices.Contains(own, s.Provider) {
			err = fmt.Errorf("%w: %s", ErrNotOfCluster, s.Provider)
		}
	}
	return err
}
