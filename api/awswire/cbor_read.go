package awswire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// The major types of CBOR (RFC 8949).
const (
	cborUint = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

var cborNames = [...]string{"an integer", "a negative integer", "a byte string", "a text string", "an array", "a map", "a tag", "a simple value or float"}

// What the low five bits of an item's first byte say beyond small numbers.
const (
	cborFalse      = 20
	cborTrue       = 21
	cborNull       = 22
	cborUndefined  = 23
	cborFloat16    = 25
	cborFloat32    = 26
	cborFloat64    = 27
	cborIndefinite = 31
)

const cborBreak = 0xff

// cborReader reads the body of rpc-v2-cbor. Strings alias it.
type cborReader struct {
	body  string
	at    int
	depth int
}

func readCBOR(body string) *cborReader {
	if body == "" {
		body = "\xa0" // an input without members may have no body
	}
	return &cborReader{body: body}
}

func (r *cborReader) end() error {
	if r.at < len(r.body) {
		return fmt.Errorf("malformed CBOR at byte %d: nothing may follow the value", r.at)
	}
	return nil
}

func (r *cborReader) cut() error {
	return fmt.Errorf("malformed CBOR: the body ends within a value, at byte %d", len(r.body))
}

// head is the first byte of an item, and the number that it announces.
type head struct {
	major, info byte
	n           uint64
}

func (h head) indefinite() bool { return h.info == cborIndefinite }

// peek returns the next byte, or a break at the end, which fits nowhere a value is due.
func (r *cborReader) peek() byte {
	if r.at == len(r.body) {
		return cborBreak
	}
	return r.body[r.at]
}

func (r *cborReader) head() (head, error) {
	if r.at == len(r.body) {
		return head{}, r.cut()
	}
	b := r.body[r.at]
	h := head{major: b >> 5, info: b & 31}
	r.at++
	switch {
	case h.info < 24:
		h.n = uint64(h.info)
	case h.info < 28:
		width := 1 << (h.info - 24)
		digits, err := r.bytes(uint64(width))
		if err != nil {
			return head{}, err
		}
		var wide [8]byte
		copy(wide[8-width:], digits)
		h.n = binary.BigEndian.Uint64(wide[:])
	case !h.indefinite() || h.major < cborBytes || h.major == cborTag:
		return head{}, fmt.Errorf("malformed CBOR at byte %d: %#02x begins no value", r.at-1, b)
	}
	return h, nil
}

func (r *cborReader) bytes(n uint64) (string, error) {
	if n > uint64(len(r.body)-r.at) {
		return "", r.cut()
	}
	s := r.body[r.at : r.at+int(n)]
	r.at += int(n)
	return s, nil
}

// want reads the head of an item of the given major type.
func (r *cborReader) want(major byte) (head, error) {
	at := r.at
	h, err := r.head()
	if err == nil && h.major != major {
		r.at = at
		err = fmt.Errorf("%s found where %s is wanted", cborNames[h.major], cborNames[major])
	}
	return h, err
}

func (r *cborReader) null() (bool, error) {
	if b := r.peek(); b != cborSimple<<5|cborNull && b != cborSimple<<5|cborUndefined {
		return false, nil
	}
	r.at++
	return true, nil
}

func (r *cborReader) boolean() (bool, error) {
	h, err := r.want(cborSimple)
	if err == nil && h.info != cborTrue && h.info != cborFalse {
		err = errors.New("a float or simple value found where a Boolean is wanted")
	}
	return h.info == cborTrue, err
}

func (r *cborReader) integer() (int64, error) {
	h, err := r.head()
	switch {
	case err != nil:
		return 0, err
	case h.major > cborNegative:
		return 0, fmt.Errorf("%s found where an integer is wanted", cborNames[h.major])
	case h.n > math.MaxInt64:
		return 0, errors.New("the integer does not fit in 64 bits")
	case h.major == cborNegative:
		return -1 - int64(h.n), nil
	}
	return int64(h.n), nil
}

func (r *cborReader) float() (float64, error) {
	if r.peek()>>5 <= cborNegative {
		n, err := r.integer()
		return float64(n), err
	}
	h, err := r.want(cborSimple)
	if err != nil {
		return 0, err
	}
	switch h.info {
	case cborFloat16:
		return float16(uint16(h.n)), nil
	case cborFloat32:
		return float64(math.Float32frombits(uint32(h.n))), nil
	case cborFloat64:
		return math.Float64frombits(h.n), nil
	}
	return 0, errors.New("a simple value found where a float is wanted")
}

func float16(bits uint16) float64 {
	exponent, fraction := int(bits>>10&31), float64(bits&1023)
	f := math.Ldexp(1024+fraction, exponent-25)
	switch {
	case exponent == 0:
		f = math.Ldexp(fraction, -24)
	case exponent == 31 && fraction == 0:
		f = math.Inf(1)
	case exponent == 31:
		f = math.NaN()
	}
	if bits>>15 == 1 {
		f = -f
	}
	return f
}

// instant reads tag 1, seconds since 1970.
func (r *cborReader) instant(timeFormat) (time.Time, error) {
	h, err := r.want(cborTag)
	if err != nil {
		return time.Time{}, err
	}
	if h.n != 1 {
		return time.Time{}, fmt.Errorf("tag %d found where tag 1 (a time) is wanted", h.n)
	}
	seconds, err := r.float()
	if err != nil {
		return time.Time{}, err
	}
	return fromEpoch(seconds)
}

func (r *cborReader) text() (string, error) {
	s, err := r.stringOf(cborText)
	if err == nil && !utf8.ValidString(s) {
		err = errors.New("the text is not valid UTF-8")
	}
	return s, err
}

func (r *cborReader) blob() ([]byte, error) {
	s, err := r.stringOf(cborBytes)
	return []byte(s), err
}

// stringOf reads a byte or text string, in one piece or in chunks.
func (r *cborReader) stringOf(major byte) (string, error) {
	h, err := r.want(major)
	if err != nil {
		return "", err
	}
	if !h.indefinite() {
		return r.bytes(h.n)
	}
	var b strings.Builder
	for r.peek() != cborBreak {
		chunk, err := r.want(major)
		if err != nil {
			return "", err
		}
		if chunk.indefinite() {
			return "", errors.New("malformed CBOR: a chunk of a string has chunks of its own")
		}
		s, err := r.bytes(chunk.n)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), r.takeBreak()
}

func (r *cborReader) takeBreak() error {
	if r.at == len(r.body) {
		return r.cut()
	}
	r.at++
	return nil
}

func (r *cborReader) document() (json.RawMessage, error) {
	return nil, errors.New("rpc-v2-cbor has no documents")
}

func (r *cborReader) list(each func() error) error { return r.nest(cborArray, each) }

func (r *cborReader) object(each func(string) error) error {
	return r.nest(cborMap, func() error {
		name, err := r.text()
		if err != nil {
			return err
		}
		return each(name)
	})
}

func (r *cborReader) entries(each func(string) error) error { return r.object(each) }

// nest reads the items of an array or the pairs of a map.
func (r *cborReader) nest(major byte, item func() error) error {
	h, err := r.want(major)
	if err != nil {
		return err
	}
	if r.depth++; r.depth > maxDepth {
		return fmt.Errorf("the body nests deeper than %d levels", maxDepth)
	}
	defer func() { r.depth-- }()
	if h.indefinite() {
		for r.at < len(r.body) && r.peek() != cborBreak {
			if err := item(); err != nil {
				return err
			}
		}
		return r.takeBreak()
	}
	for range h.n { // an item takes a byte at least, so that a lying length ends with the body
		if err := item(); err != nil {
			return err
		}
	}
	return nil
}

func (r *cborReader) skip() error {
	switch major := r.peek() >> 5; major {
	case cborBytes, cborText:
		_, err := r.stringOf(major)
		return err
	case cborArray:
		return r.list(r.skip)
	case cborMap:
		return r.nest(cborMap, func() error { return errors.Join(r.skip(), r.skip()) })
	}
	h, err := r.head()
	for err == nil && h.major == cborTag { // not by recursion: tags may pile up as deep as the body is long
		h, err = r.head()
	}
	if err == nil && h.indefinite() {
		err = fmt.Errorf("malformed CBOR: a break at byte %d ends nothing", r.at-1)
	}
	return err
}
