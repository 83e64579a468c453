package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"slipway/blob"
)

// What is kept of a blob is
//
//	header   magic, salt
//	data     the bytes, under AES-256-CTR from counter 0
//	tags     one of 16 bytes for each segment of 64 KiB of data, the last of which may be shorter
//	footer   size of the data, its digest under AES-256-CTR, and a tag of both
//
// Tags are AES-256-GCM with nothing to encrypt: what they cover is additional data, and the nonce is the
// number of the segment, or footerNumber. The three keys are derived (RFC 5869) from the
// customer's key and the salt, which is random: no two uploads share one, so no counter and no nonce is
// used twice. Bytes are encrypted as they come, in any portions, and so is an upload that can still grow;
// tags come last, because they cover whole segments. This is encrypt-then-MAC: nothing is decrypted for
// a reader before the tag of its segment was checked. The footer ties all to the size, so nothing can be cut
// off, and to the digest, so no blob can stand in for another.
const (
	magic       = "SLPSEAL1"
	saltSize    = 32
	headerSize  = int64(len(magic) + saltSize)
	segmentSize = 64 << 10
	tagSize     = 16
	digestSize  = len("sha512:") + 2*sha512.Size
	footerSize  = int64(8 + digestSize + tagSize)

	footerNumber = math.MaxUint64
)

// keys are those of one blob.
type keys struct {
	data   cipher.Block
	footer cipher.Block
	tags   cipher.AEAD
}

func newHeader() []byte {
	header := append(make([]byte, 0, headerSize), magic...)
	header = header[:headerSize]
	rand.Read(header[len(magic):])
	return header
}

// keysOf derives the keys of the blob that has a header, or returns blob.ErrDamaged.
func (k Key) keysOf(header []byte) (*keys, error) {
	salt, ok := strings.CutPrefix(string(header), magic)
	if !ok || len(salt) != saltSize {
		return nil, fmt.Errorf("%w: it does not begin as what is sealed does", blob.ErrDamaged)
	}
	var made [3]cipher.Block
	for i, purpose := range []string{"data", "footer", "tags"} {
		key, err := k.derive([]byte(salt), purpose)
		if err != nil {
			return nil, err
		}
		if made[i], err = aes.NewCipher(key); err != nil {
			return nil, err
		}
		clear(key)
	}
	tags, err := cipher.NewGCM(made[2])
	return &keys{made[0], made[1], tags}, err
}

// stream encrypts, or decrypts, data from a byte on.
func (k *keys) stream(from int64) cipher.Stream {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(from)/aes.BlockSize)
	s := cipher.NewCTR(k.data, iv[:])
	var skipped [aes.BlockSize]byte
	s.XORKeyStream(skipped[:from%aes.BlockSize], skipped[:from%aes.BlockSize])
	return s
}

// tag adds the tag of a segment to dst.
func (k *keys) tag(dst []byte, number uint64, segment []byte) []byte {
	var nonce [12]byte
	binary.BigEndian.PutUint64(nonce[4:], number)
	return k.tags.Seal(dst, nonce[:], nil, segment)
}

// verify returns blob.ErrDamaged if a tag is not that of the segment.
func (k *keys) verify(tag []byte, number uint64, segment []byte) error {
	var nonce [12]byte
	binary.BigEndian.PutUint64(nonce[4:], number)
	if _, err := k.tags.Open(nil, nonce[:], tag, segment); err != nil {
		return fmt.Errorf("%w: segment %d", blob.ErrDamaged, number)
	}
	return nil
}

func (k *keys) newFooter(size int64, d blob.Digest) []byte {
	footer := binary.BigEndian.AppendUint64(make([]byte, 0, footerSize), uint64(size))
	footer = footer[:8+digestSize]
	copy(footer[8:], d)
	k.crypt(footer[8:])
	return k.tag(footer, footerNumber, footer)
}

// readFooter returns what a footer says, or blob.ErrDamaged.
func (k *keys) readFooter(footer []byte) (size int64, d blob.Digest, err error) {
	said, tag := footer[:8+digestSize], footer[8+digestSize:]
	if err := k.verify(tag, footerNumber, said); err != nil {
		return 0, "", fmt.Errorf("%w: its end is not what was sealed", blob.ErrDamaged)
	}
	digest := append([]byte(nil), said[8:]...)
	k.crypt(digest)
	return int64(binary.BigEndian.Uint64(said)), blob.Digest(strings.TrimRight(string(digest), "\x00")), nil
}

func (k *keys) crypt(digest []byte) {
	cipher.NewCTR(k.footer, make([]byte, aes.BlockSize)).XORKeyStream(digest, digest)
}

// segments is how many segments so many bytes have.
func segments(size int64) int64 { return (size + segmentSize - 1) / segmentSize }

// keptSize is how many bytes are kept of a blob of the size.
func keptSize(size int64) int64 { return headerSize + size + segments(size)*tagSize + footerSize }
