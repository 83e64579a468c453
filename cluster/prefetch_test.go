package cluster_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/nodeapi"
)

// ahead waits until a node is told of so many images, the last time that it is told of any, and returns them.
func (w world) ahead(n *clustertest.Node, images int) (all []nodeapi.Prefetch) {
	w.Helper()
	n.Until(func(frames []nodeapi.Frame) bool {
		all = nil
		for _, f := range frames {
			if f.Prefetch != nil {
				all = f.Prefetch.Images
			}
		}
		return len(all) == images
	})
	return all
}

func (w world) prefetch(image string, expressions ...string) cluster.Prefetch {
	w.Helper()
	p, err := w.PrefetchImage(w.Context(), account, "default", image, expressions, time.Hour)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w world) state(p cluster.Prefetch) (words []string) {
	w.Helper()
	all, err := w.Prefetches(w.Context(), account, "default")
	if err != nil {
		w.Fatal(err)
	}
	for _, now := range all {
		for _, m := range now.Machines {
			if now.ID == p.ID {
				words = append(words, m.Node[:1]+" "+m.State)
			}
		}
	}
	return words
}

func TestMachinesFetchImagesAhead(t *testing.T) {
	each(t, func(w world) {
		w.images.Put("our/app:1", cluster.Image{Ref: "127.0.0.1:4600/our/app:1", Digest: "sha256:" + strings.Repeat("1", 64)})
		a, b := w.join('a', 1024, 1024), w.join('b', 1024, 1024)
		if err := w.PutAttributes(w.Context(), account, "default", []cluster.Attribute{{Node: b.ID, Name: "rack", Value: "r1"}}); err != nil {
			w.Fatal(err)
		}
		everywhere := w.prefetch("our/app:1")
		rack := w.prefetch("example.com/big:2", "attribute:rack == r1")
		got := w.ahead(a, 1)
		if len(got) != 1 || got[0].ID != everywhere.ID || got[0].Digest == "" || got[0].Login == nil || got[0].Login.Password != "for 127.0.0.1:4600/our/app:1" {
			w.Errorf("a is told of %+v", got)
		}
		if got := w.ahead(b, 2); got[1].ID != rack.ID || got[1].Login != nil {
			w.Errorf("b is told of %+v", got)
		}
		tell := func(n *clustertest.Node, r nodeapi.PrefetchReport) error {
			_, err := w.Report(w.Context(), nodeapi.Report{Node: n.ID, Prefetches: []nodeapi.PrefetchReport{r}})
			return err
		}
		for _, r := range []nodeapi.PrefetchReport{{ID: everywhere.ID, State: "READY", Digest: "sha256:1", Pulled: 7, Size: 7}, {ID: rack.ID, State: "READY"}, {ID: strings.Repeat("0", 32), State: "READY"}} {
			if err := tell(a, r); err != nil { // of the others it is not one
				w.Error(err)
			}
		}
		wantErr(w.T, tell(a, nodeapi.PrefetchReport{ID: everywhere.ID, State: "DONE"}), cluster.ErrReport)
		if got := w.state(everywhere); !slices.Equal(got, []string{"a READY", "b PENDING"}) {
			w.Errorf("machines are %v", got)
		}
		if got := w.state(rack); !slices.Equal(got, []string{"b PENDING"}) {
			w.Errorf("machines with the attribute are %v", got)
		}

		later := w.join('c', 1024, 1024) // one that joins later is no different
		w.ahead(later, 1)
		again := w.prefetch("our/app:1")
		wantEqual(w.T, "asked again", again.ID, everywhere.ID)
		if got := w.state(everywhere); !slices.Equal(got, []string{"a READY", "b PENDING", "c PENDING"}) {
			w.Errorf("then machines are %v", got)
		}
		w.images.Put("our/app:1", cluster.Image{Ref: "127.0.0.1:4600/our/app:1", Digest: "sha256:" + strings.Repeat("2", 64)})
		w.prefetch("our/app:1")
		if got := w.state(everywhere); !slices.Equal(got, []string{"a PENDING", "b PENDING", "c PENDING"}) {
			w.Errorf("once the tag stands for another image machines are %v", got)
		}
		if _, err := w.DeletePrefetch(w.Context(), account, "default", everywhere.ID); err != nil {
			w.Fatal(err)
		}
		w.ahead(a, 0)
		w.ahead(b, 1)
	})
}

func TestWhatCannotBeFetchedAhead(t *testing.T) {
	each(t, func(w world) {
		for _, c := range []struct {
			image, expression string
			keep              time.Duration
			want              string
		}{
			{"", "", time.Hour, "names no image"},
			{"a b", "", time.Hour, "names no image"},
			{"https://example.com/app.tar", "", time.Hour, "archive"},
			{"app", "", time.Second, "keepSeconds"},
			{"app", "", 1000 * time.Hour, "keepSeconds"},
			{"app", "rack = r1", time.Hour, "constraints"},
			{"app", "task:group == service:db", time.Hour, "tasks of machines"},
		} {
			var expressions []string
			if c.expression != "" {
				expressions = []string{c.expression}
			}
			_, err := w.PrefetchImage(w.Context(), account, "default", c.image, expressions, c.keep)
			wantText(w.T, err, cluster.ErrInvalid, c.want)
		}
		_, err := w.PrefetchImage(w.Context(), account, "nowhere", "app", nil, 0)
		wantErr(w.T, err, cluster.ErrNoCluster)
		_, err = w.DeletePrefetch(w.Context(), account, "default", strings.Repeat("0", 32))
		wantErr(w.T, err, cluster.ErrInvalid)
	})
}
