package awswire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// reader yields the values of one protocol's body, each asked for by its kind.
// Asking for another kind than comes is an error that names both.
type reader interface {
	null() (bool, error) // whether an absent value comes; if so it is consumed
	text() (string, error)
	boolean() (bool, error)
	integer() (int64, error)
	float() (float64, error)
	instant(timeFormat) (time.Time, error)
	blob() ([]byte, error)
	document() (json.RawMessage, error)
	list(each func() error) error
	object(each func(name string) error) error
	entries(each func(key string) error) error // of a map
	skip() error
}

// decoder fills a Go value from a reader and notes every constraint that the values break.
type decoder struct {
	in       reader
	path     []step
	broken   []violation
	elements int  // of lists and maps so far
	http     bool // members may travel outside of the body: then they may not be in it
}

// maxElements bounds what a small body can swell to: an element may take three bytes on the wire and
// a thousand in memory. The longest AWS input, PutLogEvents, has ten thousand.
const maxElements = 100_000

// maxBroken is how many broken constraints are told of at most.
const maxBroken = 20

// json has a body read as JSON, to its end.
func (d *decoder) json(body string, decode func() error) error {
	r, err := readJSON(body)
	if err != nil {
		return err
	}
	d.in = r
	if err := decode(); err != nil {
		return err
	}
	return r.end()
}

// cbor has a body read as CBOR, to its end.
func (d *decoder) cbor(body string, decode func() error) error {
	r := readCBOR(body)
	d.in = r
	if err := decode(); err != nil {
		return err
	}
	return r.end()
}

// form has parameters read as awsQuery has them.
func (d *decoder) form(parameters url.Values, decode func() error) error {
	root, err := newForm(parameters)
	if err != nil {
		return err
	}
	d.in = &formReader{root}
	return decode()
}

// step is one part of the way to a value: a member, or an element by its key or its position,
// which is counted from 1.
type step struct {
	member, key string
	position    int
}

// unreadable is a body that is not what the operation takes, and where.
type unreadable struct{ path, text string }

func (e *unreadable) Error() string {
	if e.path == "" {
		return e.text
	}
	return fmt.Sprintf("%s, at '%s'", e.text, e.path)
}

// locate gives an error of a reader the path at which it came.
func (d *decoder) locate(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := err.(*unreadable); ok {
		return err
	}
	return &unreadable{d.where(), err.Error()}
}

// where writes the path as AWS does: lowerCamel members, elements as 1.member or key.member.
func (d *decoder) where() string {
	var parts []string
	for _, s := range d.path {
		switch {
		case s.position > 0:
			parts = append(parts, strconv.Itoa(s.position), "member")
		case s.member == "":
			parts = append(parts, s.key, "member")
		default:
			first, n := utf8.DecodeRuneInString(s.member)
			parts = append(parts, string(unicode.ToLower(first))+s.member[n:])
		}
	}
	return strings.Join(parts, ".")
}

func (d *decoder) enter(s step) { d.path = append(d.path, s) }
func (d *decoder) leave()       { d.path = d.path[:len(d.path)-1] }

// value decodes into v and checks what it finds.
func (d *decoder) value(s *shape, v reflect.Value) error {
	if err := d.fill(s, v); err != nil {
		return d.locate(err)
	}
	d.check(s, v)
	return nil
}

func (d *decoder) check(s *shape, v reflect.Value) {
	for _, r := range s.check.broken(s.kind, v) {
		d.violate(repeat(s, v), r)
	}
}

func (d *decoder) violate(value string, r rule) {
	if len(d.broken) < maxBroken {
		d.broken = append(d.broken, violation{d.where(), value, r})
	}
}

func (d *decoder) fill(s *shape, v reflect.Value) error {
	switch s.kind {
	case kindString:
		text, err := d.in.text()
		v.SetString(text)
		return err
	case kindBool:
		b, err := d.in.boolean()
		v.SetBool(b)
		return err
	case kindInt:
		return d.integer(v)
	case kindFloat:
		f, err := d.in.float()
		v.SetFloat(f)
		return err
	case kindTime:
		t, err := d.in.instant(s.time)
		v.Set(reflect.ValueOf(t))
		return err
	case kindBlob:
		b, err := d.in.blob()
		v.SetBytes(b)
		return err
	case kindDocument:
		b, err := d.in.document()
		v.SetBytes(b)
		return err
	case kindList:
		return d.list(s, v)
	case kindMap:
		return d.mapping(s, v)
	}
	return d.structure(s, v)
}

