package ecs

import (
	"strconv"

	"slipway/api/awswire"
	"slipway/cluster"
)

func (d *door) createCluster(c ctx, in *CreateClusterInput) (*CreateClusterOutput, error) {
	if err := honour(in, InvalidParameterException, []string{"clusterName", "settings", "tags", "capacityProviders", "defaultCapacityProviderStrategy"}); err != nil {
		return nil, err
	}
	if err := checkSettings(in.Settings); err != nil {
		return nil, err
	}
	name := awswire.Or(in.ClusterName, "")
	if name == "" {
		name = cluster.DefaultCluster
	}
	providers, shares, err := d.readProviders(c, in.CapacityProviders, in.DefaultCapacityProviderStrategy)
	if err != nil {
		return nil, err
	}
	made, err := d.control.CreateClusterWith(c, cluster.Cluster{
		Account: awswire.CallerOf(c).Account, Name: name, Tags: readTags(in.Tags), Providers: providers, Shares: shares,
	})
	if err != nil {
		return nil, err
	}
	return &CreateClusterOutput{Cluster: new(d.wireCluster(made, []ClusterField{ClusterFieldTags, ClusterFieldSettings}))}, nil
}

// checkSettings refuses settings of a cluster other than those that it has.
func checkSettings(settings []ClusterSetting) error {
	for i, s := range settings {
		if value := awswire.Or(s.Value, ""); value != "disabled" {
			return unsupported(InvalidParameterException, "settings["+strconv.Itoa(i)+"].value", strconv.Quote(value), "; containerInsights is disabled")
		}
	}
	return nil
}

// updateCluster has nothing to change yet, for the one setting of a cluster has one value.
func (d *door) updateCluster(c ctx, in *UpdateClusterInput) (*UpdateClusterOutput, error) {
	if err := honour(in, InvalidParameterException, []string{"cluster", "settings"}); err != nil {
		return nil, err
	}
	found, err := d.setCluster(c, in.Cluster, in.Settings)
	return &UpdateClusterOutput{Cluster: found}, err
}

func (d *door) updateClusterSettings(c ctx, in *UpdateClusterSettingsInput) (*UpdateClusterSettingsOutput, error) {
	found, err := d.setCluster(c, in.Cluster, in.Settings)
	return &UpdateClusterSettingsOutput{Cluster: found}, err
}

func (d *door) setCluster(c ctx, text string, settings []ClusterSetting) (*Cluster, error) {
	if err := checkSettings(settings); err != nil {
		return nil, err
	}
	name, err := d.cluster(c, &text)
	if err != nil {
		return nil, err
	}
	found, missing, err := d.control.Clusters(c, awswire.CallerOf(c).Account, []string{name})
	switch {
	case err != nil:
		return nil, err
	case len(missing) > 0:
		return nil, cluster.ErrNoCluster
	case found[0].Status != cluster.Active:
		return nil, cluster.ErrInactiveCluster
	}
	return new(d.wireCluster(found[0], []ClusterField{ClusterFieldTags, ClusterFieldSettings})), nil
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
		ActiveServicesCount:               new(int32(from.Services)),
		CapacityProviders:                 listed(from.Providers),
		DefaultCapacityProviderStrategy:   wireShares(from.Shares),
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
