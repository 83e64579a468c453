package peers

import (
	"errors"
	"time"

	"slipway/functions"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// began is which version and release run.
type began struct {
	Version string `json:"version"`
	Release string `json:"release"`
}

// ended is functions.Answer on the wire. Its payload comes before it.
type ended struct {
	Request     string                 `json:"request"`
	ContentType string                 `json:"contentType,omitempty"`
	Failed      string                 `json:"failed,omitempty"`
	Error       *nodeapi.FunctionError `json:"error,omitempty"`
	Document    bool                   `json:"document,omitempty"` // the payload is that of Error, too
	Version     string                 `json:"version"`
	Release     string                 `json:"release"`
	Tail        []byte                 `json:"tail,omitempty"`
	Duration    time.Duration          `json:"duration"`
}

func endedOf(a functions.Answer) ended {
	e := ended{
		Request: a.Request, ContentType: a.ContentType, Failed: a.Failed, Version: a.Version, Release: a.Release, Tail: a.Tail, Duration: a.Duration,
	}
	if a.Error != nil {
		bare := *a.Error
		e.Document, bare.Payload = len(bare.Payload) > 0, nil
		e.Error = &bare
	}
	return e
}

func (e ended) answer(payload []byte) functions.Answer {
	if e.Document && e.Error != nil {
		e.Error.Payload = payload
	}
	return functions.Answer{
		Request: e.Request, Payload: payload, ContentType: e.ContentType, Failed: e.Failed, Error: e.Error, Version: e.Version, Release: e.Release,
		Tail: e.Tail, Duration: e.Duration,
	}
}

// failure is an error on the wire: its cause by name, and its sentence.
type failure struct {
	Cause      string `json:"cause"` // "": the other server's own trouble
	Text       string `json:"text"`
	Reason     string `json:"reason,omitempty"` // of a functions.Throttle
	RetryAfter int    `json:"retryAfter,omitempty"`
}

// causes are what a call, or what is asked of a fleet, may fail with. An error that is several has the name of the first.
var causes = []struct {
	name  string
	cause error
}{
	{"lost", functions.ErrLost},
	{"moved", functions.ErrMoved},
	{"no-runner", functions.ErrNoRunner},
	{"unfit", functions.ErrUnfit},
	{"not-ready", functions.ErrNotReady},
	{"no-function", functions.ErrNoFunction},
	{"no-alias", functions.ErrNoAlias},
	{"runtime", functions.ErrRuntime},
	{"image", functions.ErrImage},
	{"role", functions.ErrRole},
	{"payload-size", functions.ErrPayloadSize},
}

const throttled = "throttled"

func failureOf(err error) failure {
	if t, is := errors.AsType[*functions.Throttle](err); is {
		return failure{Cause: throttled, Reason: t.Reason, RetryAfter: t.RetryAfter}
	}
	for _, c := range causes {
		if errors.Is(err, c.cause) {
			return failure{Cause: c.name, Text: err.Error()}
		}
	}
	return failure{Text: err.Error()}
}

func (f failure) err() error {
	if f.Cause == throttled {
		return &functions.Throttle{Reason: f.Reason, RetryAfter: f.RetryAfter}
	}
	for _, c := range causes {
		if c.name == f.Cause {
			return errs.Say(c.cause, "%s", f.Text)
		}
	}
	return errors.New("another server: " + f.Text)
}
