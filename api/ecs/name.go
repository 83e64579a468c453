package ecs

import (
	"strings"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/taskdef"
	"slipway/internal/arn"
)

// cluster reads the name or ARN of a cluster; none is the default one. An ARN of another account or
// region names no cluster here.
func (d *door) cluster(c ctx, given *string) (string, error) {
	text := awswire.Or(given, "")
	if text == "" {
		return cluster.DefaultCluster, nil
	}
	if !arn.Is(text) {
		return text, nil
	}
	name, ok := d.own(c, "cluster", text)
	if !ok {
		return "", cluster.ErrNoCluster
	}
	return name, nil
}

// definition reads "family", "family:revision" or an ARN.
func (d *door) definition(c ctx, text string) (taskdef.Ref, error) {
	if arn.Is(text) {
		name, ok := d.own(c, "task-definition", text)
		if !ok {
			return taskdef.Ref{}, taskdef.ErrNotFound
		}
		text = name
	}
	return taskdef.ParseRef(text)
}

// own is what an ARN of that kind names, if it is the caller's and of this region.
func (d *door) own(c ctx, kind, text string) (string, bool) {
	a, err := arn.Parse(text)
	if err != nil || a.Service != "ecs" || a.Region != d.region || a.Account != awswire.CallerOf(c).Account {
		return "", false
	}
	k, name := a.ResourceID()
	return name, k == kind
}

// id reads the id or ARN of a task or container instance in a cluster. An ARN of anything else is
// returned as it is: no id is like it, so it will be missing.
func (d *door) id(c ctx, kind, cluster, text string) (string, error) {
	if !arn.Is(text) {
		if len(text) != 32 && len(text) != 36 {
			return "", InvalidParameterException.Newf("%s length should be one of [32,36]: %q", kinds[kind], text)
		}
		return text, nil
	}
	name, ok := d.own(c, kind, text)
	if !ok {
		return text, nil
	}
	if before, after, long := strings.Cut(name, "/"); long { // the short form has no cluster in it
		if before != cluster {
			return text, nil
		}
		name = after
	}
	return name, nil
}

var kinds = map[string]string{"task": "taskId", "container-instance": "containerInstanceId"}

func (d *door) ids(c ctx, kind, cluster string, texts []string) ([]string, error) {
	ids := make([]string, len(texts))
	for i, text := range texts {
		id, err := d.id(c, kind, cluster, text)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

// inCluster reads the name of a cluster and the ids of what is in it.
func (d *door) inCluster(c ctx, kind string, given *string, texts []string) (name string, ids []string, err error) {
	if name, err = d.cluster(c, given); err != nil {
		return "", nil, err
	}
	ids, err = d.ids(c, kind, name, texts)
	return name, ids, err
}

// failure tells of one thing that was named, by id or ARN, and what is with it.
func (d *door) failure(c ctx, kind string, cluster *string, id, reason string) Failure {
	return Failure{Arn: new(d.member(c, kind, cluster, id)), Reason: &reason}
}

func (d *door) missing(c ctx, kind string, cluster *string, ids []string) []Failure {
	failures := []Failure{} // the API always has the list
	for _, id := range ids {
		failures = append(failures, d.failure(c, kind, cluster, id, "MISSING"))
	}
	return failures
}

// page reads what part of a listing is asked for.
func page(token *string, limit *int32) (cluster.Page, error) {
	if n := awswire.Or(limit, 100); n < 1 || n > 100 {
		return cluster.Page{}, InvalidParameterException.Newf("maxResults: %d is not between 1 and 100.", n)
	}
	return cluster.Page{Token: awswire.Or(token, ""), Limit: int(awswire.Or(limit, 100))}, nil
}

// filled is a pointer to a text that is there, and nil for none.
func filled[T ~string](s T) *T {
	if s == "" {
		return nil
	}
	return &s
}

// listed is a list that is sent empty rather than left out.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
