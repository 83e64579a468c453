package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"slipway/registry"
	"slipway/store"
)

// operated is a registry with its clients' side and its operator's.
type operated struct {
	*Server
	t       *testing.T
	control *Control
	ecr     *ecr.Client
	login   string
}

func newOperated(t *testing.T) operated {
	s := open(t, nil)
	run(t, s)
	o := operated{s, t, NewControl(s.config.Data), ecr.NewFromConfig(s.asRoot()), login(t, s.asRoot())}
	_, err := o.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("web")})
	must(t, err)
	return o
}

// ask asks the registry's door.
func (o operated) ask(method, path string, body []byte, contentType string) (status int, text string) {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), method, "http://"+o.config.Advertise+path, bytes.NewReader(body))
	must(o.t, err)
	user, password, _ := strings.Cut(o.login, ":")
	r.SetBasicAuth(user, password)
	r.Header.Set("Content-Type", contentType)
	answer, err := http.DefaultClient.Do(r)
	must(o.t, err)
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	must(o.t, err)
	return answer.StatusCode, string(all)
}

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func (o operated) upload(data []byte) (int, string) {
	o.t.Helper()
	return o.ask("POST", "/v2/web/blobs/uploads/?digest="+digest(data), data, "application/octet-stream")
}

func (o operated) push(tag string, layers ...string) (status int, text, of string) {
	o.t.Helper()
	type part struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	parts := []part{}
	for _, layer := range append([]string{`{}`}, layers...) {
		if status, text := o.upload([]byte(layer)); status != http.StatusCreated {
			return status, text, ""
		}
		parts = append(parts, part{"application/vnd.oci.image.layer.v1.tar", digest([]byte(layer)), len(layer)})
	}
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest, "config": parts[0], "layers": parts[1:]})
	must(o.t, err)
	status, text = o.ask("PUT", "/v2/web/manifests/"+tag, raw, registry.MediaTypeOCIManifest)
	return status, text, digest(raw)
}

func (o operated) wantRefused(wantStatus int, wantText string, status int, text string) {
	o.t.Helper()
	if status != wantStatus || !strings.Contains(text, wantText) {
		o.t.Errorf("%d %s, want %d and %q", status, text, wantStatus, wantText)
	}
}

// What an operator marks no client pulls or pushes, and each reads why; a sweep takes it, and what is pushed
// after the mark is gone is pulled again.
func TestOperatorMarksAndSweeps(t *testing.T) {
	o := newOperated(t)
	status, text, image := o.push("v1", "bad layer", "good layer")
	o.wantRefused(http.StatusCreated, "", status, text)
	made, err := o.control.Mark(t.Context(), MarkRequest{Criteria: MarkCriteria{Bytes: []byte("bad lay")}, Reason: "CVE-2026-1"})
	if err != nil || made.New != 1 || made.Images != 1 {
		t.Fatalf("%+v, %v", made, err)
	}
	bad := digest([]byte("bad layer"))
	for _, refused := range []func() (int, string){
		func() (int, string) { return o.ask("GET", "/v2/web/manifests/v1", nil, "") },
		func() (int, string) { return o.ask("GET", "/v2/web/blobs/"+bad, nil, "") },
		func() (int, string) { return o.upload([]byte("bad layer")) },
		func() (int, string) { status, text, _ := o.push("v2", "good layer", "bad layer"); return status, text },
	} {
		status, text := refused()
		o.wantRefused(http.StatusForbidden, "marked as not to be used; no image with them is pulled or pushed. Reason: CVE-2026-1", status, text)
	}
	status, text = o.ask("HEAD", "/v2/web/blobs/"+bad, nil, "")
	o.wantRefused(http.StatusNotFound, "", status, text)
	got, err := o.ecr.BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}}})
	if err != nil || len(got.Failures) != 1 || got.Failures[0].FailureCode != types.ImageFailureCodeImageInaccessible || !strings.Contains(*got.Failures[0].FailureReason, "CVE-2026-1") {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = o.ecr.GetDownloadUrlForLayer(t.Context(), &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("web"), LayerDigest: &bad})
	if code(err) != "LayerInaccessibleException" {
		t.Errorf("a link to the layer: %v", err)
	}
	there, err := o.ecr.BatchCheckLayerAvailability(t.Context(), &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String("web"), LayerDigests: []string{bad}})
	if err != nil || there.Layers[0].LayerAvailability != types.LayerAvailabilityUnavailable {
		t.Errorf("%+v, %v", there, err)
	}
	if marks, err := o.control.Marks(t.Context(), o.root.Owner.Account); err != nil || len(marks) != 1 || marks[0].Reason != "CVE-2026-1" {
		t.Errorf("%+v, %v", marks, err)
	}

	must(t, o.db.Update(t.Context(), func(tx *store.Tx) error { // the push was long ago
		_, err := tx.Exec(`update registry_links set linked = 0`)
		if err == nil {
			_, err = tx.Exec(`update registry_repositories set pushed = 0`)
		}
		return err
	}))
	var would, went []string
	_, err1 := o.control.Sweep(t.Context(), true, func(s Swept) { would = append(would, string(s.Digest)) })
	report, err2 := o.control.Sweep(t.Context(), false, func(s Swept) { went = append(went, string(s.Digest)) })
	slices.Sort(went)
	slices.Sort(would)
	want := []string{image, bad, digest([]byte("good layer")), digest([]byte("{}"))}
	slices.Sort(want)
	if err1 != nil || err2 != nil || !slices.Equal(went, want) || !slices.Equal(would, want) || report.Images != 1 || report.Layers != 3 {
		t.Errorf("went %v, would %v, want %v; %v, %v", went, would, want, err1, err2)
	}
	must(t, o.control.Unmark(t.Context(), made.ID))
	if err := o.control.Unmark(t.Context(), made.ID); err == nil || !strings.Contains(err.Error(), "mark not found") {
		t.Errorf("a mark that is gone: %v", err)
	}
	status, text, _ = o.push("v1", "bad layer", "good layer")
	o.wantRefused(http.StatusCreated, "", status, text)
	status, text = o.ask("GET", "/v2/web/manifests/v1", nil, "")
	o.wantRefused(http.StatusOK, bad, status, text)
}

func TestOperatorBoundsAccounts(t *testing.T) {
	o := newOperated(t)
	account := o.root.Owner.Account
	must(t, o.control.SetRegistryQuota(t.Context(), account, RegistryQuota{Bytes: 20, Images: 1, Repositories: 1}))
	status, text, _ := o.push("v1", "layer")
	o.wantRefused(http.StatusCreated, "", status, text)
	status, text, _ = o.push("v2", "0123456789012345678901234567890")
	o.wantRefused(http.StatusTooManyRequests, "at most 20 bytes of layers in an account", status, text)
	status, text, _ = o.push("v2", "layer", "another")
	o.wantRefused(http.StatusTooManyRequests, "at most 1 images in a repository", status, text)
	_, err := o.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("api")})
	if code(err) != "LimitExceededException" || !strings.Contains(err.Error(), "at most 1 repositories") {
		t.Errorf("a repository too many: %v", err)
	}
	used, err := o.control.RegistryUsage(t.Context(), "")
	want := UsageOf{RegistryUsage{Account: account, Bytes: int64(len("{}layeranother")), Blobs: 3, Images: 1, Repositories: 1}, RegistryQuota{Bytes: 20, Images: 1, Repositories: 1}}
	if err != nil || len(used) != 1 || used[0] != want {
		t.Errorf("usage %+v, want %+v, %v", used, want, err)
	}
}
