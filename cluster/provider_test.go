package cluster_test

import (
	"fmt"
	"slices"
	"testing"

	"slipway/cluster"
	"slipway/cluster/capacity"
)

func (w world) provider(name, group string) cluster.Provider {
	w.Helper()
	made, err := w.CreateProvider(w.Context(), cluster.Provider{Account: account, Name: name, Machines: group, Settings: cluster.DefaultProviderSettings()})
	if err != nil {
		w.Fatalf("create provider %s: %v", name, err)
	}
	return made
}

const groupARN = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:8a1b:autoScalingGroupName/"

func TestProviders(t *testing.T) {
	each(t, func(w world) {
		first := w.provider("big", groupARN+"racks")
		again := w.provider("big", groupARN+"racks")
		wantEqual(t, "the time of one made again", again.Created, first.Created)
		for _, c := range []struct {
			name, group string
			change      func(*cluster.ProviderSettings)
			cause       error
			text        string
		}{
			{"big", "others", nil, cluster.ErrProviderExists, "big"},
			{"small", "racks", nil, cluster.ErrGroupTaken, "racks"},
			{"awsome", "x", nil, cluster.ErrInvalid, "aws, which is reserved"},
			{"FARGATE", "x", nil, cluster.ErrInvalid, "fargate, which is reserved"},
			{"a b", "x", nil, cluster.ErrInvalid, `"a b"`},
			{"small", "", nil, cluster.ErrInvalid, "autoScalingGroupArn"},
			{"small", "a == b", nil, cluster.ErrInvalid, "autoScalingGroupArn"},
			{"small", "arn:aws:ec2:us-east-1:123456789012:instance/i-1", nil, cluster.ErrInvalid, "autoScalingGroupArn"},
			{"small", groupARN, nil, cluster.ErrInvalid, "autoScalingGroupArn"},
			{"small", "x", func(s *cluster.ProviderSettings) { s.TargetCapacity = 101 }, cluster.ErrInvalid, "targetCapacity: 101"},
			{"small", "x", func(s *cluster.ProviderSettings) { s.MinimumStep = 0 }, cluster.ErrInvalid, "minimumScalingStepSize: 0"},
			{"small", "x", func(s *cluster.ProviderSettings) { s.MinimumStep, s.MaximumStep = 5, 4 }, cluster.ErrInvalid, "maximumScalingStepSize: 4"},
			{"small", "x", func(s *cluster.ProviderSettings) { s.Warmup = -1 }, cluster.ErrInvalid, "instanceWarmupPeriod: -1"},
		} {
			settings := cluster.DefaultProviderSettings()
			if c.change != nil {
				c.change(&settings)
			}
			_, err := w.CreateProvider(w.Context(), cluster.Provider{Account: account, Name: c.name, Machines: c.group, Settings: settings})
			wantText(t, err, c.cause, c.text)
		}

		w.provider("small", "desks")
		found, missing, err := w.Providers(w.Context(), account, []string{"small", "none", "big"})
		if err != nil || len(found) != 2 || found[0].Machines != "desks" || !slices.Equal(missing, []string{"none"}) {
			t.Errorf("found %v, missing %v, error %v", found, missing, err)
		}
		page, next, err := w.ListProviders(w.Context(), account, "", cluster.Page{Limit: 1})
		if err != nil || len(page) != 1 || page[0].Name != "big" || next == "" {
			t.Errorf("the first page is %v, %q, error %v", page, next, err)
		}
		changed, err := w.UpdateProvider(w.Context(), account, "big", func(s *cluster.ProviderSettings) { s.TargetCapacity = 80 })
		if err != nil || changed.Settings.TargetCapacity != 80 || changed.Settings.Warmup != 300 {
			t.Errorf("changed to %+v, error %v", changed, err)
		}
		_, err = w.UpdateProvider(w.Context(), "210987654321", "big", func(*cluster.ProviderSettings) {})
		wantErr(t, err, cluster.ErrNoProvider)
		_, err = w.DeleteProvider(w.Context(), account, "none")
		wantErr(t, err, cluster.ErrNoProvider)
		if _, err = w.DeleteProvider(w.Context(), account, "big"); err != nil {
			t.Error(err)
		}
		w.provider("other", "racks") // the group is free again
	})
}

