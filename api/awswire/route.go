package awswire

import (
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unsafe"
)

// protocolOf tells the protocol by what each alone sends.
func protocolOf(r *http.Request) Protocol {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		return CBOR
	case r.Header.Get("X-Amz-Target") != "" && media == "application/x-amz-json-1.0":
		return JSON10
	case r.Header.Get("X-Amz-Target") != "":
		return JSON11
	case media == "application/x-www-form-urlencoded", queryOf(r).Has("Action"):
		return Query
	}
	return RestJSON
}

// queryOf are the parameters of a request's query, to be read.
func queryOf(r *http.Request) url.Values {
	if r.URL.RawQuery == "" {
		return nil
	}
	return r.URL.Query()
}

// target takes apart what names service and operation outright:
// the header X-Amz-Target: Service.Operation, or the path /service/Service/operation/Operation.
// Some clients write a service with the namespace that it has at AWS, com.amazonaws.cloudtrail.v20131101.
// and so on, and some without.
func (x *exchange) target() (service, operation string) {
	switch x.protocol {
	case JSON10, JSON11:
		service, operation = cutLast(x.r.Header.Get("X-Amz-Target"))
		_, service = cutLast("." + service)
	case CBOR:
		_, rest, _ := strings.Cut(x.r.URL.Path, "/service/")
		service, operation, _ = strings.Cut(rest, "/operation/")
	}
	return service, operation
}

// cutLast cuts a text at its last dot; without one all of it comes before.
func cutLast(s string) (before, after string) {
	if i := strings.LastIndexByte(s, '.'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

func (x *exchange) serviceByTarget() *Service {
	service, _ := x.target()
	return x.mux.byTarget[service]
}

// call is a request whose operation is known.
type call struct {
	binding *Binding
	sent    []byte            // the body: a payload is these bytes
	body    string            // the same, and not a copy: nobody writes to it
	form    url.Values        // of Query
	labels  map[string]string // of RestJSON: what its path says
}

// route finds the operation that the request asks for.
func (x *exchange) route(sent []byte) (*call, error) {
	c := &call{sent: sent, body: unsafe.String(unsafe.SliceData(sent), len(sent))}
	name := ""
	switch x.protocol {
	case JSON10, JSON11, CBOR:
		var service string
		if service, name = x.target(); service != x.service.api.Target {
			return nil, unknownOperation.Newf("%s has no operation of the target '%s'", x.service.api.ServiceID, x.r.Header.Get("X-Amz-Target"))
		}
	case Query:
		var err error
		if c.form, err = x.parameters(c.body); err != nil {
			return nil, err
		}
		if name = c.form.Get("Action"); name == "" {
			return nil, missingAction.New("Missing Action: the request names no operation")
		}
		if v := c.form.Get("Version"); v != "" && v != x.service.api.Version {
			return nil, unknownOperation.Newf("Could not find operation %s for version %s: this is version %s", name, v, x.service.api.Version)
		}
	case RestJSON:
		c.binding, c.labels = x.service.routes.find(x.r.Method, x.r.URL.EscapedPath(), queryOf(x.r))
		if c.binding == nil {
			return nil, noRoute.Newf("Slipway serves no operation of %s at %s %s", x.service.api.ServiceID, x.r.Method, x.r.URL.Path)
		}
		name = c.binding.name
	}
	return c, x.bind(c, name)
}

func (x *exchange) bind(c *call, name string) error {
	api := x.service.api
	if !api.has(name) {
		return unknownOperation.Newf("%s has no operation '%s'", api.ServiceID, name)
	}
	x.operation = name
	if c.binding = x.service.bound[name]; c.binding == nil {
		return notSupported.Newf("%s is an operation of %s that is not supported by Slipway.", name, api.ServiceID)
	}
	return nil
}

// parameters joins those of the query string, where presigned requests have them, and of the form.
func (x *exchange) parameters(body string) (url.Values, error) {
	all, err := parseForm(body)
	if err != nil {
		return nil, &unreadable{text: "the form is malformed: " + err.Error()}
	}
	query, err := parseForm(x.r.URL.RawQuery)
	if err != nil {
		return nil, &unreadable{text: "the query string is malformed: " + err.Error()}
	}
	for name, values := range query {
		all[name] = append(all[name], values...)
	}
	return all, nil
}

// decode makes the operation's input of the request, or says all that is wrong with it.
func (x *exchange) decode(c *call) (any, error) {
	in := c.binding.newInput()
	d := &decoder{}
	if err := x.fill(d, c, reflect.ValueOf(in).Elem()); err != nil {
		return nil, err
	}
	if len(d.broken) > 0 {
		return nil, x.service.api.invalid(d.broken)
	}
	return in, nil
}

func (x *exchange) fill(d *decoder, c *call, v reflect.Value) error {
	shape := c.binding.in
	whole := func() error { return d.structure(shape, v) }
	switch x.protocol {
	case RestJSON:
		return d.locate(d.rest(shape, v, x.r, c))
	case Query:
		return d.locate(d.form(c.form, whole))
	case CBOR:
		return d.locate(d.cbor(c.body, whole))
	}
	return d.locate(d.json(c.body, whole))
}
