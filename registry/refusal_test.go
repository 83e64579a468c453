package registry_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"slipway/blob"
	"slipway/events"
	"slipway/registry"
	"slipway/store"
)

type refusal struct {
	Repository, Tag, Cause, Reason string
	Digest                         registry.Digest
	Count                          int
}

// refused tells what was refused until now, and returns all that was ever told.
func (k kit) refused() (all []refusal) {
	k.t.Helper()
	check(k.t, k.TellRefusals(k.t.Context()))
	check(k.t, k.db.View(k.t.Context(), func(tx *store.Tx) error {
		all = nil
		found, err := events.Read(tx, 0, 1000)
		for _, e := range found {
			if e.Type != "image.refused" {
				continue
			}
			var r refusal
			check(k.t, json.Unmarshal(e.Data, &r))
			if e.Account != account || e.Subject != k.ARN(account, r.Repository) {
				k.t.Errorf("event about %s of %s", e.Subject, e.Account)
			}
			all = append(all, r)
		}
		return err
	}))
	return all
}

// tryUpload pushes bytes under a digest, which they may not have.
func (k kit) tryUpload(repository, data string, d registry.Digest) error {
	id := k.start(repository)
	_, err := k.Append(k.t.Context(), account, repository, id, 0, strings.NewReader(data))
	if err == nil {
		_, err = k.FinishUpload(k.t.Context(), account, repository, id, d)
	}
	return err
}

func (k kit) tryPut(repository string, push registry.Push) error {
	_, _, err := k.PutManifest(k.t.Context(), account, repository, push)
	return err
}

// A push that is refused after its bytes came is told, with what was wrong.
func TestRefusedPushesAreTold(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "v1", "{}", "layer")
		for _, test := range []struct {
			cause error
			try   func() error
			want  refusal
		}{
			{registry.ErrMismatch, func() error { return k.tryUpload("web", "hallo", missing(1)) }, refusal{Digest: missing(1)}},
			{registry.ErrManifest, func() error { return k.tryPut("web", registry.Push{Raw: []byte("{"), Tag: "half"}) }, refusal{Tag: "half"}},
			{registry.ErrMissingBlobs, func() error {
				m := manifest{SchemaVersion: 2, MediaType: "application/vnd.oci.image.manifest.v1+json",
					Config: &descriptor{MediaType: "application/vnd.oci.image.config.v1+json", Digest: missing(2), Size: 2}}
				return k.tryPut("web", registry.Push{Raw: m.raw(), Tag: "v2"})
			}, refusal{Tag: "v2"}},
			{registry.ErrQuota, func() error {
				check(t, k.SetQuota(t.Context(), account, registry.Quota{Bytes: 10, Images: -1, Repositories: -1})) // of which there are seven
				return k.tryUpload("web", "more than three", blob.DigestOf([]byte("more than three")))
			}, refusal{}},
		} {
			before := len(k.refused())
			wantErr(t, test.try(), test.cause)
			wantErr(t, test.try(), test.cause)
			told := k.refused()[before:]
			if len(told) != 1 {
				t.Fatalf("%v: told %+v, want one event for both tries", test.cause, told)
			}
			test.want.Repository, test.want.Cause, test.want.Count = "web", test.cause.Error(), 2
			if !strings.Contains(told[0].Reason, test.cause.Error()) {
				t.Errorf("%v: the reason is %q", test.cause, told[0].Reason)
			}
			told[0].Reason = ""
			wantSame(t, "told", told, []refusal{test.want})
		}
	})
}

// What is no refusal, and what nobody could look at, is not told; and who tries often makes no flood.
func TestFewRefusalsAreTold(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "v1", "{}", "layer")
		wantErr(t, k.tryPut("nowhere", registry.Push{Raw: []byte("{")}), registry.ErrManifest)
		_, err := k.Append(t.Context(), account, "web", k.start("web"), 7, strings.NewReader("x"))
		wantErr(t, err, registry.ErrOffset)
		wantSame(t, "told", k.refused(), nil)

		long := strings.Repeat("ä", 1000)
		for i := range 1100 {
			wantErr(t, k.tryPut("web", registry.Push{Raw: []byte("{"), Tag: fmt.Sprint("v", i)}), registry.ErrManifest)
		}
		wantErr(t, k.tryPut("web", registry.Push{Raw: []byte(`{"schemaVersion": 2, "mediaType": "` + long + `"}`)}), registry.ErrMediaType)
		told := k.refused()
		if len(told) != 2 || told[0].Count+told[1].Count != 1101 {
			t.Fatalf("told %+v", told)
		}
		for _, r := range told {
			if len(r.Reason) > 500 || strings.ContainsRune(r.Reason, '\uFFFD') {
				t.Errorf("the reason is %d bytes: %q", len(r.Reason), r.Reason)
			}
		}
		check(t, k.TellRefusals(t.Context()))
		if again := k.refused(); len(again) != len(told) {
			t.Errorf("told again: %+v", again[len(told):])
		}
	})
}
