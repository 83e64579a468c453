package oci

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"slipway/internal/errs"
	"slipway/internal/paced"
	"slipway/registry"
)

// problem is an error as the specification writes it.
type problem struct {
	Status  int            `json:"-"`
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Detail  map[string]any `json:"detail,omitempty"`

	wait time.Duration // until the call is worth another try; 0: nobody can say
}

func (p *problem) Error() string { return p.Code + ": " + p.Message }

// aWhile is how long a client does well to wait where nobody can say how long it takes.
const aWhile = time.Minute

// tooFast asks a caller to slow down.
func tooFast(wait time.Duration) *problem {
	p := problemf(http.StatusTooManyRequests, "TOOMANYREQUESTS", "Rate exceeded")
	p.wait = wait
	return p
}

func problemf(status int, code, format string, args ...any) *problem {
	return &problem{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// problems says what each cause is called here, one row per cause; the first that fits decides. Without a
// text the client reads the error's own. In a text, {repository} and the like stand for what the error is about.
var problems = []struct {
	cause  error
	status int
	code   string
	text   string
}{
	{registry.ErrTokenExpired, 401, "UNAUTHORIZED", "Your authorization token has expired. Reauthenticate and try again."},
	{registry.ErrToken, 401, "UNAUTHORIZED", ""},
	{registry.ErrName, 400, "NAME_INVALID", ""},
	{registry.ErrNoRepository, 404, "NAME_UNKNOWN", "The repository with name '{repository}' does not exist in the registry with id '{account}'. Create it first: aws ecr create-repository --repository-name {repository}"},
	{registry.ErrDigest, 400, "DIGEST_INVALID", ""},
	{registry.ErrMismatch, 400, "DIGEST_INVALID", ""},
	{registry.ErrNoBlob, 404, "BLOB_UNKNOWN", ""},
	{registry.ErrDamaged, 500, "UNKNOWN", "The registry keeps other bytes than those of {digest}: they were damaged where they are kept."},
	{registry.ErrMarked, 403, "DENIED", "The layers {digests} were marked as not to be used; no image with them is pulled or pushed. Reason: {reason}"},
	{registry.ErrArchived, 403, "DENIED", "The image {digest} is in the archive. Restore it first: aws ecr update-image-storage-class --repository-name {repository} --image-id imageDigest={digest} --target-storage-class STANDARD"},
	{registry.ErrKeyDisabled, 403, "DENIED", "The layers of the repository with name '{repository}' are encrypted with the key {name}, which is disabled. Nothing is pulled or pushed until it is enabled again."},
	{registry.ErrKeyPending, 403, "DENIED", "The layers of the repository with name '{repository}' are encrypted with the key {name}, which is pending deletion. Nothing is pulled or pushed unless it is enabled again."},
	{registry.ErrNoKey, 403, "DENIED", "The layers of the repository with name '{repository}' are encrypted with the key {name}, which does not exist any more. They cannot be read again."},
	{registry.ErrBlobInUse, 405, "UNSUPPORTED", "The blob {digest} is needed by the images {digests}. Delete those first."},
	{registry.ErrNoUpload, 404, "BLOB_UPLOAD_UNKNOWN", ""},
	{registry.ErrOffset, 416, "BLOB_UPLOAD_INVALID", ""},
	{registry.ErrUpstreamDenied, 403, "DENIED", ""},
	{registry.ErrNoSecret, 403, "DENIED", ""},
	{registry.ErrUpstreamBusy, 429, "TOOMANYREQUESTS", ""},
	{registry.ErrUpstreamDown, 502, "UNAVAILABLE", ""},
	{registry.ErrFull, 503, "UNAVAILABLE", "There is no room left where blobs are kept."},
	{registry.ErrBusy, 503, "UNAVAILABLE", "The blob {digest} is being removed. Push it again in a moment."},
	{registry.ErrQuota, 429, "TOOMANYREQUESTS", ""},
	{registry.ErrTag, 400, "TAG_INVALID", ""},
	{registry.ErrTagImmutable, 400, "TAG_INVALID", "The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten because the tag is immutable."},
	{registry.ErrNoImage, 404, "MANIFEST_UNKNOWN", ""},
	{registry.ErrImageInUse, 405, "UNSUPPORTED", "Requested image referenced by manifest list: {digests}"},
	{registry.ErrManifestTooLarge, 413, "SIZE_INVALID", ""},
	{registry.ErrManifest, 400, "MANIFEST_INVALID", ""},
	{registry.ErrMediaType, 400, "MANIFEST_INVALID", ""},
	{registry.ErrMissingBlobs, 400, "MANIFEST_BLOB_UNKNOWN", "Layers with digests {digests} required for pushing image into repository with name '{repository}' in the registry with id '{account}' do not exist"},
	{registry.ErrMissingManifests, 400, "MANIFEST_BLOB_UNKNOWN", "Images with digests {digests} required for pushing image into repository with name '{repository}' in the registry with id '{account}' do not exist"},
}

// problemOf names an error for the client, or returns nil for one that is none of its business.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	for _, row := range problems {
		if errors.Is(err, row.cause) {
			return &problem{Status: row.status, Code: row.code, Message: word(row.text, err), Detail: details(err)}
		}
	}
	switch errs.KindOf(err) {
	case errs.Denied:
		return problemf(http.StatusForbidden, "DENIED", "%v", err)
	case errs.Unavailable:
		return problemf(http.StatusServiceUnavailable, "UNAVAILABLE", "A part of the registry cannot be reached now. Try again.")
	}
	switch {
	case !errors.Is(err, paced.ErrBody):
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problemf(http.StatusRequestTimeout, "BLOB_UPLOAD_INVALID", "the body came too slowly; what came of an upload is kept")
	}
	return problemf(http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "the body ended early; what came of an upload is kept: %v", err)
}

