// Package datachannel speaks the protocol in which programs in containers and machines are talked to by way
// of AWS Systems Manager: messages that are numbered, acknowledged and, where nobody acknowledges them, sent
// again. It knows neither what carries them nor what is talked to.
//
// Source: the published source of the session-manager-plugin, which is its other side.
package datachannel

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"slipway/internal/errs"
)

// Types of messages.
const (
	Input        = "input_stream_data"  // from who types
	Output       = "output_stream_data" // to who types
	Acknowledge  = "acknowledge"
	ChannelClose = "channel_closed"
)

// PayloadType says what the payload of an Input or Output is.
type PayloadType uint32

// The types of payloads.
const (
	Bytes             PayloadType = 1 // what is typed or printed
	Size              PayloadType = 3 // a TerminalSize
	HandshakeRequest  PayloadType = 5
	HandshakeResponse PayloadType = 6
	HandshakeComplete PayloadType = 7
	Flag              PayloadType = 10 // four bytes
	Stderr            PayloadType = 11
)

// Flags.
const (
	Terminate uint32 = 2      // whoever types wants the session ended
	InputEnds uint32 = 0x5357 // no more is typed: Slipway's own
)

// ErrMalformed is a message that is none.
var ErrMalformed = errs.New(errs.Invalid, "malformed message of a data channel")

// MaxPayload is how long the payload of a message may be, in bytes.
const MaxPayload = 64 << 10

// Where the fields of a message are. All numbers are big endian.
const (
	typeAt     = 4
	typeSize   = 32
	versionAt  = typeAt + typeSize
	createdAt  = versionAt + 4
	sequenceAt = createdAt + 8
	flagsAt    = sequenceAt + 8
	idAt       = flagsAt + 8
	digestAt   = idAt + 16
	kindAt     = digestAt + sha256.Size
	headSize   = kindAt + 4 // what a message says of its own head
	lengthAt   = headSize
	payloadAt  = lengthAt + 4
)

// ID is that of a message: a UUID.
type ID [16]byte

func (id ID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func newID() (id ID) {
	rand.Read(id[:])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

// Message is one message.
type Message struct {
	Type     string
	Created  time.Time // to the millisecond
	Sequence int64
	Flags    uint64
	ID       ID
	Kind     PayloadType
	Payload  []byte
}

// Append adds the message as it travels.
func (m Message) Append(to []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, headSize)
	to = append(to, m.Type...)
	to = append(to, strings.Repeat(" ", typeSize-len(m.Type))...)
	to = binary.BigEndian.AppendUint32(to, 1)
	to = binary.BigEndian.AppendUint64(to, uint64(m.Created.UnixMilli()))
	to = binary.BigEndian.AppendUint64(to, uint64(m.Sequence))
	to = binary.BigEndian.AppendUint64(to, m.Flags)
	to = append(to, m.ID[8:]...) // the halves of a UUID change places
	to = append(to, m.ID[:8]...)
	digest := sha256.Sum256(m.Payload)
	to = append(to, digest[:]...)
	to = binary.BigEndian.AppendUint32(to, uint32(m.Kind))
	to = binary.BigEndian.AppendUint32(to, uint32(len(m.Payload)))
	return append(to, m.Payload...)
}

// Parse reads a message. Its payload is part of data.
func Parse(data []byte) (m Message, err error) {
	if len(data) < payloadAt || len(data) > payloadAt+MaxPayload {
		return m, fmt.Errorf("%w: of %d bytes", ErrMalformed, len(data))
	}
	if head := binary.BigEndian.Uint32(data); head != headSize {
		return m, fmt.Errorf("%w: its head has %d bytes", ErrMalformed, head)
	}
	m.Type = strings.Trim(string(data[typeAt:versionAt]), " \x00")
	m.Created = time.UnixMilli(int64(binary.BigEndian.Uint64(data[createdAt:])))
	m.Sequence = int64(binary.BigEndian.Uint64(data[sequenceAt:]))
	m.Flags = binary.BigEndian.Uint64(data[flagsAt:])
	copy(m.ID[8:], data[idAt:])
	copy(m.ID[:8], data[idAt+8:])
	m.Kind = PayloadType(binary.BigEndian.Uint32(data[kindAt:]))
	m.Payload = data[payloadAt:]
	if n := binary.BigEndian.Uint32(data[lengthAt:]); int64(n) != int64(len(m.Payload)) {
		return m, fmt.Errorf("%w: %d bytes of payload, told as %d", ErrMalformed, len(m.Payload), n)
	}
	if digest := sha256.Sum256(m.Payload); !bytes.Equal(digest[:], data[digestAt:kindAt]) {
		return m, fmt.Errorf("%w: its payload is not what its digest says", ErrMalformed)
	}
	return m, nil
}
