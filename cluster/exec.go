package cluster

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/nodeapi"
	"slipway/store"
)

// The limits of sessions in containers.
const (
	// MaxStreams is how many sessions one node has at a time.
	MaxStreams = 64
	// IdleLimit is how long a session may go on in which nothing is typed or printed. Source: Amazon ECS
	// Developer Guide, "Monitor Amazon ECS containers with ECS Exec".
	IdleLimit = 20 * time.Minute

	tokenLife  = time.Minute // of a token that nobody comes with
	maxCommand = 32 << 10    // bytes of what is to be run
	maxUsage   = 100         // tasks of which one session tells what they use
)

// ExecRequest asks for a session in a container of a task.
type ExecRequest struct {
	Cluster   string
	Task      string // id
	Container string // "": the only one
	Args      []string
	Terminal  bool
}

// Admitted is a session that may begin, once and soon, by its token, at the server with that address.
type Admitted struct {
	ID        string
	Token     string
	Server    string // host:port of the APIs
	Task      Task
	Container string
}

// ChannelPath is where the channels of sessions are opened; the name of a session follows.
const ChannelPath = "/v1/data-channel/"

// sessionPrefix is what the name of a session begins with, as in ECS.
const sessionPrefix = "ecs-execute-command-"

// SessionID is the session's name.
func (a Admitted) SessionID() string { return sessionPrefix + a.ID }

// URL is where the session's channel is opened: at the server that has the line to the node.
func (a Admitted) URL() string {
	return "ws://" + a.Server + ChannelPath + a.SessionID() + "?role=publish_subscribe"
}

// wish is what a session is about, as it is kept.
type wish struct {
	Exec  *nodeapi.Exec  `json:"exec,omitempty"`
	Stats *nodeapi.Stats `json:"stats,omitempty"`
}

// Exec admits a session that runs a program in a container. It fails with ErrNoCluster, ErrNoTask,
// ErrNoContainer, ErrNotRunning, ErrExecDisabled, ErrNotConnected, and with ErrInvalid where nothing says what
// to run, or in which of several containers.
func (c *Control) Exec(ctx context.Context, account string, r ExecRequest) (a Admitted, err error) {
	if len(r.Args) == 0 {
		return a, errs.Say(ErrInvalid, "command: it names no program.")
	}
	if n := len(strings.Join(r.Args, " ")); n > maxCommand {
		return a, errs.Say(ErrInvalid, "command: %d bytes are more than %d.", n, maxCommand)
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if a.Task, a.Container, err = openTask(tx, account, r); err != nil {
			return err
		}
		what := wish{Exec: &nodeapi.Exec{Task: a.Task.ID, Container: a.Container, Args: r.Args, Terminal: r.Terminal}}
		return a.admit(tx, account, a.Task.Node, what)
	})
	return a, err
}

// openTask finds the task and the container in which something is to be run, where that may be.
func openTask(tx *store.Tx, account string, r ExecRequest) (t Task, container string, err error) {
	if _, err := clusterStatus(tx, account, r.Cluster); err != nil {
		return t, "", err
	}
	found, err := tasksByID(tx, account, r.Cluster, []string{r.Task})
	switch {
	case err != nil:
		return t, "", err
	case len(found) == 0:
		return t, "", ErrNoTask
	case found[0].StoppingOrOver():
		return t, "", ErrNotRunning
	}
	t = found[0]
	if container, err = t.running(r.Container); err == nil && !t.Exec {
		err = ErrExecDisabled
	}
	return t, container, err
}

// running finds the container that is meant, which must run.
func (t Task) running(name string) (string, error) {
	if name == "" {
		if len(t.Spec.Containers) > 1 {
			return "", errs.Say(ErrInvalid, "Container name must be provided for tasks with multiple containers.")
		}
		name = t.Spec.Containers[0].Name
	}
	i := t.Spec.Index(name)
	if i < 0 {
		return "", ErrNoContainer
	}
	if t.Container(i).Status != nodeapi.Running {
		return "", ErrNotRunning
	}
	return name, nil
}

// Usage admits sessions that tell what the containers of tasks use, one for each of the nodes that they are
// on and that are connected. Tasks that do not run, or are not there, use nothing.
func (c *Control) Usage(ctx context.Context, account, cluster string, tasks []string, period time.Duration) (all []Admitted, err error) {
	if len(tasks) == 0 || len(tasks) > maxUsage {
		return nil, errs.Say(ErrInvalid, "tasks: %d are not between 1 and %d.", len(tasks), maxUsage)
	}
	if period < time.Second || period > time.Minute {
		return nil, errs.Say(ErrInvalid, "period: %v is not between 1 and 60 seconds.", period)
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		all = nil
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return err
		}
		found, err := tasksByID(tx, account, cluster, tasks)
		byNode := map[string][]string{}
		for _, t := range found {
			if t.Connected && t.Seen.Status < nodeapi.Stopped {
				byNode[t.Node] = append(byNode[t.Node], t.ID)
			}
		}
		for node, tasks := range byNode {
			var a Admitted
			if err := a.admit(tx, account, node, wish{Stats: &nodeapi.Stats{Tasks: tasks, Period: period}}); err != nil {
				return err
			}
			all = append(all, a)
		}
		return err
	})
	return all, err
}

// admit keeps what is wished for, until somebody comes with the token.
func (a *Admitted) admit(tx *store.Tx, account, node string, what wish) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if a.Server, err = serverOf(tx, node); err != nil {
		return err
	}
	a.ID, a.Token = ids.Hex(16), ids.Hex(32)
	_, err = tx.Exec(`insert into execs (id, account, node, token, what, created) values ($1, $2, $3, $4, $5, $6)`,
		a.ID, account, node, digestOf(a.Token), string(text), store.Micros(tx.Now))
	return err
}

func digestOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// redeemToken begins a session, which nobody can do again. All that is wrong is ErrNoSession.
func (c *Control) redeemToken(ctx context.Context, id, token string) (node string, what wish, err error) {
	id = strings.TrimPrefix(id, sessionPrefix)
	if !idPattern.MatchString(id) {
		return "", what, ErrNoSession
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		digest, text, err := admitted(tx, id, tx.Now.Add(-tokenLife), &node)
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare([]byte(digest), []byte(digestOf(token))) != 1 {
			return ErrNoSession
		}
		if err := json.Unmarshal([]byte(text), &what); err != nil {
			return err
		}
		n, err := tx.Exec(`update execs set begun = $2 where id = $1 and begun = 0`, id, store.Micros(tx.Now))
		if err == nil && n != 1 {
			return ErrNoSession
		}
		return err
	})
	return node, what, err
}

// forgetExecs forgets the sessions that can not begin any more.
func (c *Control) forgetExecs(ctx context.Context) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from execs where created < $1`, store.Micros(tx.Now.Add(-2*tokenLife)))
		return err
	})
}
