package server

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway/accounts"
	"slipway/blob"
	"slipway/blob/disk"
	"slipway/cluster"
	"slipway/events"
	"slipway/registry"
	"slipway/seal/sealtest"
	"slipway/store/storetest"
)

const (
	account = "123456789012"
	host    = "127.0.0.1:4600"
)

// newImages has the image web/app:v1, which is also tagged latest, and returns its digest.
func newImages(t *testing.T) (images, string) {
	t.Helper()
	db := storetest.SQLite(t)
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	blobs, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	control, err := registry.New(t.Context(), db, sealtest.Keys(t, db), blobs, "us-east-1", registryPolicies)
	if err != nil {
		t.Fatal(err)
	}
	who, err := accounts.New(t.Context(), db, sealtest.Keys(t, db))
	must(t, err)
	_, err = who.Bootstrap(t.Context(), account)
	must(t, err)
	return images{control, who, host, "us-east-1"}, string(pushImage(t, control))
}

func pushImage(t *testing.T, c *registry.Control) registry.Digest {
	t.Helper()
	ctx, config := t.Context(), []byte("{}")
	if _, err := c.CreateRepository(ctx, account, "web/app", registry.Mutability{}, nil); err != nil {
		t.Fatal(err)
	}
	id, err := c.StartUpload(ctx, account, "web/app")
	if err == nil {
		_, err = c.Append(ctx, account, "web/app", id, 0, bytes.NewReader(config))
	}
	if err == nil {
		_, err = c.FinishUpload(ctx, account, "web/app", id, blob.DigestOf(config))
	}
	if err != nil {
		t.Fatal(err)
	}
	manifest := fmt.Appendf(nil, `{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [],
		"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": %q, "size": 2}}`, blob.DigestOf(config))
	for _, tag := range []string{"v1", "latest"} {
		if _, _, err := c.PutManifest(ctx, account, "web/app", registry.Push{Raw: manifest, Tag: tag}); err != nil {
			t.Fatal(err)
		}
	}
	return blob.DigestOf(manifest)
}

func TestImagesAreOursByOurNameOrByThatOfAWS(t *testing.T) {
	i, digest := newImages(t)
	missing := "sha256:" + strings.Repeat("0", 64)
	for name, want := range map[string]cluster.Image{
		host + "/web/app:v1":             {Ref: host + "/web/app:v1", Digest: digest},
		host + "/web/app":                {Ref: host + "/web/app", Digest: digest},
		host + "/web/app@" + digest:      {Ref: host + "/web/app@" + digest, Digest: digest},
		host + "/web/app:any@" + digest:  {Ref: host + "/web/app:any@" + digest, Digest: digest},
		host + "/web/app:v2":             {Ref: host + "/web/app:v2"}, // the pull says that it is not there
		host + "/web/app@" + missing:     {Ref: host + "/web/app@" + missing},
		host + "/nowhere":                {Ref: host + "/nowhere"},
		host + "/No/Name:@":              {Ref: host + "/No/Name:@"},
		"localhost:4600/web/app:v1":      {Ref: host + "/web/app:v1", Digest: digest},
		"[::1]:4600/web/app:v1":          {Ref: host + "/web/app:v1", Digest: digest},
		"localhost:4601/web/app:v1":      {},
		"localhost/web/app:v1":           {},
		"192.0.2.7:4600/web/app:v1":      {},
		"docker.io/library/busybox":      {},
		"busybox:1":                      {},
		"web/app:v1":                     {},
		"127.0.0.1:4601/web/app:v1":      {},
		host:                             {},
		host + "/":                       {},
		"":                               {},
		host + ".example.com/web/app:v1": {},

		account + ".dkr.ecr.us-east-1.amazonaws.com/web/app:v1":        {Ref: host + "/web/app:v1", Digest: digest},
		account + ".dkr.ecr.us-east-1.amazonaws.com/web/app@" + digest: {Ref: host + "/web/app@" + digest, Digest: digest},
		account + ".dkr.ecr.us-east-1.amazonaws.com/":                  {},
		account + ".dkr.ecr.eu-west-1.amazonaws.com/web/app:v1":        {},
		"210987654321.dkr.ecr.us-east-1.amazonaws.com/web/app:v1":      {},
		account + ".dkr.ecr.us-east-1.amazonaws.com.evil/web/app:v1":   {},
		"x" + account + ".dkr.ecr.us-east-1.amazonaws.com/web/app:v1":  {},
	} {
		got, err := i.Find(t.Context(), account, name)
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v, want %+v", name, got, err, want)
		}
	}
}

