package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// askLife is how long another registry may take to say what a tag names.
const askLife = 20 * time.Second

// source is a repository of another registry.
type source struct {
	*remote.Repository
	host string
}

// source is where the images of a repository come from; without a name, the other registry as a whole.
func (c *Control) source(ctx context.Context, u Upstream, name string) (*source, error) {
	at, err := u.endpoint()
	if err != nil {
		return nil, err
	}
	s := &source{&remote.Repository{PlainHTTP: at.Scheme == "http"}, at.Host}
	s.Reference.Registry = at.Host
	s.ManifestMediaTypes = []string{MediaTypeOCIIndex, MediaTypeDockerList, MediaTypeOCIManifest, MediaTypeDockerManifest}
	s.MaxMetadataBytes = MaxManifest
	if name != "" {
		s.Reference.Repository = u.repository(name)
		if err := s.Reference.Validate(); err != nil {
			return nil, s.explain(errdef.ErrNotFound) // no repository can have that name
		}
	}
	s.Client, err = c.logins.client(ctx, c, u, s.Reference.Host())
	return s, err
}

func (s *source) ping(ctx context.Context) error {
	r := &remote.Registry{RepositoryOptions: remote.RepositoryOptions{Client: s.Client, Reference: s.Reference, PlainHTTP: s.PlainHTTP}}
	return s.explain(r.Ping(ctx))
}

// resolve asks what a tag names.
func (s *source) resolve(ctx context.Context, tag string) (Digest, error) {
	found, err := s.Manifests().Resolve(ctx, tag)
	if err != nil {
		return "", s.explain(err)
	}
	d, err := ParseDigest(string(found.Digest))
	if err != nil {
		return "", s.explain(err)
	}
	return d, nil
}

// manifest reads a manifest that is whole and well formed.
func (s *source) manifest(ctx context.Context, reference string) (Manifest, error) {
	found, body, err := s.Manifests().FetchReference(ctx, reference)
	if err != nil {
		return Manifest{}, s.explain(err)
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, MaxManifest+1))
	if err != nil {
		return Manifest{}, s.explain(err)
	}
	d, err := ParseDigest(string(found.Digest))
	if err != nil {
		return Manifest{}, s.explain(err)
	}
	p, _, err := checkPush(Push{Raw: raw, MediaType: found.MediaType, Digest: d})
	if err != nil {
		return Manifest{}, fmt.Errorf("%w: %s", err, s.host)
	}
	i := Image{Digest: d, MediaType: p.MediaType, ArtifactType: p.ArtifactType, ConfigType: p.configType(), Subject: p.subject(), Size: int64(len(raw))}
	return Manifest{Image: i, Raw: raw}, nil
}

// blob begins to read a blob.
func (s *source) blob(ctx context.Context, d Digest) (size int64, body io.ReadCloser, err error) {
	found, body, err := s.Blobs().FetchReference(ctx, string(d))
	return found.Size, body, s.explain(err)
}

func (s *source) blobSize(ctx context.Context, d Digest) (int64, error) {
	found, err := s.Blobs().Resolve(ctx, string(d))
	return found.Size, s.explain(err)
}

// explain names what another registry fails with. What it wrote, and where its answer came from, is for the
// log alone: it may be of a network that the caller cannot see.
func (s *source) explain(err error) error {
	if err == nil {
		return nil
	}
	var answer *errcode.ErrorResponse
	cause := ErrUpstreamDown
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		cause = errUpstreamMissing
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		cause = ErrUpstreamDenied
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		cause = ErrUpstreamDenied
	case errors.As(err, &answer) && answer.StatusCode == http.StatusTooManyRequests:
		cause = ErrUpstreamBusy
	}
	slog.Debug("another registry failed", "host", s.host, "repository", s.Reference.Repository, "error", err)
	return fmt.Errorf("%w: %s", cause, s.host)
}

// maxLogins is how many rules are remembered to be logged in.
const maxLogins = 1000

// logins are the clients of other registries, which keep the tokens that those gave them.
type logins struct {
	http *http.Client
	mu   sync.Mutex
	by   map[loginKey]*auth.Client
}

type loginKey struct{ account, prefix, host, credential string }

func newLogins() *logins {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: refuseLinkLocal}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   16,
		DisableCompression:    true, // what is asked for is known by its digest and size
	}
	again := retry.NewTransport(transport)
	again.Policy = func() retry.Policy { return retries }
	return &logins{http: &http.Client{Transport: again}, by: map[loginKey]*auth.Client{}}
}

// retries are few: who pulls waits for them, and can pull again.
var retries = &retry.GenericPolicy{
	Retryable: retry.DefaultPredicate,
	Backoff:   retry.DefaultBackoff,
	MinWait:   100 * time.Millisecond,
	MaxWait:   time.Second,
	MaxRetry:  2,
}

// client is logged in as the rule says.
func (l *logins) client(ctx context.Context, c *Control, u Upstream, host string) (*auth.Client, error) {
	secret, version, err := c.upstreamSecret(ctx, u)
	if err != nil {
		return nil, err
	}
	key := loginKey{u.Account, prefixKey(u.Prefix), host, u.Credential + version}
	l.mu.Lock()
	defer l.mu.Unlock()
	if client := l.by[key]; client != nil {
		return client, nil
	}
	if len(l.by) >= maxLogins {
		clear(l.by)
	}
	client := &auth.Client{Client: l.http, Cache: auth.NewCache(), Header: http.Header{"User-Agent": {"slipway"}}}
	client.Credential = auth.StaticCredential(host, auth.Credential{Username: secret.Username, Password: secret.AccessToken})
	l.by[key] = client
	return client, nil
}

// refuseLinkLocal keeps rules from reaching what only this machine is meant to ask, such as the metadata
// service of the cloud that it stands in.
func refuseLinkLocal(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ip := at.Addr().Unmap(); ip.IsLinkLocalUnicast() || ip.IsUnspecified() || strings.HasPrefix(ip.String(), "fd00:ec2:") {
		return fmt.Errorf("%s is not an address of a registry", ip)
	}
	return nil
}
