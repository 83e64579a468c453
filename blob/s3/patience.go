package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/blob"
)

// A bucket may be slow, but it may not hold on for nothing whoever waits for it.
const (
	answerTime = 5 * time.Minute // until the answer begins: a part of 8 MiB has gone out then, or a large object was copied
	stallTime  = time.Minute     // between two pieces of an answer
)

var errStill = errors.New("nothing moves")

// patient gives up on calls that do not move.
type patient struct{ client s3.HTTPClient }

func (p patient) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	timer := time.AfterFunc(answerTime, cancel)
	answer, err := p.client.Do(r.WithContext(ctx))
	if still := !timer.Stop(); err != nil {
		cancel()
		return nil, wasStill(err, still)
	}
	answer.Body = &moving{answer.Body, cancel}
	return answer, nil
}

// moving is the body of an answer.
type moving struct {
	io.ReadCloser
	cancel func()
}

// Read counts no time in which nobody reads: clients may be slower than the bucket.
func (m *moving) Read(p []byte) (int, error) {
	timer := time.AfterFunc(stallTime, m.cancel)
	n, err := m.ReadCloser.Read(p)
	if still := !timer.Stop(); err != nil && err != io.EOF {
		err = wasStill(err, still)
	}
	return n, err
}

func (m *moving) Close() error {
	defer m.cancel()
	return m.ReadCloser.Close()
}

// wasStill says why, where we gave up ourselves.
func wasStill(err error, still bool) error {
	if still {
		return fmt.Errorf("%w: %w", blob.ErrAway, errStill)
	}
	return err
}
