package awswire

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"slipway/internal/ids"
	"slipway/internal/sigv4"
)

// Open begins a visit of a service with protocols of its own, such as S3: its claim is read and its signature compared,
// but for the body, which whoever serves it reads and holds to the seal. The visit is there also where there is an
// error, which is a fault by the table of the service; what the service answers is told to [Visit.Record] and
// [Visit.Done].
func (m *Mux) Open(w http.ResponseWriter, r *http.Request, s *Service, operation string) (*Visit, *sigv4.Seal, error) {
	x := &exchange{mux: m, r: r, w: w, id: ids.UUID(), protocol: RestJSON, service: s, operation: operation, start: time.Now(), control: http.NewResponseController(w)}
	v := &Visit{RequestID: x.id, x: x}
	seal, err := v.open()
	if err != nil {
		return v, nil, x.faultOf(err)
	}
	return v, seal, nil
}

func (v *Visit) open() (*sigv4.Seal, error) {
	x := v.x
	claim, err := sigv4.Parse(x.r)
	if err != nil {
		return nil, err
	}
	if err := claim.CheckScope(x.mux.config.Region, x.service.api.Name); err != nil {
		return nil, err
	}
	if err := claim.CheckTime(x.start); err != nil {
		return nil, err
	}
	x.claimed = claim.AccessKeyID
	secret, who, err := x.mux.config.Keys.Lookup(x.r.Context(), claim.AccessKeyID, claim.SessionToken)
	if err != nil {
		return nil, err
	}
	seal, err := x.mux.signatures.VerifyHead(claim, x.r, secret)
	if err != nil {
		return nil, err
	}
	v.Who, x.who = who, who
	if wait := x.mux.config.Limit(who, x.service.api.Name, x.operation); wait > 0 {
		return nil, x.service.api.throttled(wait)
	}
	return seal, x.mux.config.Ready(x.operation)
}

// Context is the request's, in which [CallerOf] and the like know the visit.
func (v *Visit) Context() context.Context {
	x := v.x
	return context.WithValue(x.r.Context(), identityKey{}, &identity{x.who, x.id, x.r.Host, x})
}

// Require asks for what the visit needs. It returns the fault to answer with.
func (v *Visit) Require(asks ...Ask) error {
	for i := range asks {
		if err := v.x.require(v.x.r.Context(), &asks[i], v.x.input); err != nil {
			return err
		}
	}
	return nil
}

// Fault names an error as the service has it.
func (v *Visit) Fault(err error) *Fault { return v.x.faultOf(err) }

// Record writes the visit down as it ended, before that is answered. When it fails, the caller is to learn so instead.
func (v *Visit) Record(status int, f *Fault) error {
	call := v.x.call()
	call.Status, call.Fault = status, f
	if err := v.x.record(call); err != nil {
		return fmt.Errorf("%s: %w", call.Operation, err)
	}
	return nil
}
