// Package s3 keeps blobs as objects of a bucket, at Amazon S3 or at any server that speaks its API.
//
//	PREFIX/sha256/ab/abcdef...   blobs; the same for sha512
//	PREFIX/uploads/ID/state      what came last, and what is known of all that came
//	PREFIX/uploads/ID/data       what came before, as a multipart upload
//
// Any number of processes may use one bucket: all state is in it, and each change of an upload's
// state is conditional on the state that it was made from. It does not free room by itself.
//
// Source: Amazon S3 API Reference.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"slipway/blob"
	"slipway/internal/errs"
)

// ErrLocation says that a URL names no place for blobs.
var ErrLocation = errs.New(errs.Invalid, "not a place for blobs")

// Store is a part of a bucket.
type Store struct {
	client *s3.Client
	links  *s3.PresignClient
	bucket string
	prefix string // "" or "a/b/"
	hidden bool   // from clients, who get no links

	sending chan struct{} // full while as many parts are on their way as memory is given to

	mu    sync.Mutex
	turns map[string]*turn // uploads that somebody works on now
}

var (
	_ blob.Store  = (*Store)(nil)
	_ blob.Linker = (*Store)(nil)
)

// Open uses what location names: s3://BUCKET[/PREFIX][?endpoint=URL&region=R&path-style=true&redirect=false].
// It makes sure that the bucket can be reached. With redirect=false Link gives none, for an endpoint that
// clients cannot reach. Credentials come from where AWS's tools look for them; an
// endpoint of the environment (AWS_ENDPOINT_URL), which may be our own, is not followed.
func Open(ctx context.Context, location string) (*Store, error) {
	u, err := url.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("%w: not even a URL, want s3://BUCKET/PREFIX", ErrLocation) // err would repeat what may be a secret
	}
	if u.Scheme != "s3" || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("%w: %q, want s3://BUCKET/PREFIX", ErrLocation, u.Redacted())
	}
	settings, err := loadSettings(ctx, u.Query())
	if err != nil {
		return nil, err
	}
	s := New(s3.NewFromConfig(settings.aws, settings.apply), u.Host, strings.Trim(u.Path, "/"))
	s.hidden = !settings.redirect
	if _, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket}); err != nil {
		return nil, fmt.Errorf("bucket %s: %w", s.bucket, explain(err))
	}
	return s, nil
}

// New uses a client that is set up already.
func New(client *s3.Client, bucket, prefix string) *Store {
	if prefix != "" {
		prefix += "/"
	}
	return &Store{
		client: client, links: s3.NewPresignClient(client), bucket: bucket, prefix: prefix,
		sending: make(chan struct{}, maxSending), turns: map[string]*turn{},
	}
}

type settings struct {
	aws       aws.Config
	endpoint  string
	pathStyle bool
	redirect  bool
}

func loadSettings(ctx context.Context, query url.Values) (s settings, err error) {
	for name := range query {
		if !slices.Contains([]string{"endpoint", "region", "path-style", "redirect"}, name) {
			return s, fmt.Errorf("%w: %q is not one of endpoint, region, path-style, redirect", ErrLocation, name)
		}
	}
	s.endpoint = query.Get("endpoint")
	if s.pathStyle, err = choice(query, "path-style", s.endpoint != ""); err != nil {
		return s, err
	}
	if s.redirect, err = choice(query, "redirect", true); err != nil {
		return s, err
	}
	if s.aws, err = config.LoadDefaultConfig(ctx, config.WithRegion(query.Get("region"))); err != nil {
		return s, err
	}
	if s.aws.Region == "" {
		s.aws.Region = "us-east-1"
	}
	s.aws.HTTPClient = patient{s.aws.HTTPClient}
	return s, nil
}

// choice reads a parameter that is true or false.
func choice(query url.Values, name string, otherwise bool) (bool, error) {
	text := query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	chosen, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%w: %s is %q, want true or false", ErrLocation, name, text)
	}
	return chosen, nil
}

func (s settings) apply(o *s3.Options) {
	o.UsePathStyle = s.pathStyle
	o.BaseEndpoint = nil
	o.DisableLogOutputChecksumValidationSkipped = true // servers that keep none are many
	if s.endpoint != "" {
		o.BaseEndpoint = &s.endpoint
	}
}

// key is the name of an object below the prefix.
func (s *Store) key(parts ...string) *string { return aws.String(s.prefix + path.Join(parts...)) }

// blobKey checks d once more: it becomes a name.
func (s *Store) blobKey(d blob.Digest) (*string, error) {
	if _, err := blob.ParseDigest(string(d)); err != nil {
		return nil, err
	}
	return s.key(d.Algorithm(), d.Hex()[:2], d.Hex()), nil
}

// Delete removes a blob.
func (s *Store) Delete(ctx context.Context, d blob.Digest) error {
	key, err := s.blobKey(d)
	if err != nil {
		return err
	}
	_, err = s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: key})
	return explain(err)
}

// Link returns a URL under which anybody can read the blob from the bucket itself for a while, or "" if
// clients are to have none. It asks nobody, so it does not say whether the blob is there.
func (s *Store) Link(ctx context.Context, d blob.Digest, life time.Duration) (string, error) {
	if s.hidden {
		return "", nil
	}
	key, err := s.blobKey(d)
	if err != nil {
		return "", err
	}
	link, err := s.links.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: key}, s3.WithPresignExpires(life))
	if err != nil {
		return "", err
	}
	return link.URL, nil
}

// explain says in the words of package blob what the bucket answered, or that nothing did.
func explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, blob.ErrAway) {
		return err
	}
	var fault smithy.APIError
	if errors.As(err, &fault) {
		switch fault.ErrorCode() {
		case "NoSuchKey", "NotFound", "NoSuchUpload":
			return fmt.Errorf("%w: %w", errGone, err)
		case "PreconditionFailed", "ConditionalRequestConflict":
			return fmt.Errorf("%w: %w", errChanged, err)
		case "QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "EntityTooLarge":
			return fmt.Errorf("%w: %w", blob.ErrFull, err)
		case "BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "RequestTimeout": // it was damaged on its way
			return fmt.Errorf("%w: %w", blob.ErrAway, err)
		}
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode()/100 == 4 { // it is there, and refuses us
		return err
	}
	return fmt.Errorf("%w: %w", blob.ErrAway, err)
}

var (
	errGone    = errors.New("the object is not there")
	errChanged = errors.New("the object was changed by another")
)
