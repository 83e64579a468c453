// Package plainbody has HTTP requests of the AWS SDK carry bodies that can be read and closed, and nothing
// else, so that answers are read to their end.
//
// The SDK closes a request's body as soon as an answer begins. Its bodies then say at their end that they
// failed (their WriteTo returns io.EOF), and net/http, if it has not looked for that end yet, drops the
// connection under the answer, which a large answer does not survive.
package plainbody

import (
	"io"
	"net/http"
)

// Doer sends requests; *http.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Client sends what it is given through next, with plain bodies.
func Client(next Doer) Doer { return client{next} }

type client struct{ next Doer }

func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r = r.Clone(r.Context())
		r.Body = plain(r.Body)
		if again := r.GetBody; again != nil {
			r.GetBody = func() (io.ReadCloser, error) {
				body, err := again()
				if err != nil {
					return nil, err
				}
				return plain(body), nil
			}
		}
	}
	return c.next.Do(r)
}

func plain(body io.ReadCloser) io.ReadCloser { return struct{ io.ReadCloser }{body} }
