package ecr_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway/api/awswire/wiretest"
	"slipway/api/ecr"
)

func TestEveryOperationIsBound(t *testing.T) {
	if names := ecr.New(nil, host).Unbound(); len(names) > 0 {
		t.Errorf("not bound: %v", names)
	}
}

// aws runs the installed aws command on the door and returns what it prints, or skips.
func (k kit) aws(args ...string) (stdout, stderr string) {
	k.t.Helper()
	path, err := exec.LookPath("aws")
	if err != nil {
		k.t.Skip("the aws command is not installed")
	}
	command := exec.CommandContext(k.t.Context(), path, append([]string{"ecr", "--endpoint-url", *k.config.BaseEndpoint, "--output", "json"}, args...)...)
	command.Env = append(command.Environ(),
		"AWS_ACCESS_KEY_ID="+wiretest.AccessKey, "AWS_SECRET_ACCESS_KEY="+wiretest.Secret, "AWS_REGION="+wiretest.Region, "AWS_DEFAULT_REGION="+wiretest.Region,
		"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")
	var out, errs strings.Builder
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil && errs.Len() == 0 {
		k.t.Fatalf("aws ecr %s: %v", args, err)
	}
	return out.String(), errs.String()
}

// ask is aws for calls that must go well; their answer is read into to.
func (k kit) ask(to any, args ...string) {
	k.t.Helper()
	out, errs := k.aws(args...)
	if errs != "" {
		k.t.Fatalf("aws ecr %s: %s", args, errs)
	}
	if err := json.Unmarshal([]byte(out), to); err != nil {
		k.t.Fatalf("aws ecr %s: %v in %s", args, err, out)
	}
}

type cliID struct{ ImageDigest, ImageTag string }

func TestTheCLIFromFirstToLast(t *testing.T) {
	k := lite(t)
	var created struct {
		Repository struct{ RepositoryUri string }
	}
	k.ask(&created, "create-repository", "--repository-name", "cli", "--tags", "Key=team,Value=a")
	if created.Repository.RepositoryUri != host+"/cli" {
		t.Errorf("created at %s", created.Repository.RepositoryUri)
	}
	password, errs := k.aws("get-login-password")
	if _, err := k.room.Verify(strings.TrimSpace(password)); err != nil {
		t.Errorf("the password is no login: %v; %s", err, errs)
	}

	k.cliUpload("cli", "hello")
	k.upload("cli", []byte("config of hello"), 100)
	manifest := imageOf("hello")
	var put struct{ Image struct{ ImageId cliID } }
	k.ask(&put, "put-image", "--repository-name", "cli", "--image-tag", "v1", "--image-manifest", "file://"+file(t, manifest))
	id := cliID{digestOf([]byte(manifest)), "v1"}
	if put.Image.ImageId != id {
		t.Errorf("put as %+v, want %+v", put.Image.ImageId, id)
	}
	k.cliSees(manifest, id)

	var deleted struct{ ImageIds []cliID }
	k.ask(&deleted, "batch-delete-image", "--repository-name", "cli", "--image-ids", "imageTag=v1")
	if !slices.Equal(deleted.ImageIds, []cliID{id}) {
		t.Errorf("deleted %+v, want %+v", deleted.ImageIds, id)
	}
	k.ask(&created, "delete-repository", "--repository-name", "cli")
	_, errs = k.aws("describe-images", "--repository-name", "cli")
	for _, want := range []string{
		"(RepositoryNotFoundException) when calling the DescribeImages operation", // some versions add how often they tried
		": The repository with name 'cli' does not exist in the registry with id '123456789012'",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("it says %s, want %s", errs, want)
		}
	}
}

// cliUpload pushes a layer with the aws command.
func (k kit) cliUpload(repository, data string) {
	k.t.Helper()
	var begun struct{ UploadId string }
	k.ask(&begun, "initiate-layer-upload", "--repository-name", repository)
	var got struct{ LastByteReceived int }
	k.ask(&got, "upload-layer-part", "--repository-name", repository, "--upload-id", begun.UploadId,
		"--part-first-byte", "0", "--part-last-byte", "4", "--layer-part-blob", "fileb://"+file(k.t, data))
	var done struct{ LayerDigest string }
	k.ask(&done, "complete-layer-upload", "--repository-name", repository, "--upload-id", begun.UploadId, "--layer-digests", digestOf([]byte(data)))
	if got.LastByteReceived != 4 || done.LayerDigest != digestOf([]byte(data)) {
		k.t.Errorf("up to byte %d, as %s", got.LastByteReceived, done.LayerDigest)
	}
}

// cliSees looks at the one image of the repository "cli" in every way that the command has.
func (k kit) cliSees(manifest string, id cliID) {
	k.t.Helper()
	var listed struct{ ImageIds []cliID }
	k.ask(&listed, "list-images", "--repository-name", "cli", "--filter", "tagStatus=TAGGED")
	var described struct {
		ImageDetails []struct {
			ImageDigest      string
			ImageTags        []string
			ImageSizeInBytes int
			ImagePushedAt    any
		}
	}
	k.ask(&described, "describe-images", "--repository-name", "cli")
	var got struct {
		Images []struct{ ImageManifest string }
	}
	k.ask(&got, "batch-get-image", "--repository-name", "cli", "--image-ids", "imageTag=v1")
	if !slices.Equal(listed.ImageIds, []cliID{id}) {
		k.t.Errorf("listed %+v, want %+v", listed, id)
	}
	if d := described.ImageDetails; len(d) != 1 || d[0].ImageDigest != id.ImageDigest || !slices.Equal(d[0].ImageTags, []string{id.ImageTag}) ||
		d[0].ImageSizeInBytes != len("hello"+"config of hello") || d[0].ImagePushedAt == nil {
		k.t.Errorf("described as %+v", d)
	}
	if len(got.Images) != 1 || got.Images[0].ImageManifest != manifest {
		k.t.Errorf("got %+v, want the manifest %q", got.Images, manifest)
	}
}

func file(t testing.TB, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(path, []byte(data), 0o600))
	return path
}

func TestTheCLIIsToldWhatIsNotSupported(t *testing.T) {
	k := lite(t)
	_, errs := k.aws("start-image-scan", "--repository-name", "web", "--image-id", "imageTag=v1")
	if !strings.Contains(errs, "StartImageScan is an operation of ECR that is not supported by Slipway.") {
		t.Errorf("it says %s", errs)
	}
}
