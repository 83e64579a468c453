package nodeapi

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"slipway/internal/errs"
)

// The answer to an invocation comes in pieces: a kind, a length of four bytes, and as many bytes.
const (
	answerHead  = 'h' // the content type, before the first bytes of an answer that is written as it comes
	answerBytes = 'b' // of the payload
	answerEnds  = 'e' // an Outcome as JSON: the last piece
	answerFails = 'x' // a wireError as JSON: the last piece
)

// The bounds of what one invocation may carry: its head, its payload, and an answer that is kept in memory.
const (
	maxHead    = 256 << 10
	maxPayload = 64 << 20
)

var errAnswer = errs.New(errs.Unavailable, "the node answers with what is no answer")

// appendPiece writes a piece behind b.
func appendPiece(b []byte, kind byte, piece []byte) []byte {
	b = append(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(piece)))
	return append(b, piece...)
}

// pieces reads an answer. Its buffers are used again.
type pieces struct {
	in   *bufio.Reader
	head [pieceHead]byte
}

var piecesPool = sync.Pool{New: func() any { return &pieces{in: bufio.NewReaderSize(nil, 4<<10)} }}

func newPieces(r io.Reader) *pieces {
	p := piecesPool.Get().(*pieces)
	p.in.Reset(r)
	return p
}

func (p *pieces) free() {
	p.in.Reset(nil)
	piecesPool.Put(p)
}

// next tells the kind and the size of the piece that comes.
func (p *pieces) next() (kind byte, size int, err error) {
	if _, err := io.ReadFull(p.in, p.head[:]); err != nil {
		return 0, 0, err
	}
	size = int(binary.BigEndian.Uint32(p.head[1:]))
	if size > maxPayload {
		return 0, 0, fmt.Errorf("%w: a piece of %d bytes", errAnswer, size)
	}
	return p.head[0], size, nil
}

// decode reads a piece as JSON.
func (p *pieces) decode(size int, into any) error {
	if size > maxHead {
		return fmt.Errorf("%w: a head of %d bytes", errAnswer, size)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(p.in, text); err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%w: %s", errAnswer, err)
	}
	return nil
}

// answer reads all of an answer. What comes of the payload goes to w, or into the Outcome where w is nil, then at most
// that many bytes.
func (p *pieces) answer(w AnswerWriter, most int64) (o Outcome, err error) {
	var payload []byte
	for {
		kind, size, err := p.next()
		if err != nil {
			return Outcome{}, err
		}
		switch kind {
		case answerEnds:
			err := p.decode(size, &o)
			o.Payload = payload
			return o, err
		case answerFails:
			var e wireError
			if err := p.decode(size, &e); err != nil {
				return Outcome{}, err
			}
			return Outcome{}, e.asError()
		case answerHead, answerBytes:
			if payload, err = p.part(kind, size, w, payload, most); err != nil {
				return Outcome{}, err
			}
		default:
			return Outcome{}, fmt.Errorf("%w: a piece of the kind %q", errAnswer, kind)
		}
	}
}

// part takes a head or some of the payload.
func (p *pieces) part(kind byte, size int, w AnswerWriter, payload []byte, most int64) ([]byte, error) {
	switch {
	case kind == answerHead && size <= maxHead && w != nil:
		text := make([]byte, size)
		if _, err := io.ReadFull(p.in, text); err != nil {
			return payload, err
		}
		return payload, callers(w.Head(string(text)))
	case kind == answerHead:
		return payload, fmt.Errorf("%w: a head that was not asked for", errAnswer)
	case w != nil:
		return payload, p.pass(w, size)
	case int64(len(payload)+size) > most:
		return payload, fmt.Errorf("%w: of more than %d bytes", errAnswer, most)
	}
	have := len(payload)
	if have == 0 {
		payload = make([]byte, size)
	} else {
		payload = append(payload, make([]byte, size)...)
	}
	_, err := io.ReadFull(p.in, payload[have:])
	return payload, err
}

// pass hands a part of the payload on as it comes.
func (p *pieces) pass(w io.Writer, size int) error {
	for size > 0 {
		there, err := p.in.Peek(min(size, max(1, p.in.Buffered())))
		if err != nil {
			return err
		}
		if _, err := w.Write(there); err != nil {
			return callers(err)
		}
		size -= len(there)
		p.in.Discard(len(there))
	}
	return nil
}

// callerError is one of whoever takes the answer: the line is not at fault.
type callerError struct{ error }

func (e callerError) Unwrap() error { return e.error }

func callers(err error) error {
	if err == nil {
		return nil
	}
	return callerError{err}
}

func ofCaller(err error) (error, bool) {
	var e callerError
	if errors.As(err, &e) {
		return e.error, true
	}
	return nil, false
}
