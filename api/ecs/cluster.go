package ecs

import (
	"strconv"

	"slipway/api/awswire"
	"slipway/cluster"
)

func (d *door) createCluster(c ctx, in *CreateClusterInput) (*CreateClusterOutput, error) {
	if err := honour(in, InvalidParameterException, []string{"clusterName", "settings", "tags"}); err != nil {
		return nil, err
	}
	for i, s := range in.Settings {
		if value := awswire.Or(s.Value, ""); value != "disabled" {
			return nil, unsupported(InvalidParameterException, "settings["+strconv.Itoa(i)+"].value", strconv.Quote(value), "; containerInsights is disabled")
		}
	}
	name := awswire.Or(in.ClusterName, "")
	if name == "" {
		name = cluster.DefaultCluster
	}
	made, err := d.control.CreateCluster(c, awswire.CallerOf(c).Account, name, readTags(in.Tags))
	if err != nil {
		return nil, err
	}
	return &CreateClusterOutput{Cluster: new(d.wireCluster(made, []ClusterField{ClusterFieldTags, ClusterFieldSettings}))}, nil
}

func (d *door) describeClusters(c ctx, in *DescribeClustersInput) (*DescribeClustersOutput, error) {
	given := orDefault(in.Clusters)
	if len(given) > 100 {
		return nil, InvalidParameterException.Newf("clusters: %d are more than 100.", len(given))
	}
	out := &DescribeClustersOutput{Clusters: []Cluster{}, Failures: []Failure{}}
	for _, text := range given {
		name, err := d.cluster(c, &text)
		if err != nil {
			out.Failures = append(out.Failures, Failure{Arn: &text, Reason: new("MISSING")})
			continue
		}
		found, missing, err := d.control.Clusters(c, awswire.CallerOf(c).Account, []string{name})
		if err != nil {
			return nil, err
		}
		for _, cluster := range found {
			out.Clusters = append(out.Clusters, d.wireCluster(cluster, in.Include))
		}
		for range missing {
			out.Failures = append(out.Failures, Failure{Arn: new(d.named(c, "cluster", text)), Reason: new("MISSING")})
		}
	}
	return out, nil
}

// orDefault is the default cluster when none is named.
func orDefault(clusters []string) []string {
	if len(clusters) == 0 {
		return []string{cluster.DefaultCluster}
	}
	return clusters
}

func (d *door) listClusters(c ctx, in *ListClustersInput) (*ListClustersOutput, error) {
	part, err := page(in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	account := awswire.CallerOf(c).Account
	names, next, err := d.control.ListClusters(c, account, part)
	if err != nil {
		return nil, err
	}
	return &ListClustersOutput{ClusterArns: all(names, func(name string) string { return cluster.ClusterARN(d.region, account, name) }), NextToken: filled(next)}, nil
}

func (d *door) deleteCluster(c ctx, in *DeleteClusterInput) (*DeleteClusterOutput, error) {
	name, err := d.cluster(c, &in.Cluster)
	if err != nil {
		return nil, err
	}
	deleted, err := d.control.DeleteCluster(c, awswire.CallerOf(c).Account, name)
	if err != nil {
		return nil, err
	}
	return &DeleteClusterOutput{Cluster: new(d.wireCluster(deleted, nil))}, nil
}

func (d *door) wireCluster(from cluster.Cluster, include []ClusterField) Cluster {
	w := Cluster{
		ClusterArn:                        new(cluster.ClusterARN(d.region, from.Account, from.Name)),
		ClusterName:                       &from.Name,
		Status:                            &from.Status,
		RegisteredContainerInstancesCount: new(int32(from.Instances)),
		RunningTasksCount:                 new(int32(from.Running)),
		PendingTasksCount:                 new(int32(from.Pending)),
		ActiveServicesCount:               new(int32(0)),
		CapacityProviders:                 []string{},
		DefaultCapacityProviderStrategy:   []CapacityProviderStrategyItem{},
		Settings:                          []ClusterSetting{},
		Statistics:                        []KeyValuePair{},
		Tags:                              []Tag{},
	}
	for _, field := range include {
		switch field {
		case ClusterFieldSettings:
			w.Settings = []ClusterSetting{{Name: new(ClusterSettingNameContainerInsights), Value: new("disabled")}}
		case ClusterFieldStatistics:
			w.Statistics = statistics(from)
		case ClusterFieldTags:
			w.Tags = writeTags(from.Tags)
		case ClusterFieldAttachments:
			w.Attachments = []Attachment{}
		}
	}
	return w
}

func statistics(from cluster.Cluster) []KeyValuePair {
	var list []KeyValuePair
	for _, s := range []struct {
		name  string
		value int
	}{
		{"runningEC2TasksCount", from.Running - from.RunningExternal},
		{"runningExternalTasksCount", from.RunningExternal},
		{"pendingEC2TasksCount", from.Pending - from.PendingExternal},
		{"pendingExternalTasksCount", from.PendingExternal},
	} {
		list = append(list, KeyValuePair{Name: &s.name, Value: new(strconv.Itoa(s.value))})
	}
	return list
}
