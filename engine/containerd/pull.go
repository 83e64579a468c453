package containerd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	coreimages "github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"slipway/engine"
	"slipway/internal/errs"
)

var ourPlatform = platforms.Only(platforms.DefaultSpec())

// Pull makes an image ready. Pulls of one image at the same time are one pull.
func (e *Engine) Pull(ctx context.Context, ref string, login engine.Login) (engine.Image, error) {
	img, err := e.pull(e.context(ctx), ref, login)
	switch {
	case err == nil:
		return img, nil
	case ctx.Err() != nil:
		return engine.Image{}, fmt.Errorf("pull %s: %w", ref, ctx.Err())
	case errdefs.IsUnavailable(err), errs.KindOf(err) == errs.Unavailable:
		return engine.Image{}, fmt.Errorf("%w: pull %s: %w", engine.ErrUnavailable, ref, err)
	case mayPass(err):
		return engine.Image{}, fmt.Errorf("%w %s: %s", engine.ErrRegistry, ref, explain(err))
	}
	return engine.Image{}, fmt.Errorf("%w %s: %s", engine.ErrPull, ref, explain(err))
}

func (e *Engine) pull(ctx context.Context, ref string, login engine.Login) (engine.Image, error) {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return engine.Image{}, fmt.Errorf("%w: %q is not a reference such as registry.example/team/app:1.2", errBadRef, ref)
	}
	resolver := newResolver(reference.Domain(named), login)
	pinned, digest := pinnedTo(named)
	if digest == "" {
		_, desc, err := resolver.Resolve(ctx, named.String())
		if err != nil {
			return engine.Image{}, err
		}
		digest = desc.Digest
		pinned = reference.TrimNamed(named).String() + "@" + digest.String()
	}
	defer e.images.holds.hold(digest.String())()
	img, err := e.present(ctx, digest)
	if img == nil && err == nil {
		defer e.follow(ctx, digest)()
		img, err = e.images.pulls.do(ctx, digest.String(), func(ctx context.Context) (*image, error) {
			return e.fetch(ctx, pinned, digest, resolver)
		})
	}
	if err != nil {
		return engine.Image{}, err
	}
	e.used(digest.String())
	return img.told(ref, digest.String()), nil
}

func pinnedTo(named reference.Named) (pinned string, d digest.Digest) {
	if canonical, ok := named.(reference.Canonical); ok {
		return named.String(), canonical.Digest()
	}
	return "", ""
}

// fetch brings an image here and unpacks it. The record that says it is ready comes last, and keeps
// it from containerd's garbage collection; until then the pull's lease does.
func (e *Engine) fetch(ctx context.Context, pinned string, digest digest.Digest, resolver remotes.Resolver) (*image, error) {
	if img, err := e.present(ctx, digest); img != nil || err != nil { // another pull was faster
		return img, err
	}
	defer e.images.layers.forget(digest)
	guarded, stop := e.space.guard(ctx)
	pulled, err := onceMore(func() (client.Image, error) { return e.download(guarded, pinned, digest, resolver) })
	if full := stop(); full != nil && err != nil {
		return nil, full
	}
	if err != nil {
		return nil, err
	}
	return e.read(ctx, pulled.Target())
}

func (e *Engine) download(ctx context.Context, pinned string, image digest.Digest, resolver remotes.Resolver) (client.Image, error) {
	return e.client.Pull(ctx, pinned,
		client.WithResolver(resolver),
		client.WithPlatformMatcher(ourPlatform),
		client.WithPullUnpack,
		client.WithPullSnapshotter(snapshotter),
		client.WithMaxConcurrentDownloads(4),
		client.WithImageHandler(coreimages.HandlerFunc(refuseHuge)),
		client.WithImageHandlerWrapper(func(next coreimages.Handler) coreimages.Handler { return e.refuseUnfit(image, next) }),
		client.WithPullLabel(readyLabel, "1"),
	)
}

var (
	errBadRef     = errors.New("bad reference")
	errUnfit      = errors.New("no matching platform")
	errTooLarge   = errors.New("too large")
	errNoManifest = errors.New("not an image")
)

// refuseHuge refuses manifests and configs before they are read, for they are read into memory.
func refuseHuge(_ context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	isLayer := coreimages.IsLayerType(desc.MediaType)
	if !isLayer && desc.Size > maxManifest {
		return nil, fmt.Errorf("%w: %s %s has %d bytes, %d are allowed", errTooLarge, desc.MediaType, desc.Digest, desc.Size, maxManifest)
	}
	return nil, nil
}

