package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// A full disk refuses what does not fit, and nothing else: what is there stays readable, and when
// there is room again everything goes on, without a restart.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t, "12m")
	c := launch(t, "server", filepath.Join(disk, "data"))
	login := remote.WithAuth(c.registryLogin())
	small, err1 := random.Image(256<<10, 1)
	large, err2 := random.Image(16<<20, 1)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	c.newRegistryUser("web")
	tag := func(text string) name.Tag {
		ref, err := name.NewTag(c.host()+"/web:"+text, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	if err := remote.Write(tag("small"), small, login); err != nil {
		t.Fatal(err)
	}

	t.Run("blobs", func(t *testing.T) {
		err := remote.Write(tag("large"), large, login, remote.WithRetryPredicate(func(error) bool { return false }))
		if err == nil || !strings.Contains(err.Error(), "UNAVAILABLE: There is no room left where blobs are kept.") {
			t.Errorf("a push that does not fit: %v", err)
		}
		pulls(t, tag("small"), login)
		if _, err := remote.Head(tag("large"), login); err == nil {
			t.Error("the image that did not fit is there")
		}
		if n := c.uploaded(); n > 0 {
			t.Errorf("%d bytes of it are still on the disk", n)
		}
	})
	t.Run("database", func(t *testing.T) {
		filler := fill(t, disk)
		refused := c.fillDatabase()
		for _, word := range []string{"disk", "full"} {
			if !strings.Contains(refused.ErrorMessage(), word) {
				t.Errorf("a full database is answered %s: %s", refused.ErrorCode(), refused.ErrorMessage())
			}
		}
		if _, err := c.ecs.ListClusters(t.Context(), &ecs.ListClustersInput{}); err != nil {
			t.Errorf("reading from a full disk: %v", err)
		}
		if !isReady(c.endpoint) {
			t.Error("a server whose disk is full is not ready to be read")
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("again")}); err != nil {
			t.Errorf("with room again: %v", err)
		}
	})
	t.Run("room again", func(t *testing.T) {
		if out, err := exec.Command("mount", "-o", "remount,size=48m", disk).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := remote.Write(tag("large"), large, login); err != nil {
			t.Fatal(err)
		}
		pulls(t, tag("large"), login)
		pulls(t, tag("small"), login)
	})
}

// pulls wants an image to be there, to the last bit.
func pulls(t *testing.T, ref name.Reference, login remote.Option) {
	t.Helper()
	image, err := remote.Image(ref, login)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
}

// fillDatabase writes until the database takes no more, and returns what the last call was answered.
func (c *cloud) fillDatabase() smithy.APIError {
	c.t.Helper()
	client := cloudwatchlogs.New(c.logs.Options(), func(o *cloudwatchlogs.Options) { o.RetryMaxAttempts = 1 })
	for i := range 10_000 {
		name := fmt.Sprintf("%0500d", i)
		_, err := client.CreateLogGroup(c.t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name})
		var refused smithy.APIError
		if errors.As(err, &refused) {
			return refused
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
	c.t.Fatal("the disk takes everything")
	return nil
}

// smallDisk is a folder that takes no more than size.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	needRoot(t)
	dir := t.TempDir()
	if err := syscall.Mount("slipway-test", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all the room that a disk has left, and returns the file that has it.
func fill(t *testing.T, dir string) string {
	t.Helper()
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := make([]byte, 4096); err == nil; _, err = f.Write(chunk) {
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return filler
}