func (d *decoder) integer(v reflect.Value) error {
	n, err := d.in.integer()
	if err != nil {
		return err
	}
	if v.OverflowInt(n) {
		return fmt.Errorf("%d is not between %d and %d", n, math.MinInt32, math.MaxInt32)
	}
	v.SetInt(n)
	return nil
}

func (d *decoder) list(s *shape, v reflect.Value) error {
	v.Set(reflect.MakeSlice(s.typ, 0, 0))
	bad := false
	err := d.in.list(func() error {
		i := v.Len()
		d.enter(step{position: i + 1})
		defer d.leave()
		v.Grow(1)
		v.SetLen(i + 1)
		v.Index(i).SetZero()
		ok, err := d.element(s.elem, v.Index(i))
		bad = bad || !ok
		return err
	})
	if bad {
		d.violate(repeat(s, v), s.elem.check.every("Member", s.elem.kind))
	}
	return err
}

func (d *decoder) mapping(s *shape, v reflect.Value) error {
	v.Set(reflect.MakeMap(s.typ))
	var badKeys []string
	badValue := false
	elem := reflect.New(s.elem.typ).Elem()
	key := reflect.New(s.key.typ).Elem()
	err := d.in.entries(func(name string) error {
		d.enter(step{key: name})
		defer d.leave()
		key.SetString(name)
		elem.SetZero()
		ok, err := d.element(s.elem, elem)
		v.SetMapIndex(key, elem)
		if len(badKeys) < maxBroken && len(s.key.check.broken(s.key.kind, key)) > 0 {
			badKeys = append(badKeys, name)
		}
		badValue = badValue || !ok
		return err
	})
	if len(badKeys) > 0 {
		d.violate(repeatKeys(s, v, badKeys), s.key.check.every("Map keys", s.key.kind))
	}
	if badValue {
		d.violate(repeat(s, v), s.elem.check.every("Map value", s.elem.kind))
	}
	return err
}

// element decodes what a list or map holds. A scalar that breaks a rule is reported by its holder.
func (d *decoder) element(s *shape, v reflect.Value) (ok bool, err error) {
	if d.elements++; d.elements > maxElements {
		return true, d.locate(fmt.Errorf("the request has more than %d elements of lists and maps", maxElements))
	}
	null, err := d.in.null()
	if null {
		err = errors.New("null is not allowed")
	}
	if err != nil {
		return true, d.locate(err)
	}
	if err := d.fill(s, v); err != nil {
		return true, d.locate(err)
	}
	if s.kind == kindStruct {
		return true, nil
	}
	return len(s.check.broken(s.kind, v)) == 0, nil
}

// seen ticks off the members of one structure.
type seen [maxMembers / 64]uint64

func (s *seen) tick(i int)     { s[i/64] |= 1 << (i % 64) }
func (s *seen) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (d *decoder) structure(s *shape, v reflect.Value) error {
	var got seen
	if err := d.body(s, v, &got); err != nil {
		return err
	}
	d.missing(s, &got)
	return nil
}

// body decodes the members of a structure that are in the body.
func (d *decoder) body(s *shape, v reflect.Value, got *seen) error {
	return d.in.object(func(name string) error {
		i, ok := s.index[name]
		if !ok || d.http && s.members[i].place != inBody {
			return d.unknown(name)
		}
		m := &s.members[i]
		d.enter(step{member: name})
		defer d.leave()
		null, err := d.in.null()
		if null || err != nil {
			return d.locate(err)
		}
		got.tick(i)
		return d.value(m.shape, m.settable(v))
	})
}

// unknown refuses a member that the structure does not have, so that a misspelt setting is not lost
// in silence. Some clients mark a structure's type with __type; that says nothing and is skipped.
func (d *decoder) unknown(name string) error {
	if name == "__type" {
		return d.in.skip()
	}
	return d.locate(fmt.Errorf("Unknown member %q", name))
}

func (d *decoder) missing(s *shape, got *seen) {
	for i := range s.members {
		if m := &s.members[i]; m.required && !got.has(i) {
			d.enter(step{member: m.name})
			d.violate("Value null", notNull)
			d.leave()
		}
	}
}
