package awswire

import (
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// routes finds the operation of a restJson1 request by its path, segment by segment: literal
// segments before labels, and labels before greedy ones, which take the rest of the path.
type routes struct{ root node }

type node struct {
	literals map[string]*node
	label    *node
	greedy   []*endpoint
	ends     []*endpoint
}

// endpoint is an operation at the end of a path: its labels in order, and the query it insists on.
type endpoint struct {
	binding *Binding
	labels  []string
	query   url.Values
}

func (rs *routes) add(b *Binding) {
	path, query, _ := strings.Cut(b.uri, "?")
	e := &endpoint{binding: b}
	e.query, _ = url.ParseQuery(query)
	n := &rs.root
	for _, segment := range segments(path) {
		name, isLabel := strings.CutPrefix(segment, "{")
		name = strings.TrimSuffix(name, "}")
		switch {
		case !isLabel:
			n = n.literal(segment)
		case strings.HasSuffix(name, "+"):
			e.labels = append(e.labels, strings.TrimSuffix(name, "+"))
			n.greedy = append(n.greedy, e)
			return
		default:
			e.labels = append(e.labels, name)
			if n.label == nil {
				n.label = &node{}
			}
			n = n.label
		}
	}
	n.ends = append(n.ends, e)
}

func (n *node) literal(segment string) *node {
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	if n.literals[segment] == nil {
		n.literals[segment] = &node{}
	}
	return n.literals[segment]
}

// segments splits a path, tolerating a slash at its end.
func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// find returns the operation and what its labels stand for, or nil.
func (rs *routes) find(method, escapedPath string, query url.Values) (*Binding, map[string]string) {
	e, values := rs.root.find(segments(escapedPath), nil, method, query)
	if e == nil {
		return nil, nil
	}
	labels := make(map[string]string, len(values))
	for i, value := range values {
		plain, err := url.PathUnescape(value)
		if err != nil {
			return nil, nil
		}
		labels[e.labels[i]] = plain
	}
	return e.binding, labels
}

func (n *node) find(path, values []string, method string, query url.Values) (*endpoint, []string) {
	if len(path) == 0 {
		return best(n.ends, method, query), values
	}
	if next := n.literals[path[0]]; next != nil {
		if e, found := next.find(path[1:], values, method, query); e != nil {
			return e, found
		}
	}
	if n.label != nil {
		if e, found := n.label.find(path[1:], append(values, path[0]), method, query); e != nil {
			return e, found
		}
	}
	return best(n.greedy, method, query), append(values, strings.Join(path, "/"))
}

// best returns the endpoint that insists on the most of the query, among those that fit.
func best(ends []*endpoint, method string, query url.Values) *endpoint {
	var found *endpoint
	for _, e := range ends {
		if e.binding.method == method && e.fits(query) && (found == nil || len(e.query) > len(found.query)) {
			found = e
		}
	}
	return found
}

func (e *endpoint) fits(query url.Values) bool {
	for name, want := range e.query {
		if !query.Has(name) || want[0] != "" && query.Get(name) != want[0] {
			return false
		}
	}
	return true
}

// rest decodes an input whose members travel in path, query, headers and body.
func (d *decoder) rest(s *shape, v reflect.Value, r *http.Request, c *call) error {
	d.http = true
	var got seen
	query := queryOf(r)
	inBodyToo := false
	for i := range s.members {
		m := &s.members[i]
		found, err := d.bound(m, v, r, c, query)
		if err != nil {
			return err
		}
		if found {
			got.tick(i)
		}
		inBodyToo = inBodyToo || m.place == inBody
	}
	if inBodyToo {
		if err := d.json(c.body, func() error { return d.body(s, v, &got) }); err != nil {
			return err
		}
	}
	d.missing(s, &got)
	return nil
}

// bound decodes a member that travels outside of the body's JSON, if it is there.
func (d *decoder) bound(m *member, v reflect.Value, r *http.Request, c *call, query url.Values) (bool, error) {
	var values []string
	switch m.place {
	case inPath:
		values = []string{c.labels[m.key]}
	case inQuery:
		if m.shape.kind == kindMap {
			return false, nil // no served service has a map for the rest of its query
		}
		values = query[m.key]
	case inHeader:
		values = r.Header.Values(m.key)
		if m.shape.kind == kindList {
			values = splitList(values)
		}
	case inHeaders:
		return d.prefixed(m, v, r.Header)
	case inPayload:
		return c.body != "", d.payload(m, v, c)
	}
	if len(values) == 0 {
		return false, nil
	}
	d.enter(step{member: m.name})
	defer d.leave()
	d.in = &formReader{formOf(m.shape.kind, values)}
	return true, d.value(m.shape, m.settable(v))
}

// formOf makes a form of one value, or of a list of values.
func formOf(k kind, values []string) *form {
	if k != kindList {
		return &form{value: values[0]}
	}
	f := &form{}
	for i, value := range values {
		f.insert(strconv.Itoa(i+1), value)
	}
	return f
}

func splitList(values []string) []string {
	var all []string
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			all = append(all, strings.TrimSpace(part))
		}
	}
	return all
}

