package audit

import (
	"encoding/binary"
	"hash/crc32"
)

// A frame is a record in a spool file: its length, a CRC-32C of that and the record, and the
// record. The CRC begins with a number that comes from the file's name, so that no caller can
// have a text kept that passes for a frame.
const frameHead = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// saltOf is the number that the checksums of a file begin with.
func saltOf(name string) uint32 { return crc32.Checksum([]byte(name), castagnoli) }

// sealFrame fills in the head of a frame, whose record stands behind it.
func sealFrame(frame []byte, salt uint32) {
	binary.LittleEndian.PutUint32(frame, uint32(len(frame)-frameHead))
	binary.LittleEndian.PutUint32(frame[4:], frameSum(frame, salt))
}

func frameSum(frame []byte, salt uint32) uint32 {
	return crc32.Update(crc32.Update(salt, castagnoli, frame[:4]), castagnoli, frame[frameHead:])
}

// frameAt returns how long the frame is that b begins with. short says that b may have only the
// beginning of one.
func frameAt(b []byte, salt uint32) (size int, short, ok bool) {
	if len(b) < frameHead {
		return 0, true, false
	}
	n := binary.LittleEndian.Uint32(b)
	if n <= idAt+uint32(len(id{})) || n > maxRecord {
		return 0, false, false
	}
	if size = frameHead + int(n); size > len(b) {
		return 0, true, false
	}
	return size, false, frameSum(b[:size], salt) == binary.LittleEndian.Uint32(b[4:])
}

// frames returns the records in a piece of a file, how much of the piece they take, and how many
// bytes between them hold none: what a power cut or a bad disk has left. Unless the piece ends
// with the file, what may be the beginning of a frame is left for the next piece.
func frames(b []byte, salt uint32, atEnd bool) (records []string, n, lost int) {
	text := string(b)
	for n < len(b) {
		size, short, ok := frameAt(b[n:], salt)
		switch {
		case ok:
			records = append(records, text[n+frameHead:n+size])
			n += size
		case short && !atEnd && n > 0:
			return records, n, lost
		default:
			n++
			lost++
		}
	}
	return records, n, lost
}
