package cluster

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"slipway/nodeapi"
	"slipway/store"
)

// Roles makes the short-lived credentials by which tasks act in their roles.
type Roles interface {
	// Issue makes credentials of a role of account, named by its ARN, for the task of that ARN.
	Issue(ctx context.Context, account, role, task string) (nodeapi.Credentials, error)
	// Revoke ends all that was issued to a task: once it returns, none of it is accepted. There
	// may be none.
	Revoke(ctx context.Context, task string) error
}

const (
	// issueLimit bounds the making of credentials. What was asked for longer than twice that ago is
	// made by now, or never will be.
	issueLimit = 10 * time.Second
	// lateStop is how long after its containers should have ended a task that is wanted stopped is
	// given credentials still.
	lateStop = time.Minute
	// revokeBatch is how many tasks one pass ends the credentials of.
	revokeBatch = 1000
)

// Credentials makes credentials of the role of a task on the node whose session asks. It fails
// with ErrNoCredentials where the task is over, has no role or is another node's, with an
// error worth another try when the session is no longer the node's, and as Roles.Issue does.
func (c *Control) Credentials(ctx context.Context, r nodeapi.CredentialsRequest) (nodeapi.Credentials, error) {
	var none nodeapi.Credentials
	t, err := c.noteIssue(ctx, r)
	if err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, issueLimit)
	defer cancel()
	given, err := c.config.Roles.Issue(ctx, t.Account, t.Role(), c.taskARN(t))
	if err != nil {
		return none, fmt.Errorf("credentials of task %s: %w", t.ID, err)
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		_, err := actingTask(tx, r)
		return err
	})
	if errors.Is(err, ErrNoCredentials) { // it ended meanwhile, maybe before there was anything to revoke
		c.revoke(context.WithoutCancel(ctx), t)
	}
	if err != nil {
		return none, err
	}
	return given, nil
}

// revoke ends what was issued to a task. What fails here the loop makes good.
func (c *Control) revoke(ctx context.Context, t Task) {
	if err := c.config.Roles.Revoke(ctx, c.taskARN(t)); err != nil {
		slog.Warn("the credentials of a task that has stopped are not ended yet", "task", t.ID, "error", err)
	}
}

// noteIssue writes down that credentials will be made, before they are.
func (c *Control) noteIssue(ctx context.Context, r nodeapi.CredentialsRequest) (t Task, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if t, err = actingTask(tx, r); err != nil {
			return err
		}
		_, err := tx.Exec(`update tasks set issued = $2 where id = $1`, t.ID, store.Micros(tx.Now))
		return err
	})
	return t, err
}

// actingTask returns the task of a request that is to be granted.
func actingTask(tx *store.Tx, r nodeapi.CredentialsRequest) (Task, error) {
	if err := checkSession(tx, r.Node, r.Session); err != nil {
		return Task{}, err
	}
	t, err := taskOnNode(tx, r.Node, r.Task)
	if errors.Is(err, ErrNoTask) || err == nil && !t.acts(tx.Now) {
		return Task{}, ErrNoCredentials
	}
	return t, err
}

// checkSession fails unless the session is the node's.
func checkSession(tx *store.Tx, node, session string) error {
	var now string
	if idPattern.MatchString(node) { // PostgreSQL fails at a NUL byte
		err := tx.Row(`select session from instances where id = $1`, node).Scan(&now)
		if err != nil && !errors.Is(err, store.ErrNoRows) {
			return err
		}
	}
	if now == "" || subtle.ConstantTimeCompare([]byte(now), []byte(session)) != 1 {
		return errSessionLost
	}
	return nil
}

// acts tells whether a task is given credentials: until it has stopped, or should have for long.
func (t Task) acts(now time.Time) bool {
	if t.Spec.TaskRole == "" || t.Seen.Status == nodeapi.Stopped {
		return false
	}
	return !t.Wanted.Stop || now.Before(t.Wanted.Asked.Add(t.Spec.StopTime()+lateStop))
}

// Role is the ARN of the role that the task's containers act in, "" if they have none. A definition
// may give its name alone.
func (t Task) Role() string { return t.roleARN(t.Spec.TaskRole) }

func (t Task) roleARN(role string) string {
	if role == "" || strings.HasPrefix(role, "arn:") {
		return role
	}
	return "arn:aws:iam::" + t.Account + ":role/" + strings.TrimPrefix(role, "/")
}

// holder is a task that credentials were issued to.
type holder struct {
	task   Task // its id, account and cluster
	issued int64
}

// revokeReported ends the credentials of the tasks that a report tells stopped, before that is
// written down: who finds a task stopped finds its credentials refused.
func (c *Control) revokeReported(ctx context.Context, r nodeapi.Report) {
	var stopped []string
	for _, t := range r.Tasks {
		if t.Status == nodeapi.Stopped && idPattern.MatchString(t.ID) && idPattern.MatchString(r.Node) {
			stopped = append(stopped, t.ID)
		}
	}
	if len(stopped) == 0 {
		return
	}
	holders, err := holdersOn(ctx, c.db, r.Node, stopped)
	if err != nil {
		slog.Warn("which stopped tasks have credentials is not known yet", "node", r.Node, "error", err)
	}
	for _, h := range holders {
		c.revoke(ctx, h.task)
	}
}

// revokeStopped ends the credentials of tasks that have stopped, until none can be left: an issue that
// was under way when its task stopped is over at the second look.
func (c *Control) revokeStopped(ctx context.Context) error {
	var holders []holder
	var now time.Time
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		holders, err = stoppedHolders(tx)
		now = tx.Now
		return err
	})
	if err != nil {
		return err
	}
	over := store.Micros(now.Add(-2 * issueLimit))
	var clean []holder
	for _, h := range holders {
		if err := c.config.Roles.Revoke(ctx, c.taskARN(h.task)); err != nil {
			return fmt.Errorf("end the credentials of task %s: %w", h.task.ID, err)
		}
		if h.issued < over {
			clean = append(clean, h)
		}
	}
	return c.noteRevoked(ctx, clean)
}

// noteRevoked writes down that nothing is left of what was issued to these tasks.
func (c *Control) noteRevoked(ctx context.Context, holders []holder) error {
	if len(holders) == 0 {
		return nil
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		for _, h := range holders {
			if _, err := tx.Exec(`update tasks set issued = 0 where id = $1 and issued = $2`, h.task.ID, h.issued); err != nil {
				return err
			}
		}
		return nil
	})
}
