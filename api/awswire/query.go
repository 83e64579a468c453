package awswire

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// form is a tree of an awsQuery request's parameters: Tags.member.1.Key=a is
// Tags → member → 1 → Key → "a".
type form struct {
	value    string
	children map[string]*form
}

// maxParameters bounds a form; the longest AWS input has a few thousand.
const maxParameters = 100_000

// parseForm is url.ParseQuery with a bound of ours: net/url reads no more than 10,000 parameters.
func parseForm(text string) (url.Values, error) {
	all := url.Values{}
	n := 0
	for pair := range strings.SplitSeq(text, "&") {
		if n++; n > maxParameters {
			return nil, fmt.Errorf("it has more than %d parameters", maxParameters)
		}
		if strings.Contains(pair, ";") {
			return nil, errors.New("invalid semicolon separator in query")
		}
		key, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(key)
		value, err2 := url.QueryUnescape(value)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		if pair != "" {
			all[name] = append(all[name], value)
		}
	}
	return all, nil
}

// newForm builds the tree, without what names the operation and what presigning adds.
func newForm(parameters url.Values) (*form, error) {
	if len(parameters) > maxParameters {
		return nil, fmt.Errorf("the request has more than %d parameters", maxParameters)
	}
	root := &form{}
	for name, values := range parameters {
		if name == "Action" || name == "Version" || strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		if len(values) > 1 {
			return nil, fmt.Errorf("the parameter %q is given %d times", name, len(values))
		}
		if strings.Count(name, ".") > 2*maxDepth {
			return nil, fmt.Errorf("a parameter nests deeper than %d levels", maxDepth)
		}
		root.insert(name, values[0])
	}
	return root, nil
}

func (f *form) insert(name, value string) {
	for part := range strings.SplitSeq(name, ".") {
		child := f.children[part]
		if child == nil {
			child = &form{}
			if f.children == nil {
				f.children = map[string]*form{}
			}
			f.children[part] = child
		}
		f = child
	}
	f.value = value
}

// numbered returns the children 1, 2, 3, ... in order.
func (f *form) numbered() ([]*form, error) {
	positions := make([]int, 0, len(f.children))
	for name := range f.children {
		n, err := strconv.Atoi(name)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a position in a list", name)
		}
		positions = append(positions, n)
	}
	slices.Sort(positions)
	list := make([]*form, len(positions))
	for i, n := range positions {
		if list[i] = f.children[strconv.Itoa(n)]; list[i] == nil {
			return nil, fmt.Errorf("the position %d is not written as a plain number", n)
		}
	}
	return list, nil
}

// formReader reads the part of the tree that it stands on.
type formReader struct{ at *form }

// within calls do with the reader standing on f.
func (r *formReader) within(f *form, do func() error) error {
	back := r.at
	r.at = f
	err := do()
	r.at = back
	return err
}

func (r *formReader) null() (bool, error) { return false, nil }
func (r *formReader) skip() error         { return nil }

func (r *formReader) text() (string, error) {
	if len(r.at.children) > 0 {
		return "", errors.New("Start of structure, map or list found where not expected: a single value is wanted")
	}
	return r.at.value, nil
}

// parse reads a single value of another kind than text.
func parse[T any](r *formReader, kind string, parse func(string) (T, error)) (T, error) {
	text, err := r.text()
	if err != nil {
		return *new(T), err
	}
	value, err := parse(text)
	if err != nil {
		return value, fmt.Errorf("%q can not be converted to %s", text, kind)
	}
	return value, nil
}

func (r *formReader) boolean() (bool, error) { return parse(r, "a Boolean", strictBool) }

func (r *formReader) integer() (int64, error) {
	return parse(r, "an Integer", func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
}

func (r *formReader) float() (float64, error) {
	return parse(r, "a Number", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
}

func (r *formReader) instant(f timeFormat) (time.Time, error) {
	return parse(r, "a Timestamp", func(s string) (time.Time, error) { return parseTime(s, f.or(isoTime)) })
}

func (r *formReader) blob() ([]byte, error) { return parse(r, "a Blob", unbase64) }

func (r *formReader) document() (json.RawMessage, error) {
	return nil, errors.New("awsQuery has no documents")
}

// strictBool takes true and false in any case, as clients write them.
func strictBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("neither true nor false")
}

func (r *formReader) list(each func() error) error {
	items, err := r.items("member")
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := r.within(item, each); err != nil {
			return err
		}
	}
	return nil
}

// items returns the numbered parts under the wrapping name, which may be left out. "Tags=" is an empty list.
func (r *formReader) items(wrapper string) ([]*form, error) {
	if r.at.value != "" {
		return nil, fmt.Errorf("%q found where a list or map is wanted", r.at.value)
	}
	if inner := r.at.children[wrapper]; inner != nil {
		return inner.numbered()
	}
	return r.at.numbered()
}

func (r *formReader) object(each func(string) error) error {
	if r.at.value != "" {
		return fmt.Errorf("%q found where a structure is wanted", r.at.value)
	}
	for _, name := range slices.Sorted(maps.Keys(r.at.children)) {
		if err := r.within(r.at.children[name], func() error { return each(name) }); err != nil {
			return err
		}
	}
	return nil
}

// entries reads a map: Attributes.entry.1.key=a, Attributes.entry.1.value=b.
func (r *formReader) entries(each func(string) error) error {
	items, err := r.items("entry")
	if err != nil {
		return err
	}
	for _, item := range items {
		key, value := item.children["key"], item.children["value"]
		if key == nil || value == nil || len(item.children) > 2 {
			return errors.New("an entry of a map needs a key and a value, and nothing else")
		}
		if err := r.within(value, func() error { return each(key.value) }); err != nil {
			return err
		}
	}
	return nil
}
