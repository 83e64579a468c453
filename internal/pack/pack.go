// Package pack writes numbers and texts one behind the other and reads them back, for records that
// are kept by the million. The reader believes nothing: from bytes that are cut or damaged it takes
// nothing that is not there.
//
// Numbers are those of encoding/binary; a text is its length and its bytes.
package pack

import "encoding/binary"

// AppendText writes a text behind b.
func AppendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Reader takes values off the front of Rest. After one that is not there Bad is set, and that value and
// all after it are worth nothing.
type Reader struct {
	Rest string
	Bad  bool
}

// Varint takes what binary.AppendVarint wrote.
func (r *Reader) Varint() int64 {
	u := r.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// Uvarint takes what binary.AppendUvarint wrote.
func (r *Reader) Uvarint() (u uint64) {
	for i := 0; i < len(r.Rest) && i < binary.MaxVarintLen64; i++ {
		u |= uint64(r.Rest[i]&0x7f) << (7 * i)
		if r.Rest[i] < 0x80 {
			r.Rest = r.Rest[i+1:]
			return u
		}
	}
	r.Bad = true
	return 0
}

// Byte takes one byte.
func (r *Reader) Byte() byte {
	if len(r.Rest) == 0 {
		r.Bad = true
		return 0
	}
	b := r.Rest[0]
	r.Rest = r.Rest[1:]
	return b
}

// Text takes what AppendText wrote. It shares the memory of Rest.
func (r *Reader) Text() string {
	n := r.Uvarint()
	if r.Bad || n > uint64(len(r.Rest)) {
		r.Bad = true
		return ""
	}
	text := r.Rest[:n]
	r.Rest = r.Rest[n:]
	return text
}
