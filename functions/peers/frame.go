package peers

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// An answer is frames: a kind, a length of four bytes, and so many bytes.
const (
	frameBegan = 1 + iota // which version and release run, as JSON
	frameHead             // the content type of a streamed answer
	frameBytes            // a piece of the answer
	frameEnd              // how the call ended, as JSON
	frameFails            // why it was not made, or not to its end, as JSON
)

const frameHeader = 5

func appendFrame(to []byte, kind byte, payload []byte) []byte {
	to = binary.BigEndian.AppendUint32(append(to, kind), uint32(len(payload)))
	return append(to, payload...)
}

func appendJSON(to []byte, kind byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return to, err
	}
	return appendFrame(to, kind, text), nil
}

// readFrame reads the next one. Its bytes are the caller's.
func readFrame(r *bufio.Reader) (kind byte, payload []byte, err error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(header[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", errFrame, n)
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	return header[0], payload, err
}