func word(text string, err error) string {
	if text == "" {
		return err.Error()
	}
	e, ok := errors.AsType[*registry.Error](err)
	if !ok {
		return text
	}
	return strings.NewReplacer(
		"{account}", e.Account, "{repository}", e.Repository, "{tag}", e.Tag, "{name}", e.Name,
		"{digest}", string(e.Digest), "{digests}", fmt.Sprint(e.Digests), "{reason}", e.Reason,
	).Replace(text)
}

// details are what the error is about, for programs.
func details(err error) map[string]any {
	e, ok := errors.AsType[*registry.Error](err)
	if !ok {
		return nil
	}
	d := map[string]any{"name": e.Repository, "registryId": e.Account}
	if e.Tag != "" {
		d["tag"] = e.Tag
	}
	if e.Digest != "" {
		d["digest"] = e.Digest
	}
	if len(e.Digests) > 0 {
		d["digests"] = e.Digests
	}
	if e.Upload != "" {
		d["upload"] = e.Upload
	}
	return d
}

// fail answers with what went wrong, and logs what is ours to mend.
func (c *call) fail(err error) {
	p := problemOf(err)
	if p == nil && c.r.Context().Err() != nil { // whatever failed, failed because the client went away
		p = problemf(http.StatusBadRequest, "UNKNOWN", "the request was given up")
	}
	if p == nil {
		p = problemf(http.StatusInternalServerError, "UNKNOWN", "The registry failed; its log has the reason.")
	}
	if p.Status >= http.StatusInternalServerError {
		slog.Error("registry request failed", "method", c.r.Method, "path", c.r.URL.Path, "error", err)
	}
	c.problem = p
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		c.w.Header().Set("Retry-After", strconv.FormatInt(int64((cmp.Or(p.wait, aWhile)+time.Second-1)/time.Second), 10)) // RFC 9110, 10.2.3
	case http.StatusUnauthorized:
		c.w.Header().Set("WWW-Authenticate", challenge(c.r))
	case http.StatusRequestedRangeNotSatisfiable:
		if e, ok := errors.AsType[*registry.Error](err); ok {
			c.uploadHeaders(e.Upload, e.Size)
		}
	}
	// What is left of the body is thrown away after this, and may not take for ever either.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(paced.Patience))
	if err := c.answerJSON(p.Status, "application/json", map[string][]*problem{"errors": {p}}); err != nil {
		slog.Error("registry answer not written", "path", c.r.URL.Path, "error", err)
	}
}

// answerJSON writes a whole answer.
func (c *call) answerJSON(status int, contentType string, body any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // which would make what came from a manifest six times as long
	if err := e.Encode(body); err != nil {
		return err
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
	c.w.Header().Set("Content-Type", contentType)
	c.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	c.w.WriteHeader(status)
	_, _ = paced.NewWriter(c.w).ReadFrom(bytes.NewReader(text)) // a client that went away is nobody's failure
	return nil
}