func TestClustersHaveProviders(t *testing.T) {
	each(t, func(w world) {
		w.create("web")
		w.provider("big", "racks")
		w.provider("small", "desks")
		for _, c := range []struct {
			cluster   string
			providers []string
			shares    []capacity.Share
			cause     error
			text      string
		}{
			{"none", nil, nil, cluster.ErrNoCluster, ""},
			{"web", []string{"none"}, nil, cluster.ErrNoProvider, "none"},
			{"web", []string{"big", "big"}, nil, cluster.ErrInvalid, "given twice"},
			{"web", []string{"big"}, []capacity.Share{{Provider: "small"}}, cluster.ErrNotOfCluster, "small"},
			{"web", []string{"big", "small"}, []capacity.Share{{Provider: "big"}, {Provider: "small"}}, cluster.ErrInvalid, "weight greater than 0"},
			{"web", []string{"big", "small"}, []capacity.Share{{Provider: "big", Base: 1, Weight: 1}, {Provider: "small", Base: 1}}, cluster.ErrInvalid, "Only one"},
			{"web", []string{"big"}, []capacity.Share{{Provider: "big", Weight: 1001}}, cluster.ErrInvalid, "1001"},
			{"web", []string{"big"}, []capacity.Share{{Provider: "big", Base: -1}}, cluster.ErrInvalid, "-1"},
			{"web", []string{"big"}, []capacity.Share{{Provider: "big"}, {Provider: "big", Weight: 1}}, cluster.ErrInvalid, "twice"},
			{"web", slices.Repeat([]string{"big"}, 21), nil, cluster.ErrInvalid, "21"},
		} {
			_, err := w.SetProviders(w.Context(), account, c.cluster, c.providers, c.shares)
			wantText(t, err, c.cause, c.text)
		}
		now, err := w.SetProviders(w.Context(), account, "web", []string{"small", "big"}, []capacity.Share{{Provider: "big", Weight: 1}})
		wantEqual(t, "the cluster", fmt.Sprint(now.Providers, now.Shares, err), "[small big] [{big 0 1}] <nil>")
		_, err = w.DeleteProvider(w.Context(), account, "small")
		wantErr(t, err, cluster.ErrProviderInUse)
		page, _, err := w.ListProviders(w.Context(), account, "web", cluster.Page{})
		wantEqual(t, "providers of the cluster", fmt.Sprint(len(page), err), "2 <nil>")

		made, err := w.CreateClusterWith(w.Context(), cluster.Cluster{Account: account, Name: "new", Providers: []string{"big"}, Shares: []capacity.Share{{Provider: "big"}}})
		wantEqual(t, "a new cluster", fmt.Sprint(made.Providers, made.Shares, err), "[big] [{big 0 0}] <nil>")
		_, err = w.CreateClusterWith(w.Context(), cluster.Cluster{Account: account, Name: "bad", Providers: []string{"none"}})
		wantErr(t, err, cluster.ErrNoProvider)

		// Clusters that are gone hold no provider, and come back without.
		for _, name := range []string{"web", "new"} {
			if _, err := w.DeleteCluster(w.Context(), account, name); err != nil {
				t.Fatal(err)
			}
		}
		if _, err = w.DeleteProvider(w.Context(), account, "big"); err != nil {
			t.Error(err)
		}
		w.create("web")
		found, _, err := w.Clusters(w.Context(), account, []string{"web"})
		wantEqual(t, "the cluster that came back", fmt.Sprint(found[0].Providers, found[0].Shares, err), "[] [] <nil>")
	})
}
