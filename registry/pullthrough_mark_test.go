package registry_test

import (
	"testing"

	"slipway/blob"
	"slipway/registry"
)

// What is marked is handed to nobody, not even the first time that it would come from another registry.
func TestMarkedLayersDoNotComeFromElsewhere(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		bad := blob.DigestOf([]byte("bad layer"))
		m := u.push("web", "v1", "{}", "good layer", "bad layer")
		u.putManifest("web", "all", indexOf(m))
		made, err := k.Mark(t.Context(), account, registry.Criteria{Digest: bad}, "CVE-2026-1")
		check(t, err)
		for _, id := range []registry.ImageID{{Tag: "v1"}, {Digest: blob.DigestOf(m.raw())}} {
			_, err := k.Pull(t.Context(), account, "up/web", id, may)
			wantErr(t, err, registry.ErrMarked)
		}
		k.pullTag("up/web", "all") // whose repository is made by that; what an index names is asked for next
		_, err = k.Pull(t.Context(), account, "up/web", registry.ImageID{Digest: blob.DigestOf(m.raw())}, may)
		wantErr(t, err, registry.ErrMarked)
		_, _, err = k.PullBlob(t.Context(), account, "up/web", bad, may)
		wantErr(t, err, registry.ErrMarked)
		_, err = k.PullBlobSize(t.Context(), account, "up/web", bad, may)
		wantErr(t, err, registry.ErrMarked)
		r, _, err := k.PullBlob(t.Context(), account, "up/web", blob.DigestOf([]byte("good layer")), may)
		check(t, err)
		check(t, r.Close())

		_, err = k.Unmark(t.Context(), account, made.ID)
		check(t, err)
		k.pullTag("up/web", "v1")
		k.wantHere("up/web", "v1", m)
	})
}

// Where their tag has moved to what is marked, what is here stays.
func TestATagDoesNotMoveToWhatIsMarked(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		first := u.push("web", "v1", "{}", "good layer")
		k.pullTag("up/web", "v1")
		k.wantHere("up/web", "v1", first)
		k.noted("v1")
		_, err := k.Mark(t.Context(), account, registry.Criteria{Digest: blob.DigestOf([]byte("bad layer"))}, "CVE-2026-1")
		check(t, err)
		u.push("web", "v1", "{}", "bad layer")
		k.late()
		if got := k.pullTag("up/web", "v1"); string(got.Raw) != string(first.raw()) {
			t.Errorf("pulled %s, want what is here", got.Raw)
		}
	})
}
