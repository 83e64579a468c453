package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// A seal is its head, a nonce and AES-256-GCM ciphertext. The head is the format and the id of the key:
//
//	1  the first 4 bytes of a master key's mark: that key sealed, with the row's id as additional data
//	2  the 8 bytes of a data key's id: that key sealed, with table/column/id as additional data
const (
	format1 = 1
	format2 = 2
)

// idSizes is how many bytes the id of a key has in the head of each format.
var idSizes = [...]int{format1: 4, format2: 8}

// dataKey opens seals, and makes them while it is the current one.
type dataKey struct {
	id     string // hexadecimal
	format int
	raw    []byte // to wrap it under another master key
	gcm    cipher.AEAD
}

func newDataKey(id string, format int, raw []byte) (*dataKey, error) {
	gcm, err := newGCM(raw)
	if err != nil {
		return nil, fmt.Errorf("data key %s: %w", id, err)
	}
	return &dataKey{id, format, raw, gcm}, nil
}

func randomDataKey() (*dataKey, error) {
	id, raw := make([]byte, idSizes[format2]), make([]byte, 32)
	rand.Read(id)
	rand.Read(raw)
	return newDataKey(hex.EncodeToString(id), format2, raw)
}

// asDataKey is the master key as the key that it was for seals of format 1.
func (m Master) asDataKey() (*dataKey, error) {
	return newDataKey(m.mark[:2*idSizes[format1]], format1, append([]byte(nil), m.key[:]...))
}

// head is what seals made with the key begin with.
func (k *dataKey) head() string { return headFor(k.format, k.id) }

func headFor(format int, id string) string {
	raw, _ := hex.DecodeString(id) // as it was made
	return string(append([]byte{byte(format)}, raw...))
}

// Format satisfies fmt.Formatter: no verb shows the key.
func (k *dataKey) Format(s fmt.State, _ rune) { fmt.Fprint(s, "data key "+k.id) }

// headOf is the head of a seal, or nil of what is none.
func headOf(sealed []byte) []byte {
	if len(sealed) == 0 || sealed[0] == 0 || int(sealed[0]) >= len(idSizes) {
		return nil
	}
	size := 1 + idSizes[sealed[0]]
	if len(sealed) < size {
		return nil
	}
	return sealed[:size]
}

func (k *dataKey) seal(plain []byte, of place) []byte {
	head := k.head()
	sealed := append(make([]byte, 0, len(head)+len(plain)+k.gcm.Overhead()), head...)
	return k.gcm.Seal(sealed, nil, plain, k.bind(of))
}

func (k *dataKey) open(sealed []byte, of place) ([]byte, error) {
	plain, err := k.gcm.Open(nil, nil, sealed[1+idSizes[k.format]:], k.bind(of))
	if err != nil {
		return nil, fmt.Errorf("%w: that of %s", ErrDamaged, of)
	}
	return plain, nil
}

// bind is the additional data: a seal opens only where it was made.
func (k *dataKey) bind(of place) []byte {
	if k.format == format1 {
		return []byte(of.id)
	}
	return []byte(of.column + of.id)
}

// place is what a seal belongs to.
type place struct {
	column string // "table/column/"
	id     string
}

func (p place) String() string { return p.column + p.id }