// refuseUnfit looks at a manifest once it is here and before any layer is fetched.
func (e *Engine) refuseUnfit(image digest.Digest, next coreimages.Handler) coreimages.Handler {
	return coreimages.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		children, err := next.Handle(ctx, desc)
		if err == nil && coreimages.IsManifestType(desc.MediaType) {
			e.images.layers.note(image, children)
			err = e.space.takes(children)
		}
		if err == nil && coreimages.IsConfigType(desc.MediaType) {
			err = fitsConfig(ctx, e.client.ContentStore(), desc)
		}
		return children, err
	})
}

// fitsConfig checks the platform of an image whose config is here.
func fitsConfig(ctx context.Context, store content.Provider, desc ocispec.Descriptor) error {
	blob, err := content.ReadBlob(ctx, store, desc)
	if err != nil {
		return err
	}
	var config ocispec.Image
	if err := json.Unmarshal(blob, &config); err != nil {
		return fmt.Errorf("%w: config %s: %w", errNoManifest, desc.Digest, err)
	}
	if !ourPlatform.Match(config.Platform) {
		return fmt.Errorf("%w: the image is for %s, this machine is %s", errUnfit, platforms.Format(config.Platform), platforms.DefaultString())
	}
	return nil
}

// registryTransport is one for all pulls, so that connections are used again. A registry that
// answers nothing for a while has failed.
var registryTransport = func() *http.Transport {
	t := docker.DefaultHTTPTransport(nil)
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.ResponseHeaderTimeout = 60 * time.Second
	return t
}()

// newResolver speaks to registries as docker does: basic credentials are turned into a token
// where the registry says who gives tokens. They are for the named registry alone.
func newResolver(registry string, login engine.Login) remotes.Resolver {
	httpClient := &http.Client{Transport: registryTransport}
	if login.Transport != nil {
		httpClient.Transport = login.Transport
	}
	credentials := func(host string) (string, string, error) {
		if host == registry || registry == "docker.io" && host == "registry-1.docker.io" {
			return login.Username, login.Password, nil
		}
		return "", "", nil
	}
	plain := docker.MatchLocalhost
	if login.PlainHTTP {
		plain = func(host string) (bool, error) { return host == registry, nil }
	}
	return docker.NewResolver(docker.ResolverOptions{Hosts: docker.ConfigureDefaultRegistries(
		docker.WithClient(httpClient),
		docker.WithPlainHTTP(plain),
		docker.WithAuthorizer(docker.NewDockerAuthorizer(docker.WithAuthClient(httpClient), docker.WithAuthCreds(credentials))),
	)})
}

// mayPass reports whether a registry, or the way to it, has a trouble that may be over soon.
func mayPass(err error) bool {
	var status remoteerrors.ErrUnexpectedStatus
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &status):
		return status.StatusCode >= http.StatusInternalServerError || status.StatusCode == http.StatusTooManyRequests
	case errors.As(err, &dns):
		return !dns.IsNotFound
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	}
	return slices.ContainsFunc([]error{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.EHOSTUNREACH, syscall.ENETUNREACH},
		func(trouble error) bool { return errors.Is(err, trouble) })
}

// explain puts the cause first, in words that say what to look at.
func explain(err error) string {
	var status remoteerrors.ErrUnexpectedStatus
	var dns *net.DNSError
	code := 0
	if errors.As(err, &status) {
		code = status.StatusCode
	}
	switch text := err.Error(); {
	case errors.Is(err, errBadRef), errors.Is(err, errUnfit), errors.Is(err, errTooLarge), errors.Is(err, errNoManifest):
		return text
	case code == http.StatusUnauthorized, code == http.StatusForbidden, errors.Is(err, docker.ErrInvalidAuthorization):
		return "access denied: the login is missing, wrong or not allowed to pull: " + text
	case code == http.StatusTooManyRequests:
		return "the registry asks for fewer requests: " + text
	case errdefs.IsNotFound(err) && strings.Contains(text, "/blobs/"):
		return "a part of the image is missing in the registry: " + text
	case code == http.StatusNotFound, errdefs.IsNotFound(err) && !strings.Contains(text, "no match for platform"):
		return "manifest unknown: the registry has no such image: " + text
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the registry cannot be reached: " + text
	case errors.As(err, &dns):
		return "the registry's name cannot be resolved: " + text
	case strings.Contains(text, "no match for platform"):
		return fmt.Sprintf("%v: the image has none for %s: %s", errUnfit, platforms.DefaultString(), text)
	case strings.Contains(text, "unexpected commit digest"), strings.Contains(text, "unexpected commit size"):
		return "digest mismatch: the registry sent other bytes than the image names: " + text
	case isFull(err):
		return "the disk is full: " + text
	default:
		return text
	}
}
