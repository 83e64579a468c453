package wiretest

import (
	"encoding/base64"
	"reflect"
	"slices"
	"strings"
	"time"

	"slipway/api/awswire"
)

// Sample is what inputs are filled with: values by the names of members ("cluster"), or of members
// of one operation ("TagResource.tags"). A value has the form that JSON would have on the wire; nil
// leaves the member out.
type Sample map[string]any

// Fill makes an input of the operation: every member that the sample knows, and something valid for
// required ones that it does not know.
func (s Sample) Fill(api *awswire.API, op awswire.Operation) map[string]any {
	return filler{api, op.Name, s}.structure(op.Input)
}

type filler struct {
	api       *awswire.API
	operation string
	sample    Sample
}

func (f filler) structure(t reflect.Type) map[string]any {
	members := map[string]any{}
	for i := range t.NumField() {
		field := t.Field(i)
		options := strings.Split(field.Tag.Get("aws"), ",")
		value, known := f.lookup(options[0])
		switch {
		case known && value != nil:
			members[options[0]] = value
		case !known && slices.Contains(options, "required"):
			members[options[0]] = f.anything(field.Type, rule(options))
		}
	}
	return members
}

func (f filler) lookup(member string) (any, bool) {
	if value, known := f.sample[f.operation+"."+member]; known {
		return value, true
	}
	value, known := f.sample[member]
	return value, known
}

func rule(options []string) string {
	for _, o := range options[1:] {
		if name, found := strings.CutPrefix(o, "rule="); found {
			return name
		}
	}
	return ""
}

// anything is a value of the type that its rule lets pass, patterns aside.
func (f filler) anything(t reflect.Type, rule string) any {
	least := 1
	if r := f.api.Rules[rule]; r.Min != nil {
		least = max(1, int(*r.Min))
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return 1
	case t == reflect.TypeFor[[]byte]():
		return base64.StdEncoding.EncodeToString(make([]byte, least))
	}
	switch t.Kind() {
	case reflect.String:
		return f.text(t, least)
	case reflect.Bool:
		return false
	case reflect.Slice:
		return []any{f.anything(t.Elem(), f.api.Rules[rule].Member)}
	case reflect.Map:
		return map[string]any{}
	case reflect.Struct:
		return f.structure(t)
	}
	return least
}

// text is the first value of an enumeration, or letters.
func (f filler) text(t reflect.Type, length int) string {
	if enum, ok := reflect.Zero(t).Interface().(interface{ Values() []string }); ok {
		return enum.Values()[0]
	}
	return strings.Repeat("x", length)
}
