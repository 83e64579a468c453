package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"slipway/agent/archive"
	"slipway/engine"
	"slipway/nodeapi"
)

var errNoLoader = errors.New("the engine of this node takes no archives")

// load makes an image ready that lies in an archive somewhere.
func (a *Agent) load(w *worker, c *container, ref string) job {
	var login archive.Login
	if l := w.loginOf(c); l != nil {
		login = archive.Login{Username: l.Username, Password: l.Password}
	}
	return func(ctx context.Context) (func(time.Time), error) {
		location, err := nodeapi.ParseLocation(ref)
		if err != nil {
			return nil, err
		}
		loader, ok := a.config.Engine.(engine.Loader)
		if !ok {
			return nil, errNoLoader
		}
		image, err := a.loadFrom(ctx, loader, location, login)
		return func(now time.Time) { w.pulled(c, image, now) }, err
	}
}

// loadFrom reads nothing that is here already and has not changed where it lies, as far as its server says.
func (a *Agent) loadFrom(ctx context.Context, loader engine.Loader, from nodeapi.Location, login archive.Login) (engine.Image, error) {
	var read *archive.File
	// What is read with one login is not given to who has another.
	ref := fmt.Sprintf("%s %x", from.URL, sha256.Sum256([]byte(login.Username+"\x00"+login.Password)))
	load := engine.Archive{Ref: ref, Name: from.Name(), Digest: from.Digest}
	load.Open = func(ctx context.Context) (io.ReadCloser, error) {
		var err error
		if read, err = a.archives.Open(ctx, from.URL, login); err != nil {
			return nil, err
		}
		return read, nil
	}
	if from.Digest == "" {
		here := load
		if here.Digest = a.archives.Unchanged(ctx, from.URL, login); here.Digest != "" {
			if image, err := loader.Load(ctx, here); err == nil {
				return image, nil
			}
		}
	}
	image, err := loader.Load(ctx, load)
	if err == nil {
		a.archives.Keep(from.URL, read, image.Digest)
	}
	return image, err
}

// pinned is the name of an image with its digest.
func pinned(location, digest string) string {
	l, err := nodeapi.ParseLocation(location)
	if err != nil || l.Digest != "" {
		return location
	}
	l.Digest = digest
	return l.String()
}

// shown is how people are told of an image: without what is secret in its location.
func shown(image string) string {
	if l, err := nodeapi.ParseLocation(image); nodeapi.IsLocation(image) && err == nil {
		return l.Name()
	}
	return image
}
