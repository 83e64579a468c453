package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// id names a record. It is a UUID (RFC 9562, version 7) that begins with the time of the record,
// 48 bits of milliseconds and 10 of microseconds, so that ids are in the order of their records
// and tell where to look for them. The rest is random: two servers may record in one microsecond.
type id [16]byte

func newID(micros int64) (n id) {
	binary.BigEndian.PutUint64(n[8:], rand.Uint64())
	n[8] = n[8]&0x3f | 0x80
	part := uint16(micros%1000)<<2 | uint16(n[15]&3)
	binary.BigEndian.PutUint64(n[:8], uint64(micros/1000)<<16|0x7000|uint64(part))
	return n
}

// micros is the time of the record.
func (n id) micros() int64 {
	head := binary.BigEndian.Uint64(n[:8])
	return int64(head>>16)*1000 + int64(head>>2&0x3ff)
}

func (n id) time() time.Time { return time.UnixMicro(n.micros()).UTC() }

func (n id) String() string {
	var b [36]byte
	hex.Encode(b[0:8], n[0:4])
	hex.Encode(b[9:13], n[4:6])
	hex.Encode(b[14:18], n[6:8])
	hex.Encode(b[19:23], n[8:10])
	hex.Encode(b[24:36], n[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// parseID reads what String wrote.
func parseID(s string) (n id, ok bool) {
	if len(s) != 36 {
		return n, false
	}
	_, err := hex.Decode(n[:], []byte(s[0:8]+s[9:13]+s[14:18]+s[19:23]+s[24:36]))
	return n, err == nil && n.String() == s
}

// sibling is the id of the record of the same call in another account: of the same time, and the
// same however often it is made.
func (n id) sibling(account string) id {
	sum := sha256.Sum256(append(n[:], account...))
	copy(n[9:], sum[:7])
	return n
}

// firstID is before all ids of a time.
func firstID(micros int64) (n id) {
	binary.BigEndian.PutUint64(n[:8], uint64(micros/1000)<<16|0x7000|uint64(micros%1000)<<2)
	return n
}
