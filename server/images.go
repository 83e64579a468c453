package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"slipway/accounts"
	"slipway/cluster"
	"slipway/internal/errs"
	"slipway/logs"
	"slipway/nodeapi"
	"slipway/registry"
)

// images tells the cluster about the images of our own registry.
type images struct {
	registry *registry.Control
	accounts *accounts.Control
	host     string // host:port of the registry
	region   string
}

func (s *Server) clusterImages() images {
	return images{s.registry, s.accounts, s.config.Advertise, s.config.Region}
}

// Find satisfies cluster.Images. Ours are named by our own address, which means the account's own
// registry, or as on AWS by ACCOUNT.dkr.ecr.REGION.amazonaws.com when the region is right and the
// account is one of ours. Of another account's, only what its repository's policy allows is found.
func (i images) Find(ctx context.Context, account, name string) (cluster.Image, error) {
	owner, rest, err := i.ours(ctx, account, name)
	if owner == "" || err != nil {
		return cluster.Image{}, err
	}
	found := cluster.Image{Ref: i.host + "/" + rest}
	repository, reference := splitReference(rest)
	if owner != account {
		found.Owner = owner
		if may, err := i.mayPull(ctx, account, owner, repository); !may || err != nil {
			return found, err
		}
	}
	digest, _, err := i.registry.Resolve(ctx, owner, repository, reference)
	switch errs.KindOf(err) {
	case errs.NotFound, errs.Invalid:
		return found, nil // the pull will say so
	}
	if err != nil {
		return cluster.Image{}, err
	}
	found.Digest = string(digest)
	return found, nil
}

// mayPull tells whether the tasks of an account are let in by a repository of another one. They pull
// as their account does, without a role.
func (i images) mayPull(ctx context.Context, account, owner, repository string) (bool, error) {
	root, err := i.accounts.ActiveRoot(ctx, account)
	if err != nil {
		return false, err
	}
	err = i.accounts.Authorize(ctx, &root, &accounts.Request{
		Action: "ecr:BatchGetImage", Resource: i.registry.ARN(owner, repository),
		Policy: func() (string, error) { return i.registry.DecidingPolicy(ctx, owner, repository) },
	})
	if errors.Is(err, accounts.ErrDenied) {
		return false, nil
	}
	return err == nil, err
}

var awsHost = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com$`)

// ours takes the registry's name off an image of ours, and tells whose it is; "" if it is not ours.
func (i images) ours(ctx context.Context, account, name string) (owner, rest string, err error) {
	host, rest, _ := strings.Cut(name, "/")
	if rest == "" {
		return "", "", nil
	}
	if host == i.host || sameLoopback(host, i.host) {
		return account, rest, nil
	}
	m := awsHost.FindStringSubmatch(host)
	if m == nil || m[2] != i.region {
		return "", "", nil
	}
	if m[1] != account {
		_, err = i.accounts.Account(ctx, m[1])
	}
	if errors.Is(err, accounts.ErrNoAccount) {
		return "", "", nil // one of AWS's
	}
	return m[1], rest, err
}

// sameLoopback reports whether two addresses are one port of this machine, which people call
// localhost as well.
func sameLoopback(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && isLoopback(hostA) && isLoopback(hostB)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// splitReference parts "web/app:v1" or "web/app@sha256:..." at its tag or digest.
func splitReference(name string) (repository, reference string) {
	if repository, digest, ok := strings.Cut(name, "@"); ok {
		repository, _, _ = strings.Cut(repository, ":")
		return repository, digest
	}
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i], name[i+1:]
	}
	return name, "latest"
}

// loginLife bounds how long a node may take to start a pull.
const loginLife = 15 * time.Minute

// Login satisfies cluster.Images: a token that pulls from the image's repository and nothing else, for a short time.
func (i images) Login(_ context.Context, account string, image cluster.Image) (nodeapi.Login, error) {
	repository, _ := splitReference(strings.TrimPrefix(image.Ref, i.host+"/"))
	token, _, err := i.registry.Token(registry.Login{
		Account:   account,
		Principal: accounts.Root(account).ARN,
		UserID:    account,
		Scope:     registry.Scope{Account: image.Owner, Repositories: []string{repository}, Actions: []registry.Action{registry.ActionPull}},
		Expires:   time.Now().Add(loginLife),
	})
	if err != nil {
		return nodeapi.Login{}, fmt.Errorf("login of a node to pull %s: %w", image.Ref, err)
	}
	return nodeapi.Login{Username: "AWS", Password: token, PlainHTTP: true}, nil
}

// output hands what containers print to the log store.
type output struct{ logs *logs.Control }

// Write satisfies cluster.Logs.
func (o output) Write(ctx context.Context, account string, piece nodeapi.Output) (int64, error) {
	events := make([]logs.Event, len(piece.Events))
	for i, e := range piece.Events {
		events[i] = logs.Event{Time: e.Time, Message: e.Message}
	}
	return o.logs.Append(ctx, account, piece.Log.Group, piece.Log.Stream, piece.Offset, piece.Next, events, piece.Log.CreateGroup)
}
