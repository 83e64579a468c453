package awswire

import (
	"net/http"
	"reflect"
	"strconv"
	"time"
)

// answer is a response, whole.
type answer struct {
	status int
	header http.Header // of the response itself
	body   []byte
	pooled *[]byte // where body came from; nil if it is its own
}

// contentTypes of answers. Query answers XML.
var contentTypes = map[Protocol]string{
	JSON10: "application/x-amz-json-1.0", JSON11: "application/x-amz-json-1.1", RestJSON: "application/json",
	Query: "text/xml", CBOR: "application/cbor",
}

func (x *exchange) newAnswer(status int) *answer {
	p := buffers.Get().(*[]byte)
	a := &answer{status: status, header: x.w.Header(), body: (*p)[:0], pooled: p}
	a.header.Set("Content-Type", contentTypes[x.protocol])
	if x.protocol == CBOR {
		a.header.Set("Smithy-Protocol", "rpc-v2-cbor")
	}
	return a
}

func (a *answer) send(w http.ResponseWriter, id string) {
	a.header.Set("X-Amzn-Requestid", id)
	if a.status == http.StatusNoContent {
		a.header.Del("Content-Type")
		a.body = a.body[:0]
	} else {
		a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	w.Write(a.body) // a client that is gone misses its answer, which is all that can be said
	a.free()
}

// own makes b the body, as it is.
func (a *answer) own(b []byte) {
	a.free()
	a.body, a.pooled = b, nil
}

func (a *answer) free() {
	if a.pooled != nil {
		giveBack(a.pooled, a.body)
	}
}

var noneType = reflect.TypeFor[None]()

// accept encodes the output of a call that was done.
func (x *exchange) accept(b *Binding, out any) *answer {
	a := x.newAnswer(http.StatusOK)
	if x.protocol == RestJSON {
		a.status = b.status
	}
	v := reflect.ValueOf(out).Elem()
	switch {
	case x.protocol == Query:
		x.acceptXML(a, b, v)
	case b.out.typ == noneType:
	case x.protocol == RestJSON:
		a.rest(b.out, v)
	case x.protocol == CBOR:
		w := &cborWriter{a.body}
		encode(w, b.out, v)
		a.body = w.out
	default:
		w := &jsonWriter{a.body}
		encode(w, b.out, v)
		a.body = w.out
	}
	return a
}

// acceptXML writes <OpResponse><OpResult>...; an operation without output has no result element.
func (x *exchange) acceptXML(a *answer, b *Binding, v reflect.Value) {
	w := &xmlWriter{a.body}
	w.tag(b.name + `Response xmlns="` + b.api.Namespace + `"`)
	if b.out.typ != noneType {
		w.tag(b.name + "Result")
		encode(w, b.out, v)
		w.endTag(b.name + "Result")
	}
	w.tag("ResponseMetadata")
	w.element("RequestId", x.id)
	w.endTag("ResponseMetadata")
	w.endTag(b.name + "Response")
	a.body = w.out
}

// refuse encodes a fault in the protocol's form.
func (x *exchange) refuse(f *Fault) *answer {
	clear(x.w.Header()) // of an answer that was not given
	a := x.newAnswer(f.status(x.protocol))
	switch x.protocol {
	case Query:
		x.refuseXML(a, f)
	case CBOR:
		w := &cborWriter{a.body}
		f.encode(w, true)
		a.body = w.out
	case RestJSON:
		a.header.Set("X-Amzn-Errortype", f.Shape)
		w := &jsonWriter{a.body}
		f.encode(w, false)
		a.body = w.out
	default:
		w := &jsonWriter{a.body}
		f.encode(w, true)
		a.body = w.out
	}
	if f.wait > 0 {
		a.header.Set("Retry-After", strconv.FormatInt(int64((f.wait+time.Second-1)/time.Second), 10)) // RFC 9110, 10.2.3
	}
	if x.queryToo() {
		a.header.Set("X-Amzn-Query-Error", f.code()+";"+f.side())
	}
	return a
}

// queryToo reports whether the client may know the codes of Query from before its service spoke
// this protocol.
func (x *exchange) queryToo() bool {
	rpc := x.protocol == JSON10 || x.protocol == JSON11 || x.protocol == CBOR
	return rpc && x.service != nil && x.service.speaks(Query)
}

func (x *exchange) refuseXML(a *answer, f *Fault) {
	w := &xmlWriter{a.body}
	opening := "ErrorResponse"
	if x.service != nil {
		opening += ` xmlns="` + x.service.api.Namespace + `"`
	}
	w.tag(opening)
	w.tag("Error")
	w.element("Type", f.side())
	w.element("Code", f.code())
	w.element("Message", f.Message)
	f.encodeExtra(w)
	w.endTag("Error")
	w.element("RequestId", x.id)
	w.endTag("ErrorResponse")
	a.body = w.out
}
