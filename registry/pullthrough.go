package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"slipway/seal"
	"slipway/store"
)

// maxUpstreams is how many rules an account may have.
// Source: Amazon ECR User Guide, "Amazon ECR service quotas".
const maxUpstreams = 50

// Upstream is a pull-through cache rule: images of repositories whose names begin with its prefix and a
// slash come from another registry, when they are first pulled and when their tags have moved there. Of
// several rules that with the longest prefix counts, and Root last.
// Source: Amazon ECR User Guide, "Sync an upstream registry with an Amazon ECR private registry".
type Upstream struct {
	Account        string
	Prefix         string
	URL            string // host, with its port; http:// or https:// may come before it
	Kind           string // what AWS calls that registry; "" if it has no name for it
	UpstreamPrefix string // that repositories have there; "" and Root: none
	Credential     string // ARN of the secret with the login; "": nobody logs in
	Role           string // ARN; kept and given back, since Slipway needs none
	Created        time.Time
	Updated        time.Time
}

// CreateUpstream keeps a rule. It returns ErrUpstreamExists, ErrTooManyUpstreams, ErrUpstreamURL,
// ErrUpstreamPrefix or ErrNoSecret.
func (c *Control) CreateUpstream(ctx context.Context, u Upstream) (Upstream, error) {
	if err := u.settle(); err != nil {
		return Upstream{}, err
	}
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		u.Created, u.Updated = tx.Now, tx.Now
		if err := c.checkSecret(tx, u); err != nil {
			return err
		}
		if err := insertUpstream(tx, u); err != nil {
			return err
		}
		return countUpstreams(tx, u.Account)
	})
	return u, err
}

// ChangeUpstream replaces the secret and the role of a rule; nil leaves what it has. It returns
// ErrNoUpstream or ErrNoSecret.
func (c *Control) ChangeUpstream(ctx context.Context, account, prefix string, credential, role *string) (u Upstream, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if u, err = findUpstream(tx, account, prefix); err != nil {
			return err
		}
		if credential != nil {
			u.Credential = *credential
		}
		if role != nil {
			u.Role = *role
		}
		if err := c.checkSecret(tx, u); err != nil {
			return err
		}
		u.Updated = tx.Now
		_, err := tx.Exec(`update registry_upstreams set credential = $3, role = $4, updated = $5 where account = $1 and prefix = $2`,
			account, prefixKey(prefix), u.Credential, u.Role, store.Micros(u.Updated))
		return err
	})
	return u, err
}

// DeleteUpstream forgets a rule, and returns it. What came from there stays. It returns ErrNoUpstream.
func (c *Control) DeleteUpstream(ctx context.Context, account, prefix string) (gone Upstream, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if gone, err = findUpstream(tx, account, prefix); err != nil {
			return err
		}
		_, err := tx.Exec(`delete from registry_upstreams where account = $1 and prefix = $2`, account, prefixKey(prefix))
		return err
	})
	return gone, err
}

// Upstream finds a rule. It returns ErrNoUpstream.
func (c *Control) Upstream(ctx context.Context, account, prefix string) (u Upstream, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		u, err = findUpstream(tx, account, prefix)
		return err
	})
	return u, err
}

// Upstreams lists at most limit of an account's rules by prefix, from after the given one.
func (c *Control) Upstreams(ctx context.Context, account, after string, limit int) (found []Upstream, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found, err = listUpstreams(tx, account, prefixKey(after), limit)
		return err
	})
	return found, err
}

// upstreamKinds are the registries that AWS has names for, by their hosts.
// Source: Amazon ECR API Reference, CreatePullThroughCacheRule.
var upstreamKinds = []struct{ host, kind string }{
	{"public.ecr.aws", "ecr-public"},
	{"quay.io", "quay"},
	{"registry.k8s.io", "k8s"},
	{"registry-1.docker.io", "docker-hub"},
	{"ghcr.io", "github-container-registry"},
	{"*.azurecr.io", "azure-container-registry"},
	{"registry.gitlab.com", "gitlab-container-registry"},
	{"cgr.dev", "chainguard"},
	{"*.dkr.ecr.*.amazonaws.com", "ecr"},
}

