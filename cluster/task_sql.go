package cluster

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"slipway/cluster/taskdef"
	"slipway/nodeapi"
	"slipway/store"
)

// taskModel is what tasks that were asked for alike have in common, as it is kept: once for all of them.
type taskModel struct {
	id, overrides, spec, images, network, placement string
	disk                                            int // GiB
}

func modelOf(t Task) (m taskModel, err error) {
	overrides, err1 := json.Marshal(t.Overrides)
	spec, err2 := json.Marshal(t.Spec)
	images, err3 := json.Marshal(t.Images)
	network, err4 := writeVPC(t.VPC)
	where, err5 := t.Where.write()
	sum := sha256.New()
	for _, part := range [][]byte{overrides, spec, images, []byte(network), []byte(where)} {
		fmt.Fprintf(sum, "%d:%s,", len(part), part)
	}
	return taskModel{hex.EncodeToString(sum.Sum(nil)), string(overrides), string(spec), string(images), network, where, t.Spec.Disk}, errors.Join(err1, err2, err3, err4, err5)
}

// modelUse is how exactly it is known when a model was used last: to write it down each time would be in the way of others.
const modelUse = time.Hour

// keepModels writes down those models that are not there, or were not used for a while.
func keepModels(tx *store.Tx, models map[string]taskModel) error {
	missing := maps.Clone(models)
	err := inBatches(keysOf(models), 2, func(in string, ids []any) error {
		return tx.Each(`select id from task_models where used > $1 and id in `+in, append([]any{store.Micros(tx.Now.Add(-modelUse))}, ids...), func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			delete(missing, id)
			return err
		})
	})
	if err != nil {
		return err
	}
	var rows [][]any
	for _, m := range missing {
		rows = append(rows, []any{m.id, store.Micros(tx.Now), m.overrides, m.spec, m.images, m.network, m.placement, m.disk})
	}
	_, err = tx.ExecRows(`insert into task_models (id, used, overrides, spec, images, network, placement, disk) values`, `(?, ?, ?, ?, ?, ?, ?, ?)`, `on conflict (id) do update set used = excluded.used, disk = excluded.disk`, rows)
	return err
}

// unusedModels returns some models of which no task was made for a while and none is left.
func unusedModels(tx *store.Tx) (unused []string, err error) {
	err = tx.Each(`select id from task_models where used < $1 and id not in (select model from tasks) limit $2`,
		[]any{store.Micros(tx.Now.Add(-2 * modelUse)), pruneBatch}, intoStrings(&unused))
	return unused, err
}

// dropModels forgets models, unless they were used since they were found unused.
func dropModels(tx *store.Tx, unused []string) error {
	return inBatches(unused, 2, func(in string, ids []any) error {
		_, err := tx.Exec(`delete from task_models where used < $1 and id in `+in, append([]any{store.Micros(tx.Now.Add(-2 * modelUse))}, ids...)...)
		return err
	})
}

// insertTasks writes down tasks that have just been placed, whose models are there. What is seen of them says no more
// than that, so it is not written down.
func insertTasks(tx *store.Tx, tasks []placed) error {
	rows := make([][]any, len(tasks))
	for i, p := range tasks {
		t := p.task
		rows[i] = []any{t.ID, t.Account, t.Cluster, t.Family, t.Revision, t.Node, store.Micros(t.Created), t.Group, t.StartedBy, t.Launch, p.bid.model.id,
			t.CPU, t.Memory, p.bid.ports, nodeapi.Running, "", "", 0, t.Seen.Status, "", "", 0, flag(t.Exec), t.Provider}
	}
	_, err := tx.ExecRows(`insert into tasks (id, account, cluster, family, revision, node, created, task_group, started_by, launch, model, cpu, memory, ports,
		desired, stop_code, stop_reason, stop_asked, status, seen, bound, settled, exec, provider) values`, `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, ``, rows)
	return err
}

func flag(set bool) int {
	if set {
		return 1
	}
	return 0
}

func writeVPC(v *taskdef.VPC) (string, error) {
	if v == nil {
		return "", nil
	}
	text, err := json.Marshal(v)
	return string(text), err
}

const taskColumns = `t.id, t.account, t.cluster, t.family, t.revision, t.node, t.created, t.task_group, t.started_by, t.launch, m.overrides, m.spec, m.images, t.cpu, t.memory,
	t.desired, t.stop_code, t.stop_reason, t.stop_asked, t.status, t.seen, t.settled, m.network, m.placement, t.exec, t.provider, i.session, i.changed
	from tasks t join task_models m on m.id = t.model join instances i on i.id = t.node`

func scanTask(row interface{ Scan(...any) error }) (t Task, err error) {
	var created, asked, settled, changed, exec int64
	var desired nodeapi.Status
	var overrides, spec, images, seen, network, where, session string
	err = row.Scan(&t.ID, &t.Account, &t.Cluster, &t.Family, &t.Revision, &t.Node, &created, &t.Group, &t.StartedBy, &t.Launch, &overrides, &spec, &images, &t.CPU, &t.Memory,
		&desired, &t.Wanted.StopCode, &t.Wanted.StopReason, &asked, &t.Seen.Status, &seen, &settled, &network, &where, &exec, &t.Provider, &session, &changed)
	if err != nil {
		return t, err
	}
	t.Created, t.Changed, t.Connected, t.Exec = store.Time(created), store.Time(changed), session != "", exec != 0
	t.Wanted.Stop, t.Wanted.Asked, t.Settled = desired == nodeapi.Stopped, store.Time(asked), store.Time(settled)
	err = errors.Join(json.Unmarshal([]byte(overrides), &t.Overrides), json.Unmarshal([]byte(spec), &t.Spec),
		json.Unmarshal([]byte(images), &t.Images))
	if t.Seen.ID = t.ID; seen != "" {
		err = errors.Join(err, json.Unmarshal([]byte(seen), &t.Seen))
	}
	if where != "" {
		err = errors.Join(err, json.Unmarshal([]byte(where), &t.Where))
	}
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
