package policy

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// operand is one value of a condition in a policy, compiled for its operator.
type operand interface {
	// test compares a value of the request with the operand.
	test(ctx Context, value string) verdict
	// variables returns the keys of its policy variables, as they are spelled.
	variables() []string
}

// constant is an operand without variables.
type constant struct{}

func (constant) variables() []string { return nil }

// textOperand is that of StringEquals, StringLike and Bool.
type textOperand struct {
	pattern
	fold bool
}

func (o *textOperand) variables() []string { return o.keys }

func (o *textOperand) test(ctx Context, value string) verdict {
	if !o.fold {
		return o.match(ctx, value)
	}
	var room [16]piece
	pieces, ok := resolve(room[:0], o.pieces, ctx)
	if !ok {
		return unresolved
	}
	return verdictOf(equalFold(pieces, value))
}

// equalFold compares pieces of text with a value, ignoring case.
func equalFold(pieces []piece, value string) bool {
	if len(pieces) == 1 {
		return strings.EqualFold(pieces[0].text, value)
	}
	var whole strings.Builder
	for i := range pieces {
		whole.WriteString(pieces[i].text)
	}
	return strings.EqualFold(whole.String(), value)
}

func exactText(text string, vars bool) (operand, error) {
	p, err := compilePattern(text, syntax{vars: vars})
	return &textOperand{pattern: p}, err
}

func foldedText(text string, vars bool) (operand, error) {
	p, err := compilePattern(text, syntax{vars: vars})
	return &textOperand{pattern: p, fold: true}, err
}

func wildText(text string, vars bool) (operand, error) {
	p, err := compilePattern(text, syntax{wild: true, vars: vars})
	return &textOperand{pattern: p}, err
}

func boolText(text string, vars bool) (operand, error) {
	p, err := compilePattern(text, syntax{vars: vars})
	if err == nil && p.shape != variables && !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
		err = fmt.Errorf("%q is neither true nor false", text)
	}
	return &textOperand{pattern: p, fold: true}, err
}

// arnOperand is that of ArnEquals and ArnLike, which behave identically.
type arnOperand struct{ arnPattern }

func arnText(text string, vars bool) (operand, error) {
	a, err := compileARN(text, vars)
	return &arnOperand{a}, err
}

func (o *arnOperand) variables() []string { return o.keys }

func (o *arnOperand) test(ctx Context, value string) verdict {
	parts, ok := splitARN(value)
	return o.match(ctx, value, &parts, ok)
}

// order says which outcomes of a comparison, that of the request's value with the policy's, hold.
type order struct{ less, equal, more bool }

var (
	equals      = order{equal: true}
	lessThan    = order{less: true}
	atMost      = order{less: true, equal: true}
	greaterThan = order{more: true}
	atLeast     = order{more: true, equal: true}
)

func (o order) holds(comparison int) verdict {
	return verdictOf(comparison < 0 && o.less || comparison == 0 && o.equal || comparison > 0 && o.more)
}

type numberOperand struct {
	constant
	number number
	order  order
}

func numberIn(o order) func(string, bool) (operand, error) {
	return func(text string, _ bool) (operand, error) {
		n, ok := parseNumber(text)
		if !ok {
			return nil, fmt.Errorf("%q is no number", text)
		}
		return &numberOperand{number: n, order: o}, nil
	}
}

func (o *numberOperand) test(_ Context, value string) verdict {
	n, ok := parseNumber(value)
	if !ok {
		return no
	}
	return o.order.holds(n.compare(o.number))
}

// number is an integer, exactly, or a decimal.
type number struct {
	whole   int64
	decimal float64
	exact   bool
}

func parseNumber(s string) (number, bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return number{}, false
	}
	if whole, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{whole, float64(whole), true}, true
	}
	decimal, err := strconv.ParseFloat(s, 64)
	return number{decimal: decimal}, err == nil
}

func (n number) compare(other number) int {
	if n.exact && other.exact {
		return compare(n.whole, other.whole)
	}
	return compare(n.decimal, other.decimal)
}

func compare[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

type dateOperand struct {
	constant
	date  time.Time
	order order
}

func dateIn(o order) func(string, bool) (operand, error) {
	return func(text string, _ bool) (operand, error) {
		date, ok := parseDate(text)
		if !ok {
			return nil, fmt.Errorf("%q is no date; one looks like 2026-01-31T12:00:00Z, or is in seconds since 1970", text)
		}
		return &dateOperand{date: date, order: o}, nil
	}
}

func (o *dateOperand) test(_ Context, value string) verdict {
	date, ok := parseDate(value)
	if !ok {
		return no
	}
	return o.order.holds(date.Compare(o.date))
}

// dateForms are those of ISO 8601 that the W3C note "Date and Time Formats" names, and their like
// with less punctuation. Fractions of seconds are read with any.
var dateForms = [...]string{
	time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07",
	"2006-01-02T15:04:05", "2006-01-02", "2006-01", "2006", "20060102T150405Z",
}

// parseDate reads a date, or seconds since 1970. Four digits are a year.
func parseDate(s string) (time.Time, bool) {
	if len(s) != len("2006") {
		if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
			return time.Unix(seconds, 0), true
		}
	}
	for _, form := range dateForms {
		if t, err := time.Parse(form, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

type addressOperand struct {
	constant
	prefix netip.Prefix
}

// addressRange reads an address or a range in CIDR form.
func addressRange(text string, _ bool) (operand, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return &addressOperand{prefix: netip.PrefixFrom(address, address.BitLen())}, nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no IP address or range; one looks like 203.0.113.0/24 or 2001:db8::/32", text)
	}
	return &addressOperand{prefix: p.Masked()}, nil
}

func (o *addressOperand) test(_ Context, value string) verdict {
	address, err := netip.ParseAddr(value)
	return verdictOf(err == nil && o.prefix.Contains(address.Unmap().WithZone("")))
}

type bytesOperand struct {
	constant
	bytes string
}

func base64Bytes(text string, _ bool) (operand, error) {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not base64", text)
	}
	return &bytesOperand{bytes: string(decoded)}, nil
}

func (o *bytesOperand) test(_ Context, value string) verdict { return verdictOf(value == o.bytes) }

// absence is the operand of Null: true wants the key missing.
type absence struct {
	constant
	wanted bool
}

var errAbsence = errors.New("Null is compared with true or false")

func absenceOf(text string, _ bool) (operand, error) {
	wanted := strings.EqualFold(text, "true")
	if !wanted && !strings.EqualFold(text, "false") {
		return nil, errAbsence
	}
	return &absence{wanted: wanted}, nil
}

// test compares a value that is there.
func (o *absence) test(Context, string) verdict { return verdictOf(!o.wanted) }
