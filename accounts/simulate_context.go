package accounts

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"slipway/accounts/policy"
	"slipway/internal/errs"
)

// ContextEntry is a condition key of a simulated request, and its values.
type ContextEntry struct {
	Name   string   // "aws:SourceIp"
	Type   string   // "ip", "ipList", ...; "": taken as they are
	Values []string // one, unless the type is a list
}

// How many keys and values a simulated request can have.
const (
	maxContextEntries = 200
	maxContextValues  = 2000
)

// givenKeys are the entries, by their names in lower case.
type givenKeys map[string][]string

// addContext reads the entries.
func (s *simulation) addContext() error {
	if len(s.Context) > maxContextEntries {
		return errs.Say(ErrInput, "ContextEntries has %d keys; it can have up to %d.", len(s.Context), maxContextEntries)
	}
	s.given = make(givenKeys, len(s.Context))
	values := 0
	for _, e := range s.Context {
		read, err := e.read()
		if err != nil {
			return err
		}
		if values += len(read); values > maxContextValues {
			return errs.Say(ErrInput, "ContextEntries has more than %d values.", maxContextValues)
		}
		s.given[fold(e.Name)] = read
	}
	return nil
}

// read returns the values as policies compare them.
func (e ContextEntry) read() ([]string, error) {
	if !strings.Contains(e.Name, ":") {
		return nil, errs.Say(ErrInput, "Invalid ContextKeyName: %q", e.Name)
	}
	kind, list := strings.CutSuffix(e.Type, "List")
	if !list && e.Type != "" && len(e.Values) != 1 {
		return nil, errs.Say(ErrInput, "The context key %s of type %s must have one value.", e.Name, e.Type)
	}
	read, known := contextTypes[kind]
	if !known {
		return nil, errs.Say(ErrInput, "Invalid ContextKeyType: %s", e.Type)
	}
	values := make([]string, len(e.Values))
	for i, text := range e.Values {
		value, ok := read(text)
		if !ok {
			return nil, errs.Say(ErrInput, "The value %q of the context key %s is not of type %s.", text, e.Name, kind)
		}
		values[i] = value
	}
	return values, nil
}

// contextTypes read a value of each type, or say that it is none.
var contextTypes = map[string]func(string) (string, bool){
	"":        func(s string) (string, bool) { return s, true },
	"string":  func(s string) (string, bool) { return s, true },
	"numeric": func(s string) (string, bool) { return s, isNumber(s) },
	"boolean": func(s string) (string, bool) { return s, strings.EqualFold(s, "true") || strings.EqualFold(s, "false") },
	"ip":      func(s string) (string, bool) { return s, isAddress(s) },
	"date":    func(s string) (string, bool) { return s, isDate(s) },
	"binary": func(s string) (string, bool) {
		b, err := base64.StdEncoding.DecodeString(s)
		return string(b), err == nil
	},
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

func isAddress(s string) bool {
	_, notAddress := netip.ParseAddr(s)
	_, notPrefix := netip.ParsePrefix(s)
	return notAddress == nil || notPrefix == nil
}

// dateForms are the ways to write a date. Source: IAM User Guide, "Date condition operators": "the
// W3C implementations of the ISO 8601 date formats, or epoch (UNIX) time".
var dateForms = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"}

func isDate(s string) bool {
	for _, form := range dateForms {
		if _, err := time.Parse(form, s); err == nil {
			return true
		}
	}
	return isNumber(s)
}

// context answers for the keys of a request for a resource of an account: those that are given and,
// where none is, what the caller and the resource tell of themselves.
func (s *simulation) context(owner string) policy.Context {
	return &simulatedContext{simulation: s, owner: owner}
}

type simulatedContext struct {
	*simulation
	owner string
}

// Values satisfies policy.Context. A real request also has a time, an address and the like: here
// they are missing unless they are given.
func (c *simulatedContext) Values(key string) ([]string, bool) {
	if values, ok := c.given[key]; ok {
		return values, true
	}
	if key == "aws:resourceaccount" {
		return []string{c.owner}, true
	}
	if c.known == nil || !c.tells(key) {
		return nil, false
	}
	return c.known.Values(key)
}

// tells reports whether the caller by itself has a key: of a session, which a role's name alone does
// not make, nothing is known.
func (c *simulatedContext) tells(key string) bool {
	switch key {
	case "aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:username":
		return true
	case "aws:userid":
		return c.known.who.Type == TypeUser && c.known.who.UserID != ""
	}
	return strings.HasPrefix(key, "aws:principaltag/")
}
