package nodes

import (
	"strings"
	"testing"

	"slipway/nodeapi"
	"slipway/seal/sealtest"
)

// A server that has not heard yet what another did gives nothing on the strength of what it remembers.
func TestWhatAServerRemembersRenewsNothing(t *testing.T) {
	each(t, func(w *world) {
		stolen := w.mustJoin(w.invite(Invitation{Account: account, Cluster: "dev"}, 0), ann)
		if err := w.heard(stolen, ann); err != nil { // and it is remembered
			w.Fatal(err)
		}
		second, err := New(w.Context(), w.db, sealtest.Keys(w.T, w.db))
		if err != nil {
			w.Fatal(err)
		}
		if err := second.Remove(w.Context(), ann); err != nil {
			w.Fatal(err)
		}
		w.denied("a removed node renews", stolen.Renew(w.Context()))
		back := w.elsewhere(second, w.invite(Invitation{Account: account, Cluster: "web"}, 0), ann)
		w.denied("the certificate of before renews", stolen.Renew(w.Context()))
		next := w.renew(back)
		if _, m := next.Membership(); m.Cluster != "web" {
			w.Errorf("renewed, it is of cluster %q", m.Cluster)
		}
		if err := w.heard(next, ann); err != nil {
			w.Errorf("who it is now: %v", err)
		}
	})
}

// elsewhere has a node join by another server over the same rows, of which this one hears nothing.
func (w *world) elsewhere(second *Control, t nodeapi.Token, node string) *nodeapi.Identity {
	w.Helper()
	there := gate(w.T, w.db, second)
	i := there.mustJoin(t, node)
	w.dirs[i] = there.dirs[i]
	return i
}

// A token for one cluster makes nobody a node of another, whose tasks would be told to it.
func TestATokenTakesOverNoNodeOfAnotherCluster(t *testing.T) {
	each(t, func(w *world) {
		i := w.mustJoin(w.invite(Invitation{Account: account, Cluster: "prod"}, 0), ann)
		wide := w.mustJoin(w.invite(Invitation{Account: account}, 0), bob)
		for _, node := range []string{ann, bob} {
			token := w.invite(Invitation{Account: account, Cluster: "dev"}, 0)
			_, err := w.join(token, node, w.TempDir())
			w.denied("a token for another cluster", err)
			w.mustJoin(token, strings.Repeat("c", 31)+node[:1]) // it was not used up
		}
		if err := w.heard(i, ann); err != nil {
			w.Error(err)
		}
		if err := w.heard(wide, bob); err != nil {
			w.Error(err)
		}
		if err := w.c.Remove(w.Context(), ann); err != nil {
			w.Fatal(err)
		}
		w.mustJoin(w.invite(Invitation{Account: account, Cluster: "dev"}, 0), ann)
	})
}

// What a stranger sends is refused as every wrong token is, and one who is no node any more has nothing read
// but what is his.
func TestStrangersAreCheap(t *testing.T) {
	each(t, func(w *world) {
		for _, id := range []string{"\x00", "", "' or ''='", strings.Repeat("0", 10_000)} {
			_, err := w.join(nodeapi.Token{ID: id, Secret: make([]byte, 32), Authority: w.invite(Invitation{Account: account}, 0).Authority}, ann, w.TempDir())
			w.denied("an impossible token", err)
		}
		gone, here := w.mustJoin(w.invite(Invitation{Account: account}, 0), ann), w.mustJoin(w.invite(Invitation{Account: account}, 0), bob)
		if err := w.c.Remove(w.Context(), ann); err != nil {
			w.Fatal(err)
		}
		if err := w.heard(here, bob); err != nil {
			w.Fatal(err)
		}
		age := w.c.age
		w.denied("a removed node", w.heard(gone, ann))
		if w.c.known == nil || w.c.age != age {
			w.Error("who is refused has all nodes read anew")
		}
	})
}