// prefixed decodes a map of all headers that begin with the member's prefix.
func (d *decoder) prefixed(m *member, v reflect.Value, h http.Header) (bool, error) {
	found := map[string]string{}
	for name, values := range h {
		if len(name) > len(m.key) && strings.EqualFold(name[:len(m.key)], m.key) {
			found[strings.ToLower(name[len(m.key):])] = values[0]
		}
	}
	m.settable(v).Set(reflect.ValueOf(found))
	return len(found) > 0, nil
}

// payload decodes a member that is the whole body: bytes and text as they are, a structure as JSON.
func (d *decoder) payload(m *member, v reflect.Value, c *call) error {
	if c.body == "" {
		return nil
	}
	switch m.shape.kind {
	case kindBlob:
		m.settable(v).SetBytes(c.sent)
		return nil
	case kindString:
		m.settable(v).SetString(c.body)
		return nil
	}
	d.enter(step{member: m.name})
	defer d.leave()
	return d.json(c.body, func() error { return d.value(m.shape, m.settable(v)) })
}

// rest encodes an output whose members travel in status, headers and body.
func (a *answer) rest(s *shape, v reflect.Value) {
	body := &jsonWriter{a.body}
	body.open()
	payload := false
	for i := range s.members {
		m := &s.members[i]
		payload = payload || m.place == inPayload
		if value, ok := m.value(v); ok {
			a.place(body, m, value)
		}
	}
	if !payload {
		body.close()
		a.body = body.out
	}
}

// heads encodes what travels in status and headers alone.
func (a *answer) heads(s *shape, v reflect.Value) {
	for i := range s.members {
		m := &s.members[i]
		if value, ok := m.value(v); ok && m.place != inEvents && m.place != inBody {
			a.place(nil, m, value)
		}
	}
}

// place puts a member where it travels.
func (a *answer) place(body *jsonWriter, m *member, v reflect.Value) {
	switch m.place {
	case inBody:
		body.member(m)
		encode(body, m.shape, v)
	case inStatus:
		a.status = int(v.Int())
	case inHeader:
		a.header.Set(m.key, plainText(m.shape, v))
	case inHeaders:
		for _, key := range sortedKeys(v) {
			a.header.Set(m.key+key.String(), plainText(m.shape.elem, v.MapIndex(key)))
		}
	case inPayload:
		a.payload(m, v)
	}
}

func (a *answer) payload(m *member, v reflect.Value) {
	switch m.shape.kind {
	case kindBlob:
		a.own(v.Bytes())
		a.header.Set("Content-Type", "application/octet-stream")
	case kindString:
		a.body = append(a.body, v.String()...)
		a.header.Set("Content-Type", "text/plain; charset=utf-8")
	default:
		w := &jsonWriter{a.body}
		encode(w, m.shape, v)
		a.body = w.out
	}
}

// plainText writes a value for a header.
func plainText(s *shape, v reflect.Value) string {
	switch s.kind {
	case kindTime:
		return string(appendTime(nil, v.Interface().(time.Time), s.time.or(httpTime)))
	case kindBool:
		return strconv.FormatBool(v.Bool())
	case kindInt:
		return strconv.FormatInt(v.Int(), 10)
	case kindList:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = plainText(s.elem, v.Index(i))
		}
		return strings.Join(parts, ",")
	}
	return v.String()
}
