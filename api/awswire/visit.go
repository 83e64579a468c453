package awswire

import (
	"context"
	"net/http"
	"time"
	"unsafe"

	"slipway/internal/ids"
	"slipway/internal/sigv4"
)

// Visit is a request that is no call of an API, but is read, signed and authorized like one: such as one to the URL
// of a function.
type Visit struct {
	RequestID string
	Who       Caller // the zero Caller unless it had to be signed
	Body      []byte // the visit's own
	x         *exchange
}

// Entry says what lets a visit in.
type Entry struct {
	Service   string // signing name of one of the mux's services
	Operation string // as meters name it
	Signed    bool   // it has to be signed; otherwise a signature is not looked at, and nobody in particular calls
	MaxBody   int64  // bytes
	Asks      func(Caller) []Ask
}

// Admit lets a request in, or returns the fault that says why not: AccessDeniedException with status 403 for who may
// not, RequestEntityTooLargeException with 413 for too large a body. It answers nothing; whoever does tells it to
// [Visit.Done]. The Authorizer of the mux is asked about the zero Caller, too, and lets nobody in whom no policy
// of the resource lets in.
func (m *Mux) Admit(w http.ResponseWriter, r *http.Request, e Entry) (*Visit, error) {
	x := &exchange{mux: m, r: r, w: w, id: ids.UUID(), protocol: RestJSON, start: time.Now(), control: http.NewResponseController(w)}
	x.service, x.operation = m.byName[e.Service], e.Operation
	v := &Visit{RequestID: x.id, x: x}
	// Where deadlines are not served, the server's own timeouts have to do.
	_ = x.control.SetReadDeadline(x.start.Add(bodyTime))
	err := v.enter(e)
	if err == nil {
		err = v.authorize(r.Context(), e.Asks(v.Who))
	}
	if err != nil {
		return v, x.faultOf(err)
	}
	return v, nil
}

func (v *Visit) authorize(ctx context.Context, asks []Ask) error {
	for i := range asks {
		if err := v.x.require(ctx, &asks[i], v.x.input); err != nil {
			return err
		}
	}
	return nil
}

// enter finds out who comes, and reads what they bring.
func (v *Visit) enter(e Entry) (err error) {
	x := v.x
	verify := func([]byte) error { return nil }
	if e.Signed {
		claim, err := sigv4.Parse(x.r)
		if err == nil {
			err = claim.CheckScope(x.mux.config.Region, e.Service)
		}
		if err == nil {
			err = claim.CheckTime(x.start)
		}
		if err != nil {
			return err
		}
		var secret string
		if secret, v.Who, err = x.mux.config.Keys.Lookup(x.r.Context(), claim.AccessKeyID, claim.SessionToken); err != nil {
			return err
		}
		verify = func(sent []byte) error { return x.mux.signatures.Verify(claim, x.r, sent, secret) }
	}
	if v.Body, err = x.readSent(e.MaxBody, verify); err != nil {
		return err
	}
	x.who = v.Who
	return nil
}

// Text is the body as text; it is no copy.
func (v *Visit) Text() string { return unsafe.String(unsafe.SliceData(v.Body), len(v.Body)) }

// Done tells those who count how the visit ended.
func (v *Visit) Done(status int, err error) {
	call := v.x.call()
	call.Status, call.Duration = status, time.Since(v.x.start)
	if err != nil {
		call.Fault = v.x.faultOf(err)
	}
	v.x.mux.config.Observe(call)
}
