package oci_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway/blob/disk"
	"slipway/blob/s3/s3test"
	"slipway/blob/sealed"
	"slipway/oci"
	"slipway/registry"
	"slipway/store/storetest"
)

// safe is a door before a registry whose repository "team/web" is sealed with a key, and where its bytes lie.
type safe struct {
	*door
	key registry.CustomerKey
	dir string
}

func newSafe(t testing.TB, blobs sealed.Inner, dir string) safe {
	t.Helper()
	d := newDoorOver(t, storetest.SQLite(t), blobs, oci.Config{})
	key, err := d.registry.CreateCustomerKey(t.Context(), account, "")
	if err == nil {
		_, err = d.registry.CreateSealed(t.Context(), account, "team/web", registry.Mutability{}, nil, key.ARN)
	}
	if err != nil {
		t.Fatal(err)
	}
	return safe{d, key, dir}
}

// eachSafe runs a test over a folder, and over a bucket that clients can reach.
func eachSafe(t *testing.T, test func(*testing.T, safe)) {
	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		blobs, err := disk.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		test(t, newSafe(t, blobs, dir))
	})
	t.Run("bucket", func(t *testing.T) {
		server := s3test.Start(t)
		server.Endpoint = strings.Replace(server.Endpoint, "127.0.0.1", "localhost", 1)
		test(t, newSafe(t, bucket(t, server, ""), server.Dir))
	})
}

// use says whether the key can be used from now on.
func (s safe) use(can bool) {
	s.t.Helper()
	change := s.registry.DisableCustomerKey
	if can {
		change = s.registry.EnableCustomerKey
	}
	if _, err := change(s.t.Context(), account, s.key.ID); err != nil {
		s.t.Fatal(err)
	}
}

// says is what clients are told while the key is disabled.
func (s safe) says() string {
	return "The layers of the repository with name 'team/web' are encrypted with the key " + s.key.ARN + ", which is disabled. Nothing is pulled or pushed until it is enabled again."
}

// wantNowhere expects none of the texts anywhere where bytes lie.
func (s safe) wantNowhere(texts ...string) {
	s.t.Helper()
	read := 0
	err := filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		kept, err := os.ReadFile(path)
		read += len(kept)
		for _, text := range texts {
			if bytes.Contains(kept, []byte(text)) {
				s.t.Errorf("%s shows %.40q", path, text)
			}
		}
		return err
	})
	if err != nil || read == 0 {
		s.t.Errorf("%d bytes lie there, %v", read, err)
	}
}

// Every client pushes to a sealed repository and pulls from it, and knows nothing of it.
func TestGenuineClientsOfASealedRepository(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe) {
		for client, copies := range map[string]func(){
			"oras":                 func() { orasCopies(t, orasRepository(t, s.door), writeLayout(t)) },
			"containerd":           func() { containerdCopies(t, s.door, writeLayout(t)) },
			"go-containerregistry": func() { craneCopies(t, s.door, indexOfImages(types.OCIImageIndex, randomImage(t))) },
			"skopeo":               func() { skopeoCopies(t, s.door) },
		} {
			t.Run(client, func(*testing.T) { copies() })
		}
	})
}

// What skopeo pushed lies nowhere in plain. While the key is disabled skopeo pulls nothing and pushes nothing,
// and says why; when it is enabled again, what was there is there.
func TestSkopeoWhileAKeyIsDisabled(t *testing.T) {
	skopeo := tool(t, "skopeo")
	eachSafe(t, func(t *testing.T, s safe) {
		in, path := newLayout(t)
		if err := path.AppendImage(randomImage(t), v1Tag); err != nil {
			t.Fatal(err)
		}
		there, login := "docker://"+s.host()+"/team/web:v1", "AWS:"+s.token
		push := []string{"copy", "--dest-creds=" + login, "--dest-tls-verify=false", "oci:" + in + ":v1", there}
		pull := func(out string) []string {
			return []string{"copy", "--src-creds=" + login, "--src-tls-verify=false", there, "oci:" + out + ":v1"}
		}
		run(t, "", skopeo, push...)
		var starts []string
		for name, data := range blobsOf(t, in) {
			starts = append(starts, data[:min(40, len(data))], filepath.Base(name))
		}
		s.wantNowhere(starts...)

		s.use(false)
		for what, args := range map[string][]string{"pull": pull(t.TempDir()), "push": push} {
			said, err := exec.CommandContext(t.Context(), skopeo, args...).CombinedOutput()
			if err == nil || !strings.Contains(string(said), s.says()) {
				t.Errorf("a %s ends with %v, and says: %s", what, err, said)
			}
		}
		s.use(true)
		out := t.TempDir()
		run(t, "", skopeo, pull(out)...)
		wantSameBlobs(t, blobsOf(t, out), blobsOf(t, in))
	})
}

func TestDockerWhileAKeyIsDisabled(t *testing.T) {
	e := startDocker(t)
	dir := t.TempDir()
	blobs, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := newSafe(t, blobs, dir)
	image := s.host() + "/team/web:v1"
	e.run(s.token, "login", "--username", "AWS", "--password-stdin", s.host())
	id := e.run(archive(t), "import", "--message", "this is in its config", "-", image)
	e.run("", "push", "-q", image)
	s.wantNowhere("this is in its config", "\x1f\x8b\x08\x00") // which is how a packed layer begins
	e.run("", "rmi", image)

	s.use(false)
	said, err := exec.CommandContext(t.Context(), e.path, append(e.args, "pull", "-q", image)...).CombinedOutput()
	if err == nil || !strings.Contains(string(said), s.says()) {
		t.Errorf("docker pull ends with %v, and says: %s", err, said)
	}
	s.use(true)
	e.run("", "pull", "-q", image)
	if got := e.run("", "inspect", "--format", "{{.Id}}", image); got != id {
		t.Errorf("docker pulled %s, pushed %s", got, id)
	}
}

// A client that could be sent to the bucket is given sealed bytes by the registry, parts of them too.
func TestSealedBytesComeThroughTheRegistry(t *testing.T) {
	eachSafe(t, func(t *testing.T, s safe) {
		data, digest := someBytes(3 << 20)
		s.do("POST", web+"/blobs/uploads/?digest="+digest, data).want(201)
		s.do("HEAD", web+"/blobs/"+digest, "").want(200).wantHeader("Content-Length", "3145728")
		if a := s.do("GET", web+"/blobs/"+digest, "").want(200).wantHeader("Location", ""); a.body != data {
			t.Errorf("read %d bytes of %d, or others", len(a.body), len(data))
		}
		if a := s.do("GET", web+"/blobs/"+digest, "", "Range", "bytes=1000000-1000009").want(206); a.body != data[1000000:1000010] {
			t.Errorf("read %q, want %q", a.body, data[1000000:1000010])
		}
		s.use(false)
		s.do("GET", web+"/blobs/"+digest, "").fails(403, "DENIED", s.says())
		s.do("HEAD", web+"/blobs/"+digest, "").want(404) // so that a push brings it, and is told why not
		s.do("POST", web+"/blobs/uploads/", "").fails(403, "DENIED", s.says())
		s.do("GET", web+"/manifests/v1", "").fails(403, "DENIED", s.says())
		s.do("GET", web+"/tags/list", "").want(200)
	})
}
