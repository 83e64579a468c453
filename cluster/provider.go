package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/cluster/capacity"
	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/internal/lazyregexp"
	"slipway/store"
)

// AttributeGroup is the attribute, or the tag, of a machine that says which group it belongs to. A capacity provider
// stands for the machines of one group.
const AttributeGroup = "slipway.group"

// Provider is a capacity provider: a name that stands for the machines of a group. Source: Amazon ECS API
// Reference, CapacityProvider.
type Provider struct {
	Account  string
	Name     string
	Machines string // the ARN or the name of the group, as it was given
	Settings ProviderSettings
	Created  time.Time
	Updated  time.Time // zero: never
	Tags     []Tag
}

// ProviderSettings are what AWS does to a group of machines. Here nobody starts and ends machines, so what is kept of
// them changes nothing.
type ProviderSettings struct {
	TargetCapacity int    `json:"targetCapacity"` // percent
	MinimumStep    int    `json:"minimumScalingStepSize"`
	MaximumStep    int    `json:"maximumScalingStepSize"`
	Warmup         int    `json:"instanceWarmupPeriod"` // seconds
	Draining       string `json:"managedDraining"`      // ENABLED, DISABLED
}

// DefaultProviderSettings are those of a provider of which nothing else was said.
func DefaultProviderSettings() ProviderSettings {
	return ProviderSettings{TargetCapacity: 100, MinimumStep: 1, MaximumStep: 10000, Warmup: 300, Draining: "ENABLED"}
}

func (s ProviderSettings) check() error {
	switch {
	case s.TargetCapacity < 1 || s.TargetCapacity > 100:
		return errs.Say(ErrInvalid, "autoScalingGroupProvider.managedScaling.targetCapacity: %d is not between 1 and 100.", s.TargetCapacity)
	case s.MinimumStep < 1 || s.MinimumStep > 10000:
		return errs.Say(ErrInvalid, "autoScalingGroupProvider.managedScaling.minimumScalingStepSize: %d is not between 1 and 10000.", s.MinimumStep)
	case s.MaximumStep < s.MinimumStep || s.MaximumStep > 10000:
		return errs.Say(ErrInvalid, "autoScalingGroupProvider.managedScaling.maximumScalingStepSize: %d is not between the minimum, %d, and 10000.", s.MaximumStep, s.MinimumStep)
	case s.Warmup < 0 || s.Warmup > 10000:
		return errs.Say(ErrInvalid, "autoScalingGroupProvider.managedScaling.instanceWarmupPeriod: %d is not between 0 and 10000.", s.Warmup)
	case s.Draining != "ENABLED" && s.Draining != "DISABLED":
		return errs.Say(ErrInvalid, "autoScalingGroupProvider.managedDraining: %q is neither ENABLED nor DISABLED.", s.Draining)
	}
	return nil
}

var groupPattern = lazyregexp.New(`^[A-Za-z0-9_./-]{1,128}$`)

// groupOf reads the name of a group of machines, or the ARN that AWS gives such a group, which ends in it.
func groupOf(machines string) (string, error) {
	group := machines
	if arn.Is(machines) {
		a, err := arn.Parse(machines)
		_, name, found := strings.Cut(a.Resource, ":autoScalingGroupName/")
		if err != nil || a.Service != "autoscaling" || !strings.HasPrefix(a.Resource, "autoScalingGroup:") || !found {
			return "", errs.Say(ErrInvalid, "autoScalingGroupProvider.autoScalingGroupArn: %.200q is not the ARN of a group, such as arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:ID:autoScalingGroupName/NAME.", machines)
		}
		group = name
	}
	if !groupPattern.MatchString(group) {
		return "", errs.Say(ErrInvalid, "autoScalingGroupProvider.autoScalingGroupArn: the name of the group, %.140q, is not of 1 to 128 letters, digits, underscores, periods, slashes and hyphens, as attributes of machines can be.", group)
	}
	return group, nil
}

// CreateProvider makes a capacity provider of the machines of a group. The same one made again is as it was; it fails
// with ErrProviderExists where one of that name is another, and with ErrGroupTaken where the group has another name.
func (c *Control) CreateProvider(ctx context.Context, p Provider) (made Provider, err error) {
	if err := checkProviderName(p.Name); err != nil {
		return made, err
	}
	group, err := groupOf(p.Machines)
	if err := errors.Join(err, p.Settings.check(), checkTags(p.Tags)); err != nil {
		return made, err
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		made, err = readProvider(tx, p.Account, p.Name)
		switch {
		case err == nil && made.Machines == p.Machines && made.Settings == p.Settings:
			return nil
		case err == nil:
			return fmt.Errorf("%w: %s", ErrProviderExists, p.Name)
		case !errors.Is(err, ErrNoProvider):
			return err
		}
		made, made.Created = p, tx.Now
		return c.insertProvider(tx, made, group)
	})
	return made, err
}

func (c *Control) insertProvider(tx *store.Tx, p Provider, group string) error {
	taken, err := exists(tx, `select 1 from providers where account = $1 and machine_group = $2`, p.Account, group)
	if err == nil && taken {
		err = fmt.Errorf("%w: %s", ErrGroupTaken, group)
	}
	if err == nil {
		err = writeProvider(tx, p, group)
	}
	if err == nil {
		err = setTags(tx, p.Account, "capacity-provider/"+p.Name, p.Tags)
	}
	if err != nil {
		return err
	}
	return events.Append(tx, p.Account, "capacity-provider.created", ProviderARN(c.config.Region, p.Account, p.Name), nil)
}

