package awswire

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// kind is what a value is on every wire, whatever its Go type.
type kind uint8

const (
	kindString kind = iota
	kindBool
	kindInt
	kindFloat
	kindTime
	kindBlob
	kindDocument // JSON of any form, kept as it came
	kindList
	kindMap
	kindStruct
)

// shape is a Go type compiled for the codec, together with the rule for its values.
type shape struct {
	kind    kind
	typ     reflect.Type
	key     *shape         // of a map
	elem    *shape         // of a list or a map
	members []member       // of a structure
	index   map[string]int // of a structure: member by name on the wire
	time    timeFormat     // of a time
	check   check
}

// place is where a member travels. All but restJson1 put every member in the body.
type place uint8

const (
	inBody place = iota
	inPath
	inQuery
	inHeader
	inHeaders // a map: every header that begins with the prefix
	inStatus
	inPayload // the member is the whole body
	inEvents  // the body is a stream of events, of which the member is one
	inEventPayload
)

type member struct {
	name     string
	place    place
	key      string // the label, parameter, header or prefix at its place
	required bool
	pointer  bool // the field is a pointer to the shape's type
	field    int
	shape    *shape
	jsonKey  string // the quoted name and its colon
}

func newMember(name string) *member { return &member{name: name, jsonKey: strconv.Quote(name) + ":"} }

// value returns what the member holds in v, and false if that is absent.
func (m *member) value(v reflect.Value) (reflect.Value, bool) {
	f := v.Field(m.field)
	switch {
	case m.pointer:
		return f.Elem(), !f.IsNil()
	case f.Kind() == reflect.Slice || f.Kind() == reflect.Map:
		return f, !f.IsNil()
	}
	return f, true
}

// settable returns the place that the member's value is decoded into.
func (m *member) settable(v reflect.Value) reflect.Value {
	f := v.Field(m.field)
	if m.pointer {
		f.Set(reflect.New(m.shape.typ))
		return f.Elem()
	}
	return f
}

// compiler turns Go types into shapes, each once, so that recursive types end.
type compiler struct {
	rules Rules
	done  map[use]*shape
}

// use is a type under a rule and a time format: what makes one shape.
type use struct {
	typ  reflect.Type
	rule string
	time timeFormat
}

func newCompiler(rules Rules) *compiler { return &compiler{rules, map[use]*shape{}} }

var (
	timeType     = reflect.TypeFor[time.Time]()
	blobType     = reflect.TypeFor[[]byte]()
	documentType = reflect.TypeFor[json.RawMessage]()
)

// compile panics on a type that is on no wire, which only wrong generated code can have.
func (c *compiler) compile(u use) *shape {
	if s, ok := c.done[u]; ok {
		return s
	}
	s := &shape{typ: u.typ, kind: kindOf(u.typ), time: u.time}
	c.done[u] = s
	rule, known := c.rules[u.rule]
	if u.rule != "" && !known {
		panic(fmt.Sprintf("awswire: %v names the rule %q, which is not in the table", u.typ, u.rule))
	}
	s.check = compileCheck(rule, u.typ)
	switch s.kind {
	case kindList:
		s.elem = c.compile(use{typ: u.typ.Elem(), rule: rule.Member, time: u.time})
	case kindMap:
		s.key = c.compile(use{typ: u.typ.Key(), rule: rule.Key})
		s.elem = c.compile(use{typ: u.typ.Elem(), rule: rule.Value, time: u.time})
	case kindStruct:
		c.structure(s)
	}
	return s
}

func kindOf(t reflect.Type) kind {
	switch t {
	case timeType:
		return kindTime
	case documentType:
		return kindDocument
	case blobType:
		return kindBlob
	}
	switch t.Kind() {
	case reflect.String:
		return kindString
	case reflect.Bool:
		return kindBool
	case reflect.Int32, reflect.Int64:
		return kindInt
	case reflect.Float32, reflect.Float64:
		return kindFloat
	case reflect.Slice:
		return kindList
	case reflect.Map:
		return kindMap
	case reflect.Struct:
		return kindStruct
	}
	panic(fmt.Sprintf("awswire: %v is on no wire", t))
}

// maxMembers is how many members of a structure the decoder can tick off.
const maxMembers = 256

func (c *compiler) structure(s *shape) {
	s.index = make(map[string]int, s.typ.NumField())
	for i := range s.typ.NumField() {
		m := c.member(s.typ.Field(i), i)
		s.index[m.name] = len(s.members)
		s.members = append(s.members, m)
	}
	if len(s.members) > maxMembers {
		panic(fmt.Sprintf("awswire: %v has more than %d members", s.typ, maxMembers))
	}
}

func (c *compiler) member(f reflect.StructField, i int) member {
	options := strings.Split(f.Tag.Get("aws"), ",")
	m := *newMember(options[0])
	m.field = i
	u := use{typ: f.Type}
	if f.Type.Kind() == reflect.Pointer {
		m.pointer, u.typ = true, f.Type.Elem()
	}
	for _, option := range options[1:] {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "required":
			m.required = true
		case "rule":
			u.rule = value
		case "time":
			u.time = timeFormats[value]
		default:
			m.place, m.key = places[name], value
		}
	}
	if m.place == inHeader && u.time == protocolTime {
		u.time = httpTime
	}
	m.shape = c.compile(u)
	return m
}

var places = map[string]place{
	"uri": inPath, "querystring": inQuery, "header": inHeader, "headers": inHeaders, "status": inStatus, "payload": inPayload,
	"events": inEvents, "eventpayload": inEventPayload,
}

// timeFormat is how a time is written.
type timeFormat uint8

const (
	protocolTime timeFormat = iota // as the protocol has it
	epochTime                      // seconds since 1970, fractions allowed
	isoTime                        // ISO 8601, UTC
	httpTime                       // RFC 7231
)

var timeFormats = map[string]timeFormat{"unixTimestamp": epochTime, "iso8601": isoTime, "rfc822": httpTime}

// or returns f, or the protocol's own format if f leaves it open.
func (f timeFormat) or(own timeFormat) timeFormat {
	if f == protocolTime {
		return own
	}
	return f
}

const httpLayout = "Mon, 02 Jan 2006 15:04:05 GMT"

func appendTime(b []byte, t time.Time, f timeFormat) []byte {
	t = t.UTC()
	switch f {
	case isoTime:
		return t.AppendFormat(b, "2006-01-02T15:04:05.999Z")
	case httpTime:
		return t.AppendFormat(b, httpLayout)
	}
	if ms := t.UnixMilli(); ms%1000 != 0 {
		return strconv.AppendFloat(b, float64(ms)/1000, 'f', 3, 64)
	}
	return strconv.AppendInt(b, t.Unix(), 10)
}

func parseTime(text string, f timeFormat) (time.Time, error) {
	switch f {
	case isoTime:
		return time.Parse(time.RFC3339, text)
	case httpTime:
		return time.Parse(httpLayout, text)
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}, err
	}
	return fromEpoch(seconds)
}

// fromEpoch keeps milliseconds, which is what a float64 holds of today's times without noise.
func fromEpoch(seconds float64) (time.Time, error) {
	if !(seconds > -1e11 && seconds < 1e12) {
		return time.Time{}, fmt.Errorf("%v is not a number of seconds since 1970", seconds)
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC(), nil
}
