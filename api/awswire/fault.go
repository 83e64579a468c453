package awswire

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"slipway/internal/errs"
)

// What an Authenticator answers with.
var (
	ErrUnknownKey   = errs.New(errs.Denied, "access key not known")
	ErrBadToken     = errs.New(errs.Denied, "session token does not belong to the access key")
	ErrExpiredToken = errs.New(errs.Denied, "session token has expired")
)

// FaultType is one error shape of a service. The generated ones are the door's vocabulary.
type FaultType struct {
	Shape  string // its name in the model, and __type on JSON wires
	Code   string // its code on the Query wire, where it differs from Shape
	Member string // the member that carries the text, where it is not "message"
	Status int    // HTTP; 500 and above is the receiver's fault, below is the sender's
	Typed  bool   // it has a member Type, which says whose fault it is: "User" or "Service"

	rpcStatus int // on the JSON and CBOR wires, where it differs from Status
}

// New makes a fault of this type with its text.
func (t FaultType) New(message string) *Fault { return &Fault{FaultType: t, Message: message} }

// Newf is New with a formatted text.
func (t FaultType) Newf(format string, args ...any) *Fault {
	return t.New(fmt.Sprintf(format, args...))
}

func (t FaultType) code() string {
	if t.Code != "" {
		return t.Code
	}
	return t.Shape
}

// side names who is to blame, as Query has it.
func (t FaultType) side() string {
	if t.Status >= 500 {
		return "Receiver"
	}
	return "Sender"
}

func (t FaultType) status(p Protocol) int {
	if t.rpcStatus != 0 && (p == JSON10 || p == JSON11 || p == CBOR) {
		return t.rpcStatus
	}
	return t.Status
}

// Fault is an error as a client sees it. A handler may return one as its error.
type Fault struct {
	FaultType
	Message string
	extra   []extraMember
	wait    time.Duration // until the call is worth another try; 0: not said
}

type extraMember struct {
	name  string
	value any
}

func (f *Fault) Error() string { return f.code() + ": " + f.Message }

// With adds a further member of the error shape, such as resourceIds of ECS's ConflictException.
// Its value is of a Go type that generated structs have.
func (f *Fault) With(member string, value any) *Fault {
	f.extra = append(f.extra, extraMember{member, value})
	return f
}

// encode writes the fault's members; JSON and CBOR bodies also say its type.
func (f *Fault) encode(w writer, typed bool) {
	w.open()
	if typed {
		w.member(&typeMember)
		w.text(f.Shape)
	}
	if f.Typed {
		w.member(&sideMember)
		w.text(f.who())
	}
	text := &messageMember
	if f.Member != "" {
		text = newMember(f.Member)
	}
	w.member(text)
	w.text(f.Message)
	f.encodeExtra(w)
	w.close()
}

// who names who is to blame, as services have it whose faults have a Type.
func (t FaultType) who() string {
	if t.Status >= 500 {
		return "Service"
	}
	return "User"
}

var typeMember, sideMember, messageMember = *newMember("__type"), *newMember("Type"), *newMember("message")

func (f *Fault) encodeExtra(w writer) {
	for _, e := range f.extra {
		m, v := newMember(e.name), reflect.ValueOf(e.value)
		w.member(m)
		encode(w, newCompiler(nil).compile(use{typ: v.Type()}), v)
		w.memberEnd(m)
	}
}

// Faults is a door's table of what its room's causes are called on the wire, one row per cause.
// The first row whose cause errors.Is finds in an error decides.
type Faults []FaultRow

// FaultRow names one cause. With no Text, the client reads the error's own text.
type FaultRow struct {
	Cause error
	Fault FaultType
	Text  string
}

// find returns the fault inside err, or the one the table has for it, or nil.
func (t Faults) find(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	for _, row := range t {
		if errors.Is(err, row.Cause) {
			if row.Text != "" {
				return row.Fault.New(row.Text)
			}
			return row.Fault.New(err.Error())
		}
	}
	return nil
}
