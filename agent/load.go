package agent

import (
	"context"
	"errors"
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
		image, err := loader.Load(ctx, engine.Archive{
			Ref: location.URL, Name: location.Name(), Digest: location.Digest,
			Open: func(ctx context.Context) (io.ReadCloser, error) { return a.archives.Open(ctx, location.URL, login) },
		})
		return func(now time.Time) { w.pulled(c, image, now) }, err
	}
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
