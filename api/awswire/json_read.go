package awswire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep a body may nest. The deepest AWS input has ten levels.
const maxDepth = 64

// maxMention is how much of an unfitting value an error repeats.
const maxMention = 64

// jsonReader reads a body of valid UTF-8. Strings without escapes alias it.
type jsonReader struct {
	body  string
	at    int
	depth int
}

func readJSON(body string) (*jsonReader, error) {
	if !utf8.ValidString(body) {
		return nil, errors.New("the body is not valid UTF-8")
	}
	if strings.TrimSpace(body) == "" {
		body = "{}" // some clients send nothing for an input without members
	}
	return &jsonReader{body: body}, nil
}

// end refuses whatever follows the one value of the body.
func (r *jsonReader) end() error {
	if r.space(); r.at < len(r.body) {
		return r.expected("the end")
	}
	return nil
}

func (r *jsonReader) space() {
	for r.at < len(r.body) {
		switch r.body[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// next returns the first byte of what comes, 0 at the end.
func (r *jsonReader) next() byte {
	if r.space(); r.at < len(r.body) {
		return r.body[r.at]
	}
	return 0
}

// take consumes c if it comes next.
func (r *jsonReader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.at++
	return true
}

// expected is the error of malformed JSON, with its place.
func (r *jsonReader) expected(what string) error {
	before := r.body[:min(r.at, len(r.body))]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	found := "the end of the body"
	if r.at < len(r.body) {
		c, _ := utf8.DecodeRuneInString(r.body[r.at:])
		found = strconv.QuoteRune(c)
	}
	return fmt.Errorf("malformed JSON at line %d, column %d: expected %s, found %s", line, column, what, found)
}

// unfit is the error of well-formed JSON that is not of the kind wanted.
func (r *jsonReader) unfit(wanted string) error {
	start := r.at
	token := r.token()
	switch token {
	case "START_OBJECT":
		return fmt.Errorf("Start of structure or map found where not expected: %s is wanted", wanted)
	case "START_ARRAY":
		return fmt.Errorf("Start of list found where not expected: %s is wanted", wanted)
	case "":
		return r.expected("a value")
	}
	if err := r.skip(); err != nil {
		return err
	}
	mention := r.body[start:r.at]
	if len(mention) > maxMention {
		mention = strings.ToValidUTF8(mention[:maxMention], "") + "..."
	}
	return fmt.Errorf("%s %s can not be converted to %s", token, mention, wanted)
}

// token names what comes next as AWS's messages do.
func (r *jsonReader) token() string {
	switch c := r.next(); {
	case c == '{':
		return "START_OBJECT"
	case c == '[':
		return "START_ARRAY"
	case c == '"':
		return "STRING_VALUE"
	case c == 't':
		return "TRUE_VALUE"
	case c == 'f':
		return "FALSE_VALUE"
	case c == 'n':
		return "NULL_VALUE"
	case c == '-' || '0' <= c && c <= '9':
		return "NUMBER_VALUE"
	}
	return ""
}

func (r *jsonReader) literal(word string) error {
	if !strings.HasPrefix(r.body[r.at:], word) {
		return r.expected(word)
	}
	r.at += len(word)
	return nil
}

func (r *jsonReader) null() (bool, error) {
	if r.next() != 'n' {
		return false, nil
	}
	return true, r.literal("null")
}

func (r *jsonReader) boolean() (bool, error) {
	switch r.next() {
	case 't':
		return true, r.literal("true")
	case 'f':
		return false, r.literal("false")
	}
	return false, r.unfit("a Boolean")
}

func (r *jsonReader) text() (string, error) {
	if r.next() != '"' {
		return "", r.unfit("a String")
	}
	return r.quoted()
}

// quoted reads a string; the opening quote comes next.
func (r *jsonReader) quoted() (string, error) {
	start := r.at + 1
	for r.at = start; r.at < len(r.body); r.at++ {
		switch c := r.body[r.at]; {
		case c == '"':
			r.at++
			return r.body[start : r.at-1], nil
		case c == '\\':
			return r.escaped(r.body[start:r.at])
		case c < ' ':
			return "", r.expected("no control character in a string")
		}
	}
	return "", r.expected("a closing quote")
}

// escaped reads the rest of a string that has an escape after head.
func (r *jsonReader) escaped(head string) (string, error) {
	b := append(make([]byte, 0, 2*len(head)+16), head...)
	for r.at < len(r.body) {
		c := r.body[r.at]
		switch {
		case c == '"':
			r.at++
			return string(b), nil
		case c < ' ':
			return "", r.expected("no control character in a string")
		case c != '\\':
			b = append(b, c)
			r.at++
			continue
		}
		var err error
		if b, err = r.escape(b); err != nil {
			return "", err
		}
	}
	return "", r.expected("a closing quote")
}

// escape reads one escape; its backslash comes next.
func (r *jsonReader) escape(b []byte) ([]byte, error) {
	r.at++
	if r.at == len(r.body) {
		return nil, r.expected("an escape")
	}
	c := r.body[r.at]
	if c == 'u' {
		return r.unicode(b)
	}
	i := strings.IndexByte(`"\/bfnrt`, c)
	if i < 0 {
		return nil, r.expected("an escape")
	}
	r.at++
	return append(b, "\"\\/\b\f\n\r\t"[i]), nil
}

// unicode reads uXXXX, and the second half of a surrogate pair. Half a pair becomes U+FFFD.
func (r *jsonReader) unicode(b []byte) ([]byte, error) {
	c, err := r.hex()
	if err != nil {
		return nil, err
	}
	if utf16.IsSurrogate(c) && strings.HasPrefix(r.body[r.at:], `\u`) {
		back := r.at
		r.at++
		low, err := r.hex()
		if err != nil {
			return nil, err
		}
		if c = utf16.DecodeRune(c, low); c == utf8.RuneError {
			r.at = back
		}
	}
	return utf8.AppendRune(b, c), nil
}

func (r *jsonReader) hex() (rune, error) {
	r.at++ // the u
	if r.at+4 > len(r.body) {
		return 0, r.expected("four hexadecimal digits")
	}
	n, err := strconv.ParseUint(r.body[r.at:r.at+4], 16, 16)
	if err != nil {
		return 0, r.expected("four hexadecimal digits")
	}
	r.at += 4
	return rune(n), nil
}

// number returns the text of a number, or an error if none comes.
func (r *jsonReader) number(wanted string) (string, error) {
	if r.token() != "NUMBER_VALUE" {
		return "", r.unfit(wanted)
	}
	start := r.at
	if r.body[r.at] == '-' {
		r.at++
	}
	switch {
	case r.at < len(r.body) && r.body[r.at] == '0':
		r.at++
	case !r.digits():
		return "", r.expected("a digit")
	}
	if r.at < len(r.body) && r.body[r.at] == '.' {
		if r.at++; !r.digits() {
			return "", r.expected("a digit")
		}
	}
	if r.at < len(r.body) && (r.body[r.at] == 'e' || r.body[r.at] == 'E') {
		if r.at++; r.at < len(r.body) && (r.body[r.at] == '+' || r.body[r.at] == '-') {
			r.at++
		}
		if !r.digits() {
			return "", r.expected("a digit")
		}
	}
	return r.body[start:r.at], nil
}

func (r *jsonReader) digits() bool {
	start := r.at
	for r.at < len(r.body) && '0' <= r.body[r.at] && r.body[r.at] <= '9' {
		r.at++
	}
	return r.at > start
}

func (r *jsonReader) integer() (int64, error) {
	text, err := r.number("an Integer")
	if err != nil {
		return 0, err
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
		return 0, fmt.Errorf("NUMBER_VALUE %s can not be converted to an Integer", text)
	}
	return int64(f), nil // 1.0 and 1e3 are integers too
}

func (r *jsonReader) float() (float64, error) {
	if r.next() == '"' {
		return r.namedFloat()
	}
	text, err := r.number("a Number")
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("NUMBER_VALUE %s is too large", text)
	}
	return f, nil
}

// namedFloat reads the three floats that JSON has no numbers for.
func (r *jsonReader) namedFloat() (float64, error) {
	start := r.at
	text, err := r.quoted()
	if err != nil {
		return 0, err
	}
	switch text {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	r.at = start
	return 0, r.unfit("a Number")
}

func (r *jsonReader) instant(f timeFormat) (time.Time, error) {
	var text string
	var err error
	if f = f.or(epochTime); f == epochTime {
		text, err = r.number("a Timestamp in seconds since 1970")
	} else {
		text, err = r.text()
	}
	if err != nil {
		return time.Time{}, err
	}
	return parseTime(text, f)
}

func (r *jsonReader) blob() ([]byte, error) {
	text, err := r.text()
	if err != nil {
		return nil, err
	}
	return unbase64(text)
}

func unbase64(text string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("the value is not base64: %w", err)
	}
	return b, nil
}

func (r *jsonReader) document() (json.RawMessage, error) {
	r.space()
	start := r.at
	if err := r.skip(); err != nil {
		return nil, err
	}
	return json.RawMessage(r.body[start:r.at]), nil
}

func (r *jsonReader) list(each func() error) error {
	if r.next() != '[' {
		return r.unfit("a list")
	}
	return r.nest(']', each)
}

func (r *jsonReader) object(each func(string) error) error {
	if r.next() != '{' {
		return r.unfit("a structure or map")
	}
	return r.nest('}', func() error {
		if r.next() != '"' {
			return r.expected("a member's name in quotes")
		}
		name, err := r.quoted()
		if err != nil {
			return err
		}
		if !r.take(':') {
			return r.expected("a colon")
		}
		return each(name)
	})
}

func (r *jsonReader) entries(each func(string) error) error { return r.object(each) }

// nest reads comma-separated items until the closing byte; the opening one comes next.
func (r *jsonReader) nest(closing byte, item func() error) error {
	if r.depth++; r.depth > maxDepth {
		return fmt.Errorf("the body nests deeper than %d levels", maxDepth)
	}
	defer func() { r.depth-- }()
	r.at++
	if r.take(closing) {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if r.take(closing) {
			return nil
		}
		if !r.take(',') {
			return r.expected("a comma or " + strconv.QuoteRune(rune(closing)))
		}
	}
}

func (r *jsonReader) skip() error {
	var err error
	switch r.token() {
	case "START_OBJECT":
		err = r.object(func(string) error { return r.skip() })
	case "START_ARRAY":
		err = r.list(r.skip)
	case "STRING_VALUE":
		_, err = r.quoted()
	case "NUMBER_VALUE":
		_, err = r.number("a Number")
	case "TRUE_VALUE", "FALSE_VALUE":
		_, err = r.boolean()
	case "NULL_VALUE":
		_, err = r.null()
	default:
		err = r.expected("a value")
	}
	return err
}
