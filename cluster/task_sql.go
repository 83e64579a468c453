package cluster

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"slipway/cluster/placement"
	"slipway/nodeapi"
	"slipway/store"
)

func insertTask(tx *store.Tx, t Task, ports []placement.Port) error {
	overrides, err1 := json.Marshal(t.Overrides)
	spec, err2 := json.Marshal(t.Spec)
	images, err3 := json.Marshal(t.Images)
	seen, err4 := json.Marshal(t.Seen)
	network, err5 := writeVPC(t.VPC)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	_, err := tx.Exec(`
		insert into tasks (id, account, cluster, family, revision, node, created, task_group, started_by, launch, overrides, spec, images, cpu, memory, ports,
			desired, stop_code, stop_reason, stop_asked, status, seen, bound, settled, network, exec, provider)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, '', '', 0, $18, $19, '', 0, $20, $21, $22)`,
		t.ID, t.Account, t.Cluster, t.Family, t.Revision, t.Node, store.Micros(t.Created), t.Group, t.StartedBy, t.Launch,
		string(overrides), string(spec), string(images), t.CPU, t.Memory, writePorts(ports), nodeapi.Running, t.Seen.Status, string(seen), network, flag(t.Exec), t.Provider)
	return err
}

func flag(set bool) int {
	if set {
		return 1
	}
	return 0
}

func writeVPC(v *VPC) (string, error) {
	if v == nil {
		return "", nil
	}
	text, err := json.Marshal(v)
	return string(text), err
}

const taskColumns = `t.id, t.account, t.cluster, t.family, t.revision, t.node, t.created, t.task_group, t.started_by, t.launch, t.overrides, t.spec, t.images, t.cpu, t.memory,
	t.desired, t.stop_code, t.stop_reason, t.stop_asked, t.seen, t.settled, t.network, t.exec, t.provider, i.session, i.changed
	from tasks t join instances i on i.id = t.node`

func scanTask(row interface{ Scan(...any) error }) (t Task, err error) {
	var created, asked, settled, changed, exec int64
	var desired nodeapi.Status
	var overrides, spec, images, seen, network, session string
	err = row.Scan(&t.ID, &t.Account, &t.Cluster, &t.Family, &t.Revision, &t.Node, &created, &t.Group, &t.StartedBy, &t.Launch, &overrides, &spec, &images, &t.CPU, &t.Memory,
		&desired, &t.Wanted.StopCode, &t.Wanted.StopReason, &asked, &seen, &settled, &network, &exec, &t.Provider, &session, &changed)
	if err != nil {
		return t, err
	}
	t.Created, t.Changed, t.Connected, t.Exec = store.Time(created), store.Time(changed), session != "", exec != 0
	t.Wanted.Stop, t.Wanted.Asked, t.Settled = desired == nodeapi.Stopped, store.Time(asked), store.Time(settled)
	err = errors.Join(json.Unmarshal([]byte(overrides), &t.Overrides), json.Unmarshal([]byte(spec), &t.Spec),
		json.Unmarshal([]byte(images), &t.Images), json.Unmarshal([]byte(seen), &t.Seen))
	if network != "" {
		err = errors.Join(err, json.Unmarshal([]byte(network), &t.VPC))
	}
	if err != nil {
		return t, fmt.Errorf("task %s: %w", t.ID, err)
	}
	return t, nil
}

func readTasks(tx *store.Tx, where string, args ...any) (tasks []Task, err error) {
	err = tx.Each(`select `+taskColumns+` where `+where+` order by t.created, t.id`, args, func(rows *sql.Rows) error {
		t, err := scanTask(rows)
		tasks = append(tasks, t)
		return err
	})
	return tasks, err
}

// tasksByID returns those of the tasks that are there, with their tags.
func tasksByID(tx *store.Tx, account, cluster string, ids []string) ([]Task, error) {
	ids = validIDs(ids)
	tasks, err := readTasks(tx, `t.account = $1 and t.cluster = $2 and t.id in `+store.In(3, len(ids)), append([]any{account, cluster}, anys(ids)...)...)
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	byID := make(map[string]*Task, len(tasks))
	for i := range tasks {
		byID[tasks[i].ID] = &tasks[i]
	}
	resources := make([]any, len(ids))
	for i, id := range ids {
		resources[i] = "task/" + id
	}
	err = tx.Each(`select resource, key, value from tags where account = $1 and resource in `+store.In(2, len(ids))+` order by key`, append([]any{account}, resources...), func(rows *sql.Rows) error {
		var resource string
		var tag Tag
		err := rows.Scan(&resource, &tag.Key, &tag.Value)
		if t := byID[strings.TrimPrefix(resource, "task/")]; t != nil {
			t.Tags = append(t.Tags, tag)
		}
		return err
	})
	return tasks, err
}

// taskOnNode returns a task if it is on that node.
func taskOnNode(tx *store.Tx, node, id string) (Task, error) {
	if !idPattern.MatchString(id) || !idPattern.MatchString(node) {
		return Task{}, ErrNoTask
	}
	t, err := scanTask(tx.Row(`select `+taskColumns+` where t.id = $1 and t.node = $2`, id, node))
	if errors.Is(err, store.ErrNoRows) {
		return t, ErrNoTask
	}
	return t, err
}

func taskIDs(tx *store.Tx, account string, f TaskFilter, after string, limit int) (ids []string, err error) {
	query := `select id from tasks where account = $1 and cluster = $2 and id > $3`
	args := []any{account, f.Cluster, after}
	also := func(condition string, value string) {
		if value != "" {
			args = append(args, value)
			query += fmt.Sprintf(` and %s = $%d`, condition, len(args))
		}
	}
	also("family", f.Family)
	also("started_by", f.StartedBy)
	also("task_group", f.Group)
	also("node", f.Node)
	also("launch", f.Launch)
	over := `(desired = 8 or status > 4)`
	if !f.Stopped {
		over = `not ` + over
	}
	err = tx.Each(query+fmt.Sprintf(` and %s order by id limit %d`, over, limit), args, intoStrings(&ids))
	return ids, err
}
