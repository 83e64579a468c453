package accounts

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
)

// MasterKeySize is how many random bytes the master key has.
const MasterKeySize = 32

// What is sealed begins with its format and a mark of the master key, so that both can be
// changed while older seals are still about: 1, mark (4 bytes), nonce, AES-256-GCM ciphertext.
const (
	sealFormat = 1
	markSize   = 4
)

// sealer keeps secrets unreadable in the database.
type sealer struct {
	gcm  cipher.AEAD
	head []byte // format and mark
}

func newSealer(master []byte) (*sealer, error) {
	if len(master) != MasterKeySize {
		return nil, fmt.Errorf("%w: it has %d bytes, a master key has %d", ErrMasterKey, len(master), MasterKeySize)
	}
	block, err := aes.NewCipher(master)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	mark := sha256.Sum256(append([]byte("slipway master key"), master...))
	return &sealer{gcm: gcm, head: append([]byte{sealFormat}, mark[:markSize]...)}, nil
}

// seal makes secret unreadable without the master key. What it belongs to must be named again
// to open it, so that a seal moved to another row does not open.
func (s *sealer) seal(secret, of string) []byte {
	sealed := append(make([]byte, 0, len(s.head)+len(secret)+s.gcm.Overhead()), s.head...)
	return s.gcm.Seal(sealed, nil, []byte(secret), []byte(of))
}

func (s *sealer) open(sealed []byte, of string) (string, error) {
	if len(sealed) < len(s.head) || string(sealed[:len(s.head)]) != string(s.head) {
		return "", fmt.Errorf("%w: the secret of %s was sealed under another one", ErrMasterKey, of)
	}
	secret, err := s.gcm.Open(nil, nil, sealed[len(s.head):], []byte(of))
	if err != nil {
		return "", fmt.Errorf("the sealed secret of %s is damaged: %w", of, err)
	}
	return string(secret), nil
}