func checkProviderName(name string) error {
	lower := strings.ToLower(name)
	for _, reserved := range []string{"aws", "ecs", "fargate"} {
		if strings.HasPrefix(lower, reserved) {
			return errs.Say(ErrInvalid, "The specified capacity provider name is invalid. %.260q begins with %s, which is reserved.", name, reserved)
		}
	}
	if !taskdef.IsName(name) {
		return errs.Say(ErrInvalid, "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), numbers, underscores, and hyphens: %.260q has others.", name)
	}
	return nil
}

// UpdateProvider changes the settings of a capacity provider by change, and returns what became of it.
func (c *Control) UpdateProvider(ctx context.Context, account, name string, change func(*ProviderSettings)) (p Provider, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if p, err = readProvider(tx, account, name); err != nil {
			return err
		}
		change(&p.Settings)
		p.Updated = tx.Now
		if err := p.Settings.check(); err != nil {
			return err
		}
		return updateProvider(tx, p)
	})
	return p, err
}

// DeleteProvider forgets a capacity provider that no cluster has any more. It fails with ErrNoProvider or
// ErrProviderInUse.
func (c *Control) DeleteProvider(ctx context.Context, account, name string) (p Provider, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if p, err = readProvider(tx, account, name); err != nil {
			return err
		}
		used, err := exists(tx, `select 1 from cluster_providers where account = $1 and provider = $2`, account, name)
		if err == nil && used {
			err = fmt.Errorf("%w: %s", ErrProviderInUse, name)
		}
		if err == nil {
			err = deleteProvider(tx, account, name)
		}
		if err != nil {
			return err
		}
		return events.Append(tx, account, "capacity-provider.deleted", ProviderARN(c.config.Region, account, name), nil)
	})
	return p, err
}

// Providers describes the named capacity providers, in the order of their names as given, and tells which are not there.
func (c *Control) Providers(ctx context.Context, account string, names []string) (found []Provider, missing []string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found, missing = nil, nil
		for _, name := range names {
			p, err := readProvider(tx, account, name)
			switch {
			case errors.Is(err, ErrNoProvider):
				missing = append(missing, name)
			case err != nil:
				return err
			default:
				found = append(found, p)
			}
		}
		return nil
	})
	return found, missing, err
}

// ListProviders describes the capacity providers of account, by name: those of one cluster, or all ("").
func (c *Control) ListProviders(ctx context.Context, account, cluster string, page Page) (found []Provider, next string, err error) {
	name := fmt.Sprintf("providers/%s/%s", account, cluster)
	return list(ctx, c.db, page, name, func(p Provider) string { return p.Name }, func(tx *store.Tx, after string, limit int) ([]Provider, error) {
		if cluster != "" {
			if _, err := clusterStatus(tx, account, cluster); err != nil {
				return nil, err
			}
		}
		return providersAfter(tx, account, cluster, after, limit)
	})
}

// SetProviders gives a cluster its capacity providers, and the shares by which tasks are divided among them that say
// nothing of it, in place of those that it had. It fails with ErrNoProvider, ErrNotOfCluster, or ErrProviderHasTasks
// where tasks are still there of one that is left out.
func (c *Control) SetProviders(ctx context.Context, account, cluster string, providers []string, shares []capacity.Share) (now Cluster, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if err := needCluster(tx, account, cluster); err != nil {
			return err
		}
		if err := c.setProviders(tx, account, cluster, providers, shares); err != nil {
			return err
		}
		if now, err = oneCluster(tx, account, cluster); err != nil {
			return err
		}
		return events.Append(tx, account, "cluster.providers-set", ClusterARN(c.config.Region, account, cluster), map[string]any{"providers": providers})
	})
	return now, err
}

// maxProviders is how many capacity providers a cluster can have. Source: Amazon ECS service quotas.
const maxProviders = 20

func (c *Control) setProviders(tx *store.Tx, account, cluster string, providers []string, shares []capacity.Share) error {
	if len(providers) > maxProviders {
		return errs.Say(ErrInvalid, "capacityProviders: %d are more than a cluster can have, %d.", len(providers), maxProviders)
	}
	if err := capacity.Check(shares); err != nil {
		return invalid(err)
	}
	seen := map[string]bool{}
	for _, name := range providers {
		if _, err := readProvider(tx, account, name); err != nil {
			return err
		}
		if seen[name] {
			return errs.Say(ErrInvalid, "capacityProviders: %q is given twice.", name)
		}
		seen[name] = true
	}
	for _, s := range shares {
		if !seen[s.Provider] {
			return fmt.Errorf("%w: %s", ErrNotOfCluster, s.Provider)
		}
	}
	if err := refuseLeftOut(tx, account, cluster, seen); err != nil {
		return err
	}
	return writeClusterProviders(tx, account, cluster, providers, shares)
}

// refuseLeftOut fails if tasks or services use a provider that the cluster is to have no more.
func refuseLeftOut(tx *store.Tx, account, cluster string, stay map[string]bool) error {
	var used []string
	err := tx.Each(`select distinct provider from tasks where account = $1 and cluster = $2 and status < 8 and provider <> ''`, []any{account, cluster}, intoStrings(&used))
	if err == nil {
		used, err = usedByServices(tx, account, cluster, used)
	}
	for _, name := range used {
		if err == nil && !stay[name] {
			err = fmt.Errorf("%w: %s", ErrProviderHasTasks, name)
		}
	}
	return err
}
