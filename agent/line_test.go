package agent

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"slipway/internal/errs"
)

// A pull from the control plane's registry waits for the control plane, however long that is away.
func TestTheRegistryIsAwayWithTheControlPlane(t *testing.T) {
	away := errors.New("connection refused")
	l := line{deadLine{away}, &url.URL{Scheme: "https", Host: "192.0.2.1:4602"}, "192.0.2.1:4600"}
	client := http.Client{Transport: l}
	_, err := client.Get("http://192.0.2.1:4600/v2/")
	if errs.KindOf(err) != errs.Unavailable || !errors.Is(err, away) {
		t.Errorf("error %v, want one of kind %v", err, errs.Unavailable)
	}
	if hopeless(err, 100*maxTries) {
		t.Error("a pull is given up while the control plane is away")
	}
}

type deadLine struct{ err error }

func (d deadLine) RoundTrip(*http.Request) (*http.Response, error) { return nil, d.err }