// settle checks a new rule, and finds out what AWS calls its registry.
func (u *Upstream) settle() error {
	at, err := u.endpoint()
	if err != nil {
		return err
	}
	if prefixKey(u.Prefix) == Root && u.renames() {
		return fmt.Errorf("%w: with the prefix %s there can be no upstream prefix %q", ErrUpstreamPrefix, Root, u.UpstreamPrefix)
	}
	for _, known := range upstreamKinds {
		if ok, _ := path.Match(known.host, at.Hostname()); !ok { // the patterns are good
			continue
		}
		if u.Kind != "" && u.Kind != known.kind {
			return u.wrongURL()
		}
		u.Kind = known.kind
	}
	return nil
}

func (u *Upstream) wrongURL() error {
	return about(ErrUpstreamURL, Error{Account: u.Account, Name: u.URL})
}

// endpoint is where the other registry is. Without a scheme it is spoken to with TLS, but on this machine
// without, as by docker.
func (u *Upstream) endpoint() (*url.URL, error) {
	text := u.URL
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	at, err := url.Parse(text)
	if err != nil || at.Scheme != "https" && at.Scheme != "http" || at.Hostname() == "" || at.User != nil ||
		strings.Trim(at.Path, "/") != "" || at.RawQuery != "" || at.Fragment != "" {
		return nil, u.wrongURL()
	}
	if text != u.URL && isLoopback(at.Hostname()) {
		at.Scheme = "http"
	}
	return at, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// renames reports whether repositories have another prefix there.
func (u *Upstream) renames() bool { return u.UpstreamPrefix != "" && u.UpstreamPrefix != Root }

// repository is what a repository of ours is called there.
func (u *Upstream) repository(name string) string {
	if key := prefixKey(u.Prefix); key != Root {
		name = strings.TrimPrefix(name, key+"/")
	}
	if u.renames() {
		name = prefixKey(u.UpstreamPrefix) + "/" + name
	}
	return name
}

// upstreamFor finds the rule that counts for a repository.
func upstreamFor(tx *store.Tx, account, name string) (u Upstream, found bool, err error) {
	prefixes := prefixesOf(name)
	all, err := findUpstreams(tx, account, prefixes)
	if err != nil {
		return Upstream{}, false, err
	}
	for _, prefix := range prefixes {
		if u, ok := all[prefix]; ok {
			return u, true, nil
		}
	}
	return Upstream{}, false, nil
}

// ValidateUpstream tries the login of a rule, and returns what is wrong with it. The error is that of a
// rule that is not there, ErrNoUpstream, or of our own.
func (c *Control) ValidateUpstream(ctx context.Context, account, prefix string) (u Upstream, problem error, err error) {
	if u, err = c.Upstream(ctx, account, prefix); err != nil {
		return Upstream{}, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askLife)
	defer cancel()
	source, err := c.source(ctx, u, "")
	if err == nil {
		err = source.ping(ctx)
	}
	for _, cause := range []error{ErrNoSecret, ErrUpstreamDenied, ErrUpstreamBusy, ErrUpstreamDown} {
		if errors.Is(err, cause) {
			return u, err, nil
		}
	}
	return u, nil, err
}

// SpoolIn has what is on its way from other registries wait in a folder, in files that have no name.
func SpoolIn(dir string) Option { return func(c *Control) { c.spools = dir } }

// openUpstreams makes ready what other registries are reached with.
func (c *Control) openUpstreams(ctx context.Context, keys *seal.Keys) (err error) {
	c.logins, c.imports, c.downloads = newLogins(), newImports(), newDownloads()
	if c.secrets, err = keys.Column(ctx, "registry_upstream_secrets", "id", "sealed"); err != nil {
		return err
	}
	return c.readExclusions(ctx)
}

// runUpstreams brings what is wanted of other registries until ctx ends.
func (c *Control) runUpstreams(ctx context.Context, running *sync.WaitGroup) {
	for range importers {
		running.Go(func() { c.runImports(ctx) })
	}
	for range downloaders {
		running.Go(func() { c.runDownloads(ctx) })
	}
}
