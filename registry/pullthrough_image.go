package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/store"
)

const (
	lookAgain    = 24 * time.Hour  // until a tag is looked up in the other registry again
	lookAgainBad = 5 * time.Minute // the same, after that registry could not be asked
)

// Permit says whether a caller may have an image brought from another registry, into a repository that is
// there or, for create, one that is to be made. Its error is what the pull ends with.
type Permit func(create bool) error

// Pull is Manifest for who may have images brought from another registry, if a rule says that the
// repository's come from there. What is not here it reads there, and has brought here after it was answered
// with. What is here is as good as new for a day, and for as long as the other registry is out of reach. It
// returns what Manifest returns, what may returns, ErrUpstreamDenied, ErrUpstreamBusy, ErrUpstreamDown or
// ErrNoSecret. A repository whose key cannot be used brings nothing.
func (c *Control) Pull(ctx context.Context, account, repository string, id ImageID, may Permit) (Manifest, error) {
	if repo, m, found, err := c.askManifest(ctx, account, repository, id); err != nil {
		return Manifest{}, err
	} else if found {
		return m, c.notePull(ctx, repo, m.Image)
	}
	h, err := c.look(ctx, account, repository, id)
	if err != nil {
		return Manifest{}, err
	}
	switch {
	case h.err == nil && (!h.ruled || h.fresh):
	case !h.ruled, !errors.Is(h.err, ErrNoImage) && !errors.Is(h.err, ErrNoRepository) && h.err != nil:
		return Manifest{}, h.err
	default:
		if h, err = c.lookThere(ctx, h, id, may); err != nil || h.theirs {
			return h.found, err
		}
	}
	return h.found, c.notePull(ctx, h.repo, h.found.Image)
}

// here is what there is of an image here.
type here struct {
	repo   Repository // account and name at least
	found  Manifest
	err    error // why there is nothing
	rule   Upstream
	ruled  bool
	fresh  bool // it need not be looked up there
	theirs bool // found was read there, and is not here yet
}

func (c *Control) look(ctx context.Context, account, repository string, id ImageID) (h here, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		h = here{repo: Repository{Account: account, Name: repository}}
		if h.rule, h.ruled, err = upstreamFor(tx, account, repository); err != nil {
			return err
		}
		repo, err := findRepository(tx, account, repository)
		if err != nil {
			h.err = err
			return ours(err)
		}
		h.repo = repo
		if h.found, h.err = c.pulledManifest(tx, repo, id); h.err != nil {
			return ours(h.err)
		}
		h.fresh, err = isFresh(tx, h, id)
		return err
	})
	return h, err
}

// ours is an error that is no answer.
func ours(err error) error {
	if _, named := errors.AsType[*Error](err); named {
		return nil
	}
	return err
}

// isFresh reports whether an image need not be looked up: a digest names the same for ever, and so does a
// tag that did not come from there or may not move.
func isFresh(tx *store.Tx, h here, id ImageID) (bool, error) {
	if !h.ruled || id.Tag == "" || id.Digest != "" || !h.repo.Mutability.Movable(id.Tag) {
		return true, nil
	}
	due, err := tagDue(tx, h.repo.id, id.Tag, h.found.Digest)
	return due.IsZero() || tx.Now.Before(due), err
}

// lookThere finds out what the other registry has. That of many at once is asked for once.
func (c *Control) lookThere(ctx context.Context, h here, id ImageID, may Permit) (here, error) {
	missing := errors.Is(h.err, ErrNoRepository)
	if err := may(missing); err != nil {
		if h.err == nil {
			return h, nil // what is here is for everybody who may pull
		}
		return h, err
	}
	key := fmt.Sprintf("%s/%s %s %s", h.repo.Account, h.repo.Name, id, h.found.Digest)
	theirs, err, _ := c.asking.Do(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLife)
		defer cancel()
		return c.ask(ctx, h, id)
	})
	switch {
	case err == nil:
		m := theirs.(Manifest)
		if m.Raw == nil { // what is here
			return h, nil
		}
		h.found, h.theirs = m, true
		return h, nil
	case h.err == nil:
		return h, nil
	case errors.Is(err, errUpstreamMissing):
		return h, h.err
	}
	return h, about(err, Error{Account: h.repo.Account, Repository: h.repo.Name, Tag: id.Tag, Digest: id.Digest})
}

// ask reads a manifest of the other registry and has the image brought here. It returns nothing where
// what is here is what there is.
func (c *Control) ask(ctx context.Context, h here, id ImageID) (Manifest, error) {
	s, err := c.source(ctx, h.rule, h.repo.Name)
	if err != nil {
		return Manifest{}, err
	}
	if h.err == nil {
		d, err := s.resolve(ctx, id.Tag)
		if err != nil || d == h.found.Digest {
			return Manifest{}, errors.Join(err, c.putOff(ctx, h, id.Tag, err))
		}
	}
	reference := string(id.Digest)
	if id.Tag != "" {
		reference = id.Tag
	}
	m, err := s.manifest(ctx, reference)
	if err != nil {
		return Manifest{}, err
	}
	if id.Digest != "" && id.Digest != m.Digest {
		return Manifest{}, errUpstreamMissing // the tag is of another image there
	}
	if err := c.checkTheirs(ctx, h.repo, m); err != nil {
		return Manifest{}, err
	}
	if h.err != nil {
		if _, err := c.Provide(ctx, h.repo.Account, h.repo.Name, UsePullThrough); err != nil {
			return Manifest{}, err
		}
	}
	c.bring(importing{h.rule, h.repo.Name, id.Tag, m})
	return m, nil
}

// putOff writes down when a tag is to be looked up next.
func (c *Control) putOff(ctx context.Context, h here, tag string, asked error) error {
	wait := lookAgain
	if asked != nil && !errors.Is(asked, errUpstreamMissing) {
		wait = lookAgainBad
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		return setTagDue(tx, h.repo.id, tag, h.found.Digest, tx.Now.Add(wait))
	})
}

// HasUpstream reports whether a rule says that the images of a repository come from another registry.
func (c *Control) HasUpstream(ctx context.Context, account, repository string) (found bool, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		_, found, err = upstreamFor(tx, account, repository)
		return err
	})
	return found, err
}
