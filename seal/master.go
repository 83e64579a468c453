package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// MasterSize is how many bytes a master key has.
const MasterSize = 32

// markSize is how many bytes of its hash a master key is called by; a seal of format 1 has the first four.
const markSize = 8

// Master is a master key. However it is printed, it shows its mark alone.
type Master struct {
	key  [MasterSize]byte
	mark string
}

// NewMaster takes the bytes of a master key, or returns ErrMasterKey.
func NewMaster(raw []byte) (Master, error) {
	if len(raw) != MasterSize {
		return Master{}, fmt.Errorf("%w: it has %d bytes, a master key has %d", ErrMasterKey, len(raw), MasterSize)
	}
	hash := sha256.New()
	hash.Write([]byte("slipway master key"))
	hash.Write(raw)
	return Master{key: [MasterSize]byte(raw), mark: hex.EncodeToString(hash.Sum(nil)[:markSize])}, nil
}

// RandomMaster makes a new master key.
func RandomMaster() Master {
	var raw [MasterSize]byte
	defer clear(raw[:])
	rand.Read(raw[:])
	m, _ := NewMaster(raw[:]) // it has the size
	return m
}

// ParseMaster reads a master key from its base64, with or without padding and white space around it,
// or returns ErrMasterKey.
func ParseMaster(text string) (Master, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	raw, err := base64.RawStdEncoding.DecodeString(text)
	defer clear(raw)
	if err != nil { // the error would show a piece of it
		return Master{}, fmt.Errorf("%w: it is not the base64 of %d bytes", ErrMasterKey, MasterSize)
	}
	return NewMaster(raw)
}

// Mark is what a master key is called by where it may be seen: sixteen hexadecimal digits of its hash.
func (m Master) Mark() string { return m.mark }

// Text is the base64 of the key itself.
func (m Master) Text() string { return base64.StdEncoding.EncodeToString(m.key[:]) }

// Format satisfies fmt.Formatter: no verb shows the key.
func (m Master) Format(s fmt.State, _ rune) { io.WriteString(s, "master key "+m.mark) }

// wrap makes a data key unreadable without the master key.
func (m Master) wrap(key []byte, id string) ([]byte, error) {
	gcm, err := m.wrapper()
	if err != nil {
		return nil, err
	}
	return gcm.Seal(nil, nil, key, m.wrapOf(id)), nil
}

func (m Master) unwrap(wrapped []byte, id string) ([]byte, error) {
	gcm, err := m.wrapper()
	if err != nil {
		return nil, err
	}
	key, err := gcm.Open(nil, nil, wrapped, m.wrapOf(id))
	if err != nil {
		return nil, fmt.Errorf("%w: data key %s, as wrapped under master key %s", ErrDamaged, id, m.mark)
	}
	return key, nil
}

// wrapOf binds a wrap to its row.
func (m Master) wrapOf(id string) []byte { return []byte("seal_wraps/" + id + "/" + m.mark) }

// wrapper is not the master key itself: that one made the seals of format 1.
func (m Master) wrapper() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, m.key[:], nil, "slipway seal: wrap data keys", MasterSize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return newGCM(key)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
