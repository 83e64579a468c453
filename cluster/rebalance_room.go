package cluster

import (
	"database/sql"
	"slices"
	"strings"

	"slipway/cluster/placement"
	"slipway/cluster/rollout"
	"slipway/store"
)

// attributeZone is the attribute in which a machine tells what it shares its fate with.
const attributeZone = "ecs.availability-zone"

// balance is how the tasks of a service lie on the machines that take more of them.
func (c *Control) balance(tx *store.Tx, s Service) (b rollout.Balance, err error) {
	fields := s.spreads()
	if len(fields) == 0 {
		return b, nil
	}
	d, err := readDefinition(tx, s.Account, s.Definition)
	if err != nil {
		return b, err
	}
	if b.Tasks, err = placedTasks(tx, s); err != nil {
		return b, err
	}
	groups, err := groupsOf(tx, s)
	if err != nil {
		return b, err
	}
	instances, err := readInstances(tx, s.Account, s.Cluster, nil)
	if err != nil {
		return b, err
	}
	if err := tagInstances(tx, s.Account, s.Cluster, instances); err != nil {
		return b, err
	}
	for _, i := range instances {
		n := i.Remaining()
		n.Attributes, n.Tags = i.Attributes, valuesOf(i.Tags)
		if n.Refusal == "" && i.inSome(groups) {
			b.Machines = append(b.Machines, rollout.Machine{ID: i.ID, Domains: domains(n, fields), Free: fits(n, s, d, len(b.Tasks))})
		}
	}
	return b, err
}

// spreads are the fields over which a service's tasks are spread; none where they are to lie otherwise.
func (s Service) spreads() (fields []string) {
	if len(s.Strategies) == 0 {
		return []string{"attribute:" + attributeZone, "instanceId"}
	}
	for _, strategy := range s.Strategies {
		if strategy.Type != placement.Spread {
			break
		}
		fields = append(fields, strategy.Field)
	}
	return fields
}

func domains(n placement.Node, fields []string) []string {
	values := make([]string, len(fields))
	for i, field := range fields {
		kind, name, _ := strings.Cut(field, ":")
		switch kind {
		case "attribute":
			values[i] = n.Attributes[name]
		case "tag":
			values[i] = n.Tags[name]
		default:
			values[i] = n.ID
		}
	}
	return values
}

// fits tells how many more tasks of a service a machine takes, up to most.
func fits(n placement.Node, s Service, d Definition, most int) int {
	constraints := slices.DeleteFunc(slices.Concat(d.Spec.Constraints, s.Constraints), func(c placement.Constraint) bool { return c.Type == placement.Tagged || c.Type == placement.Together })
	return len(placement.Plan([]placement.Node{n}, placement.Request{Need: d.Spec.Need(), Count: most, Group: serviceGroup(s.Name), Constraints: constraints}).Chosen)
}

// placedTasks are the tasks of a service's primary deployment that are to stay.
func placedTasks(tx *store.Tx, s Service) (all []rollout.Placed, err error) {
	err = tx.Each(`select t.id, t.node, t.protected, t.moves_to from tasks t join deployments d on d.id = t.started_by
		where t.account = $1 and t.cluster = $2 and t.task_group = $3 and t.status < 8 and t.desired < 8 and t.leaving = 0 and d.status = 'PRIMARY' order by t.created desc, t.id`,
		[]any{s.Account, s.Cluster, serviceGroup(s.Name)}, func(rows *sql.Rows) error {
			var p rollout.Placed
			var protected int64
			var to string
			err := rows.Scan(&p.ID, &p.Node, &protected, &to)
			p.Fixed = store.Time(protected).After(tx.Now) || to != ""
			if to != "" {
				p.Node = to
			}
			all = append(all, p)
			return err
		})
	return all, err
}
