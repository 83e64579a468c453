package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"

	"slipway/cluster/taskdef"
	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/store"
)

// Tag is a word of the customer's on a resource.
type Tag struct{ Key, Value string }

// MaxTags is how many tags a resource can have.
const MaxTags = 50

// Tag sets tags of the resource, an ARN of this room; others that it has stay.
func (c *Control) Tag(ctx context.Context, account, resource string, tags []Tag) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		key, err := taggable(tx, account, resource)
		if err != nil {
			return err
		}
		if err := setTags(tx, account, key, tags); err != nil {
			return err
		}
		all, err := tagsOf(tx, account, key)
		if len(all) > MaxTags {
			return errs.Say(ErrInvalid, "%d tags are more than a resource can have, %d.", len(all), MaxTags)
		}
		if err != nil {
			return err
		}
		return tagsChanged(tx, account, key)
	})
}

// Untag takes tags away. Those it does not have do no harm.
func (c *Control) Untag(ctx context.Context, account, resource string, keys []string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		key, err := taggable(tx, account, resource)
		if err != nil {
			return err
		}
		if err := deleteTags(tx, account, key, keys); err != nil {
			return err
		}
		return tagsChanged(tx, account, key)
	})
}

// tagsChanged has placements know of it where the tags of a machine have changed.
func tagsChanged(tx *store.Tx, account, resource string) error {
	if node, ok := strings.CutPrefix(resource, "container-instance/"); ok {
		return machineChanged(tx, account, node)
	}
	return nil
}

// Tags returns the tags of a resource, by key.
func (c *Control) Tags(ctx context.Context, account, resource string) (tags []Tag, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		key, err := taggable(tx, account, resource)
		if err != nil {
			return err
		}
		tags, err = tagsOf(tx, account, key)
		return err
	})
	return tags, err
}

// TagValues are the tags of a resource by key, for policies. What is not there, and what has none, has none.
func (c *Control) TagValues(ctx context.Context, account, resource string) (map[string]string, error) {
	tags, err := c.Tags(ctx, account, resource)
	if err != nil && errs.KindOf(err) == errs.Internal {
		return nil, err
	}
	return valuesOf(tags), nil
}

// valuesOf are tags by key.
func valuesOf(tags []Tag) map[string]string {
	values := make(map[string]string, len(tags))
	for _, t := range tags {
		values[t.Key] = t.Value
	}
	return values
}

func checkTags(tags []Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.Key == "":
			return errs.Say(ErrInvalid, "A tag has no key.")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return errs.Say(ErrInvalid, "Tag key %q begins with aws:, which is reserved.", t.Key)
		case seen[t.Key]:
			return errs.Say(ErrInvalid, "Tag key %q is given twice.", t.Key)
		case strings.ContainsRune(t.Key+t.Value, 0):
			return errs.Say(ErrInvalid, "Tag %q holds a NUL byte.", t.Key)
		}
		seen[t.Key] = true
	}
	if len(tags) > MaxTags {
		return errs.Say(ErrInvalid, "%d tags are more than a resource can have, %d.", len(tags), MaxTags)
	}
	return nil
}

// taggable finds the resource that an ARN names and returns the name under which its tags are kept.
func taggable(tx *store.Tx, account, resource string) (string, error) {
	a, err := arn.Parse(resource)
	if err != nil || a.Service != "ecs" {
		return "", errs.Say(ErrInvalid, "%q is not the ARN of a cluster, service, task, container instance or task definition.", resource)
	}
	if a.Account != account {
		return "", ErrNoResource
	}
	kind, name := a.ResourceID()
	switch kind {
	case "cluster":
		status, err := clusterStatus(tx, account, name)
		if status == Inactive {
			return "", errs.Say(ErrInvalid, "The specified cluster is inactive. Specify an active cluster and try again.")
		}
		return "cluster/" + name, present(status, err)
	case "task-definition":
		ref, err := taskdef.ParseRef(name)
		if err != nil || ref.Revision == 0 {
			return "", ErrNoResource
		}
		return "task-definition/" + ref.String(), present(readDefinition(tx, account, ref))
	case "capacity-provider":
		return "capacity-provider/" + name, present(readProvider(tx, account, name))
	case "service":
		cluster, service, _ := strings.Cut(name, "/")
		found, err := readService(tx, account, cluster, service)
		if found.Status == Inactive {
			return "", errs.Say(ErrInvalid, "The specified service is inactive. Specify an active service and try again.")
		}
		return found.resource(), present(found, err)
	case "task", "container-instance":
		cluster, id, _ := strings.Cut(name, "/")
		if kind == "task" {
			return "task/" + id, someOf(tasksByID(tx, account, cluster, []string{id}))
		}
		return "container-instance/" + id, someOf(readInstances(tx, account, cluster, []string{id}))
	}
	return "", errs.Say(ErrInvalid, "Resources of type %q have no tags.", kind)
}

func present(_ any, err error) error {
	if errors.Is(err, ErrNoCluster) || errors.Is(err, taskdef.ErrNotFound) || errors.Is(err, ErrNoProvider) || errors.Is(err, ErrNoService) {
		return ErrNoResource
	}
	return err
}

func someOf[T any](found []T, err error) error {
	if err == nil && len(found) == 0 {
		return ErrNoResource
	}
	return err
}

// union is tags, and those of more whose keys tags has not.
func union(tags, more []Tag) []Tag {
	all := slices.Clone(tags)
	for _, t := range more {
		if !slices.ContainsFunc(tags, func(own Tag) bool { return own.Key == t.Key }) {
			all = append(all, t)
		}
	}
	return all
}
