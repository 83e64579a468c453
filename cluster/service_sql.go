package cluster

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"slipway/cluster/taskdef"
	"slipway/internal/ids"
	"slipway/nodeapi"
	"slipway/store"
)

// servicesTopic is touched when something is to be looked at anew for the services of a cluster.
func servicesTopic(account, cluster string) string { return "services:" + account + "/" + cluster }

// anyService is touched when a cluster comes to have services.
const anyService = "services"

// serviceGroup is the group of a service's tasks.
func serviceGroup(name string) string { return "service:" + name }

func (t Task) ofService() bool { return strings.HasPrefix(t.Group, "service:") }

const serviceColumns = `name, status, created, created_by, strategy, role, spec, waits, waits_since, refused, reserved from services`

func scanService(row interface{ Scan(...any) error }, account, cluster string) (s Service, err error) {
	s.Account, s.Cluster = account, cluster
	var created, since int64
	var spec, refused string
	w := &Waiting{}
	err = row.Scan(&s.Name, &s.Status, &created, &s.CreatedBy, &s.Strategy, &s.Role, &spec, &w.Count, &since, &refused, &w.Reserved)
	if err != nil {
		return s, err
	}
	s.Created, w.Since = store.Time(created), store.Time(since)
	if err := json.Unmarshal([]byte(spec), &s.ServiceSpec); err != nil {
		return s, fmt.Errorf("service %s: %w", s.Name, err)
	}
	if w.Count == 0 {
		return s, nil
	}
	s.Waiting = w
	return s, json.Unmarshal([]byte(refused), &w.Refused)
}

// readService returns a service by itself, without what belongs to it.
func readService(tx *store.Tx, account, cluster, name string) (Service, error) {
	if !taskdef.IsName(name) {
		return Service{}, ErrNoService
	}
	if _, err := clusterStatus(tx, account, cluster); err != nil {
		return Service{}, err
	}
	s, err := scanService(tx.Row(`select `+serviceColumns+` where account = $1 and cluster = $2 and name = $3`, account, cluster, name), account, cluster)
	if errors.Is(err, store.ErrNoRows) {
		return s, ErrNoService
	}
	return s, err
}

// liveServices returns the services of a cluster that are not over, by name.
func liveServices(tx *store.Tx, account, cluster string) (all []Service, err error) {
	err = tx.Each(`select `+serviceColumns+` where account = $1 and cluster = $2 and status <> 'INACTIVE' order by name`, []any{account, cluster}, func(rows *sql.Rows) error {
		s, err := scanService(rows, account, cluster)
		all = append(all, s)
		return err
	})
	return all, err
}

func serviceNames(tx *store.Tx, account string, f ServiceFilter, after string, limit int) (names []string, err error) {
	services, err := liveServices(tx, account, f.Cluster)
	for _, s := range services {
		launch := s.Launch
		replaceEmpty(&launch, "EC2")
		fits := (f.Launch == "" || f.Launch == launch) && (f.Strategy == "" || f.Strategy == s.Strategy)
		if s.Name > after && fits && len(names) < limit {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names, err
}

// wholeService returns a service with all that is shown of it.
func (c *Control) wholeService(tx *store.Tx, account, cluster, name string) (Service, error) {
	s, err := readService(tx, account, cluster, name)
	if err != nil {
		return s, err
	}
	var err1, err2, err3 error
	s.Tags, err1 = tagsOf(tx, account, s.resource())
	s.Events, err2 = serviceEvents(tx, s)
	s.Deployments, s.Rollout, err3 = liveDeployments(tx, s)
	if err := errors.Join(err1, err2, err3); err != nil {
		return s, err
	}
	return s, c.countServiceTasks(tx, &s)
}

// resource is the name under which a service's tags are kept.
func (s Service) resource() string { return "service/" + s.Cluster + "/" + s.Name }

// countServiceTasks counts the tasks of a service and of each of its deployments, but for those that are given up
// because their machines have been away for long.
func (c *Control) countServiceTasks(tx *store.Tx, s *Service) error {
	const count = `select t.started_by, t.status, count(*) from tasks t join instances i on i.id = t.node
		where t.account = $1 and t.cluster = $2 and t.task_group = $3 and t.status < 8 and (i.session <> '' or i.changed > $4) group by t.started_by, t.status`
	return tx.Each(count, []any{s.Account, s.Cluster, serviceGroup(s.Name), store.Micros(tx.Now.Add(-c.config.Services.Away))}, func(rows *sql.Rows) error {
		var deployment string
		var status nodeapi.Status
		var n int
		if err := rows.Scan(&deployment, &status, &n); err != nil {
			return err
		}
		i := slices.IndexFunc(s.Deployments, func(d Deployment) bool { return d.ID == deployment })
		switch {
		case status == nodeapi.Running:
			s.Running += n
			if i >= 0 {
				s.Deployments[i].Running += n
			}
		case status < nodeapi.Running:
			s.Pending += n
			if i >= 0 {
				s.Deployments[i].Pending += n
			}
		}
		return nil
	})
}

const keptEvents = 100

func serviceEvents(tx *store.Tx, s Service) (all []ServiceEvent, err error) {
	err = tx.Each(`select id, created, text from service_events where account = $1 and cluster = $2 and service = $3 and created >= $4 order by number desc limit 100`,
		[]any{s.Account, s.Cluster, s.Name, store.Micros(s.Created)}, func(rows *sql.Rows) error {
			var e ServiceEvent
			var created int64
			err := rows.Scan(&e.ID, &created, &e.Text)
			e.Created = store.Time(created)
			all = append(all, e)
			return err
		})
	return all, err
}

// tellService adds sentences to the events of a service, of which the last 100 are kept.
func tellService(tx *store.Tx, s Service, sentences ...string) error {
	if len(sentences) == 0 {
		return nil
	}
	var last int64
	const newest = `select coalesce(max(number), 0) from service_events where account = $1 and cluster = $2 and service = $3`
	if err := tx.Row(newest, s.Account, s.Cluster, s.Name).Scan(&last); err != nil {
		return err
	}
	rows := make([][]any, len(sentences))
	for i, text := range sentences {
		last++
		rows[i] = []any{s.Account, s.Cluster, s.Name, last, ids.UUID(), store.Micros(tx.Now), text}
	}
	if _, err := tx.ExecRows(`insert into service_events (account, cluster, service, number, id, created, text) values`, `(?, ?, ?, ?, ?, ?, ?)`, ``, rows); err != nil {
		return err
	}
	_, err := tx.Exec(`delete from service_events where account = $1 and cluster = $2 and service = $3 and number <= $4`, s.Account, s.Cluster, s.Name, last-keptEvents)
	return err
}

// saveSpec writes what is wanted of a service.
func saveSpec(tx *store.Tx, s Service) error {
	spec, err := json.Marshal(s.ServiceSpec)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`update services set spec = $4 where account = $1 and cluster = $2 and name = $3`, s.Account, s.Cluster, s.Name, string(spec))
	return err
}

func setServiceStatus(tx *store.Tx, s Service, status string) error {
	_, err := tx.Exec(`update services set status = $4, ended = $5 where account = $1 and cluster = $2 and name = $3`,
		s.Account, s.Cluster, s.Name, status, store.Micros(tx.Now))
	return err
}
