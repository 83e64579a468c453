package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// An account's key from first to last, by the genuine commands: what is pushed lies nowhere on the disk in
// plain, and is pulled while the key is enabled.
func TestACustomerKeyFromFirstToLast(t *testing.T) {
	t.Parallel()
	skopeo := program(t, "skopeo")
	c := startServer(t)
	keys := func(args ...string) string {
		return strings.TrimSpace(c.do(exec.Command("slipway", append(append([]string{"registry", "keys"}, args...), "--data", c.data)...)))
	}
	key := keys("create", "--alias", "team")
	shown := c.aws("ecr", "create-repository", "--repository-name", "vault", "--encryption-configuration", "encryptionType=KMS,kmsKey=alias/team",
		"--query", "repository.encryptionConfiguration.[encryptionType,kmsKey]", "--output", "text")
	want(t, shown, "KMS\t"+key)
	shown = c.aws("ecr", "describe-repositories", "--query", "repositories[].encryptionConfiguration.[encryptionType,kmsKey]", "--output", "text")
	want(t, shown, "KMS\t"+key)
	_, err := c.tryAWS("ecr", "create-repository", "--repository-name", "other", "--encryption-configuration", "encryptionType=KMS,kmsKey=alias/nobody")
	if err == nil || !strings.Contains(err.Error(), "(KmsException)") || !strings.Contains(err.Error(), ":alias/nobody is not found.") {
		t.Errorf("a key that is not there: %v", err)
	}

	const secret = "the recipe of the sauce is in this layer"
	c.pushImage("vault:v1", plainImage(t, secret))
	if shown := c.filesWith(secret); shown != nil {
		t.Errorf("it is shown by %s", shown)
	}
	pull := func() *exec.Cmd {
		login := "AWS:" + c.aws("ecr", "get-login-password")
		return exec.Command(skopeo, "copy", "--src-creds="+login, "--src-tls-verify=false", "docker://"+c.host()+"/vault:v1", "oci:"+t.TempDir()+":v1")
	}
	c.do(pull())

	keys("disable", key)
	if said, err := c.try(pull()); err == nil || !strings.Contains(err.Error()+said, "are encrypted with the key "+key+", which is disabled. Nothing is pulled or pushed until it is enabled again.") {
		t.Errorf("a pull while the key is disabled: %s, %v", said, err)
	}
	c.kill()
	c.restart() // which changes nothing of that
	if said, err := c.try(pull()); err == nil || !strings.Contains(err.Error()+said, "which is disabled") {
		t.Errorf("a pull after a restart: %s, %v", said, err)
	}
	keys("enable", "alias/team")
	c.do(pull())
	if shown := c.filesWith(secret); shown != nil {
		t.Errorf("it is shown by %s", shown)
	}
	c.aws("ecr", "create-repository", "--repository-name", "plain")
	c.pushImage("plain:v1", plainImage(t, secret))
	if shown := c.filesWith(secret); len(shown) != 2 {
		t.Errorf("pushed without a key, it is shown by %s, want the layer and the config", shown)
	}
}

// plainImage has a text in its layer and in its config, neither of them packed.
func plainImage(t *testing.T, text string) v1.Image {
	t.Helper()
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image, err := mutate.AppendLayers(image, static.NewLayer([]byte(text), types.OCIUncompressedLayer))
	if err == nil {
		image, err = mutate.Config(image, v1.Config{Labels: map[string]string{"text": text}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// filesWith are those of the data folder that show a text.
func (c *cloud) filesWith(text string) (found []string) {
	c.t.Helper()
	err := filepath.WalkDir(c.data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return found
}
