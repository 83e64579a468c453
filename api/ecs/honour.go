package ecs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"slipway/api/awswire"
)

// honour refuses the first member of an input that says something and is not honoured. The
// honoured ones are paths such as "containerDefinitions[].image"; all below one is honoured too.
// Members that say nothing, such as false and empty lists, may be there.
func honour(in any, fault awswire.FaultType, honoured []string) error {
	if path, value := strange(reflect.ValueOf(in), "", "", honoured); path != "" {
		return unsupported(fault, path, value, "")
	}
	return nil
}

// unsupported is the refusal of one member. Hint says what would be right, if anything.
func unsupported(fault awswire.FaultType, path, value, hint string) error {
	if value != "" {
		path += ": " + value
	}
	return fault.Newf("%s is not supported by Slipway%s.", path, hint)
}

// strange finds a member that says something and is not honoured: its path with indexes, and its
// value if that is short. Shape is the path without indexes.
func strange(v reflect.Value, path, shape string, honoured []string) (at, value string) {
	switch {
	case silent(v) || slices.Contains(honoured, shape):
		return "", ""
	case v.Kind() == reflect.Pointer:
		return strange(v.Elem(), path, shape, honoured)
	case shape != "" && !slices.ContainsFunc(honoured, func(h string) bool { return strings.HasPrefix(h, shape+".") || strings.HasPrefix(h, shape+"[]") }):
		return path, short(v)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("aws"), ",")
			if at, value := strange(v.Field(i), below(path, name), below(shape, name), honoured); at != "" {
				return at, value
			}
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			if at, value := strange(v.Index(i), fmt.Sprintf("%s[%d]", path, i), shape+"[]", honoured); at != "" {
				return at, value
			}
		}
	}
	return "", ""
}

// silent tells whether a member asks for nothing: it is absent, empty or false. A number is never
// silent, for 0 can mean something.
func silent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil() || silent(v.Elem())
	case reflect.Slice, reflect.Map, reflect.String:
		return v.Len() == 0
	case reflect.Bool:
		return !v.Bool()
	case reflect.Struct:
		for i := range v.NumField() {
			if !silent(v.Field(i)) {
				return false
			}
		}
		return true
	}
	return false
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func short(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return fmt.Sprintf("%.100q", v.String())
	case reflect.Bool, reflect.Int32, reflect.Int64:
		return fmt.Sprint(v.Interface())
	}
	return ""
}