func TestLocalhostIsOursOnlyOnLoopback(t *testing.T) {
	i, _ := newImages(t)
	i.host = "192.0.2.7:4600"
	if got, err := i.Find(t.Context(), account, "localhost:4600/web/app:v1"); err != nil || got != (cluster.Image{}) {
		t.Errorf("found %+v, %v", got, err)
	}
}

// The image of another account is, for us, one that is not there.
func TestImagesOfOthersAreNotFound(t *testing.T) {
	i, _ := newImages(t)
	got, err := i.Find(t.Context(), "210987654321", host+"/web/app:v1")
	if err != nil || got.Digest != "" {
		t.Errorf("found %+v, %v", got, err)
	}
}

// What a repository's policy lets an account pull, its tasks pull, and nodes log in for just that. What
// is not allowed looks like what is not there.
func TestImagesOfOthersThatLetUsIn(t *testing.T) {
	i, digest := newImages(t)
	other, err := i.accounts.CreateAccount(t.Context(), "other")
	must(t, err)
	const theirs = account + ".dkr.ecr.us-east-1.amazonaws.com"
	want := cluster.Image{Ref: host + "/web/app:v1", Owner: account}
	for _, image := range []string{"/web/app:v1", "/web/gone:v1"} {
		got, err := i.Find(t.Context(), other.ID, theirs+image)
		if want.Ref = host + image; err != nil || got != want {
			t.Errorf("before it is allowed, %s is %+v, %v, want %+v", image, got, err, want)
		}
	}
	must(t, i.registry.SetPolicy(t.Context(), account, "web/app", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+other.ID+`"},"Action":"ecr:*"}]}`))
	want = cluster.Image{Ref: host + "/web/app:v1", Owner: account, Digest: digest}
	got, err := i.Find(t.Context(), other.ID, theirs+"/web/app:v1")
	if err != nil || got != want {
		t.Errorf("found %+v, %v, want %+v", got, err, want)
	}
	login, err := i.Login(t.Context(), other.ID, got)
	must(t, err)
	said, err := i.registry.Verify(login.Password)
	must(t, err)
	if said.Account != other.ID || said.Registry() != account || !said.Allows(registry.ActionPull, account, "web/app") || said.Allows(registry.ActionPull, other.ID, "web/app") || said.Allows(registry.ActionPull, account, "web") {
		t.Errorf("the token says %+v", said)
	}
}

func TestLoginOfANodePullsOneRepositoryForAWhile(t *testing.T) {
	i, digest := newImages(t)
	for _, ref := range []string{host + "/web/app:v1", host + "/web/app", host + "/web/app@" + digest} {
		login, err := i.Login(t.Context(), account, cluster.Image{Ref: ref})
		if err != nil || login.Username != "AWS" || !login.PlainHTTP {
			t.Fatalf("login for %s: %+v, %v", ref, login, err)
		}
		said, err := i.registry.Verify(login.Password)
		if err != nil {
			t.Fatal(err)
		}
		if said.Account != account || said.Principal != "arn:aws:iam::"+account+":root" || time.Until(said.Expires) > loginLife {
			t.Errorf("the token says %+v", said)
		}
		for _, c := range []struct {
			action     registry.Action
			repository string
			may        bool
		}{
			{registry.ActionPull, "web/app", true},
			{registry.ActionPush, "web/app", false},
			{registry.ActionDelete, "web/app", false},
			{registry.ActionPull, "web", false},
			{registry.ActionPull, "web/app2", false},
		} {
			if may := said.Allows(c.action, account, c.repository); may != c.may {
				t.Errorf("login for %s: %s of %s is %v", ref, c.action, c.repository, may)
			}
		}
	}
}
