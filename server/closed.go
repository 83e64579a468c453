package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"slipway/accounts"
	"slipway/cluster"
	"slipway/cluster/taskdef"
	"slipway/internal/loop"
	"slipway/logs"
)

// closedPeriod is how long what a closed account has running may go on where the word of it is lost.
const closedPeriod = 30 * time.Second

// closing stops what closed accounts have running, and deletes what those have that are gone for
// good. It looks at what there is, so that it can be cut off anywhere, and done by any server.
type closing struct {
	*Server
	settled map[string]string // what was done about each account, as far as this server knows
}

func (s *Server) runClosing(ctx context.Context) {
	c := closing{s, map[string]string{}}
	wake, stop := s.db.Watch(accounts.ClosedTopic)
	defer stop()
	loop.Run(ctx, "server.closed", closedPeriod, wake, c.pass)
}

func (c *closing) pass(ctx context.Context) error {
	closed, err := c.accounts.ClosedAccounts(ctx)
	if err != nil {
		return err
	}
	var all []error // one account that cannot be settled yet keeps no other from it
	for _, a := range closed {
		if c.settled[a.ID] == a.State {
			continue
		}
		if err := c.settle(ctx, a); err != nil {
			all = append(all, fmt.Errorf("closed account %s: %w", a.ID, err))
			continue
		}
		machines, err := c.nodes.Joined(ctx, a.ID)
		if all = append(all, err); err == nil && !machines { // one that has not reported yet is looked for again
			c.settled[a.ID] = a.State
		}
	}
	return errors.Join(all...)
}

func (c *closing) settle(ctx context.Context, a accounts.Account) error {
	steps := []func(context.Context, string) error{c.hooks.StopAccount, c.stopTasks, c.nodes.WithdrawAccount, c.cluster.DeregisterAccount, c.functions.StopAccount}
	if a.State == accounts.StateGone {
		steps = append(steps, c.deleteClusters, c.deleteDefinitions, c.deleteRepositories, c.registry.ForgetAccount, c.deleteGroups, c.secrets.ForgetAccount, c.ingress.ForgetAccount, c.functions.ForgetAccount, c.objects.ForgetAccount, c.hooks.ForgetAccount)
	}
	for _, step := range steps {
		if err := step(ctx, a.ID); err != nil {
			return err
		}
	}
	if a.State != accounts.StateGone {
		return nil
	}
	slog.InfoContext(ctx, "what a closed account had is deleted", "account", a.ID)
	return nil
}

// each calls do with the first page of a listing, which do shortens, until that is empty.
func each[T any](list func() ([]T, error), do func(T) error) error {
	for {
		found, err := list()
		if err != nil || len(found) == 0 {
			return err
		}
		for _, one := range found {
			if err := do(one); err != nil {
				return err
			}
		}
	}
}

func (c *closing) stopTasks(ctx context.Context, account string) error {
	clusters, _, err := c.cluster.ListClusters(ctx, account, cluster.Page{Limit: 10_000})
	for _, name := range clusters {
		if err != nil {
			return err
		}
		err = each(func() ([]string, error) {
			ids, _, err := c.cluster.ListTasks(ctx, account, cluster.TaskFilter{Cluster: name}, cluster.Page{})
			return ids, err
		}, func(id string) error {
			_, err := c.cluster.StopTask(ctx, account, name, id, "The account was closed.")
			return err
		})
	}
	return err
}

func (c *closing) deleteClusters(ctx context.Context, account string) error {
	return each(func() ([]string, error) {
		names, _, err := c.cluster.ListClusters(ctx, account, cluster.Page{})
		return names, err
	}, func(name string) error {
		_, err := c.cluster.DeleteCluster(ctx, account, name)
		return err
	})
}

func (c *closing) deleteDefinitions(ctx context.Context, account string) error {
	if err := c.eachDefinition(ctx, account, cluster.Active, c.cluster.Deregister); err != nil {
		return err
	}
	return c.eachDefinition(ctx, account, cluster.Inactive, c.cluster.DeleteDefinition)
}

// eachDefinition does with every definition in a state what takes it out of that state.
func (c *closing) eachDefinition(ctx context.Context, account, status string, do func(context.Context, string, taskdef.Ref) (cluster.Definition, error)) error {
	return each(func() ([]taskdef.Ref, error) {
		refs, _, err := c.cluster.ListDefinitions(ctx, account, cluster.DefinitionFilter{Status: status}, cluster.Page{})
		return refs, err
	}, func(ref taskdef.Ref) error {
		_, err := do(ctx, account, ref)
		return err
	})
}

func (c *closing) deleteRepositories(ctx context.Context, account string) error {
	return each(func() ([]string, error) {
		found, err := c.registry.Repositories(ctx, account, "", 100)
		names := make([]string, len(found))
		for i, r := range found {
			names[i] = r.Name
		}
		return names, err
	}, func(name string) error {
		_, err := c.registry.DeleteRepository(ctx, account, name, true)
		return err
	})
}

func (c *closing) deleteGroups(ctx context.Context, account string) error {
	return each(func() ([]logs.Group, error) {
		groups, _, err := c.logs.Groups(ctx, account, logs.GroupQuery{})
		return groups, err
	}, func(g logs.Group) error { return c.logs.DeleteGroup(ctx, account, g.Name) })
}
