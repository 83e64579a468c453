package registry_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/registry"
)

// What comes from another registry into a sealed repository is nowhere in plain either, not even while it
// waits to be kept.
func TestSealedRepositoriesPullThrough(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe, key registry.CustomerKey) {
		u, spools := startUpstream(t), t.TempDir()
		s.kit = s.server(registry.SpoolIn(spools))
		s.rule("up", u)
		template := templateFor("up")
		template.Uses = []registry.Use{registry.UsePullThrough}
		template.SealWith(key.ARN)
		s.template(template)
		s.runs()
		check(t, s.bringAnew(account, "vault", "something that lies there"))
		const secret = "the recipe of the sauce. "
		long := strings.Repeat(secret, 400_000)
		image := u.push("web", "v1", "{}", long)
		halfway, goOn := make(chan struct{}), make(chan struct{})
		u.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/blobs/"+string(digestOf(long))) {
				return false
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(long)))
			w.Write([]byte(long[:len(long)/2]))
			w.(http.Flusher).Flush()
			close(halfway)
			<-goOn
			w.Write([]byte(long[len(long)/2:]))
			return true
		})
		s.pullTag("up/web", "v1")
		<-halfway
		eventually(t, "half of it waits to be kept", func() bool { return len(unnamed(t, spools)) >= len(long)/2 })
		if bytes.Contains(unnamed(t, spools), []byte(secret)) {
			t.Error("what waits to be kept is in plain")
		}
		s.wantNowhere(secret)
		close(goOn)
		s.wantHere("up/web", "v1", image)
		check(t, s.reads(account, "up/web", long))
		s.wantNowhere(secret)
		if found, err := s.Repository(ctx, account, "up/web"); err != nil || found.KeyID != key.ID {
			t.Errorf("the repository is %+v, %v", found, err)
		}

		_, err := s.DisableCustomerKey(ctx, account, key.ID)
		check(t, err)
		u.asked()
		for what, err := range map[string]error{
			"what is here":        second(s.Pull(ctx, account, "up/web", registry.ImageID{Tag: "v1"}, may)),
			"what is not here":    second(s.Pull(ctx, account, "up/web", registry.ImageID{Tag: "v2"}, may)),
			"a layer":             third(s.PullBlob(ctx, account, "up/web", digestOf("nowhere"), may)),
			"how large one is":    second(s.PullBlobSize(ctx, account, "up/web", digestOf("nowhere"), may)),
			"another repository":  second(s.Provide(ctx, account, "up/new", registry.UsePullThrough)),
			"a push, by template": second(s.CreateTemplate(ctx, sealedTemplate(key.ID))),
		} {
			if !errors.Is(err, registry.ErrKeyDisabled) || !strings.Contains(err.Error(), key.ARN) {
				t.Errorf("%s: %v, want %v that names the key", what, err, registry.ErrKeyDisabled)
			}
		}
		wantSame(t, "the other registry was asked", u.asked(), nil)
		_, err = s.EnableCustomerKey(ctx, account, key.ID)
		check(t, err)
		s.pullTag("up/web", "v1")
	})
}

func sealedTemplate(key string) registry.Template {
	t := templateFor("safe")
	t.SealWith(key)
	return t
}

// unnamed is all that lies in files of a folder that have no name any more.
func unnamed(t *testing.T, dir string) (all []byte) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	for _, fd := range open {
		path := filepath.Join("/proc/self/fd", fd.Name())
		if name, err := os.Readlink(path); err != nil || !strings.HasPrefix(name, dir+"/") {
			continue // it was closed, or is another
		}
		if data, err := os.ReadFile(path); err == nil {
			all = append(all, data...)
		}
	}
	return all
}
