package objects

import (
	"crypto/sha1" // a checksum that clients ask for, and no proof
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strconv"
)

// Checksum is one that a client had made of an object, beside its ETag. Source: S3 User Guide, "Checking object
// integrity".
type Checksum struct {
	Algorithm string `json:"algorithm"` // one of Algorithms
	Kind      string `json:"kind"`      // FullObject or Composite
	Value     string `json:"value"`     // base64; of a composite one with "-" and the number of parts
}

// What a checksum is made of.
const (
	FullObject = "FULL_OBJECT" // of the bytes
	Composite  = "COMPOSITE"   // of the checksums of the parts
)

// Algorithms of checksums.
var Algorithms = []string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"}

// nvme is the polynomial of CRC-64/NVME, reflected. Source: NVM Express NVM Command Set Specification, 5.2.1.3.4.
const nvme = 0x9a6c9329ac4bc9b5

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvmeTable  = crc64.MakeTable(nvme)
)

// KnownAlgorithm reports whether there are checksums of the name.
func KnownAlgorithm(name string) bool { return newChecksum(name) != nil }

// newChecksum is nil for an algorithm that is not known.
func newChecksum(algorithm string) hash.Hash {
	switch algorithm {
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(castagnoli)
	case "CRC64NVME":
		return crc64.New(nvmeTable)
	case "SHA1":
		return sha1.New()
	case "SHA256":
		return sha256.New()
	}
	return nil
}

// DefaultKind is what a checksum of an object in parts is where nobody says.
func DefaultKind(algorithm string) string {
	if algorithm == "CRC64NVME" {
		return FullObject
	}
	return Composite
}

// joinChecksums makes the checksum of an object out of those of its parts: all have one.
func joinChecksums(algorithm, kind string, parts []Part) (Checksum, error) {
	sum := Checksum{Algorithm: algorithm, Kind: kind}
	if kind == FullObject {
		sum.Value = combineCRC(algorithm, parts)
		return sum, nil
	}
	h := newChecksum(algorithm)
	for _, p := range parts {
		b, err := base64.StdEncoding.DecodeString(p.Checksum)
		if err != nil {
			return sum, err
		}
		h.Write(b)
	}
	sum.Value = base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts))
	return sum, nil
}

// combineCRC makes the CRC of all bytes out of those of parts that follow one another.
func combineCRC(algorithm string, parts []Part) string {
	width, polynomial := 4, uint64(crc32.IEEE)
	switch algorithm {
	case "CRC32C":
		polynomial = crc32.Castagnoli
	case "CRC64NVME":
		width, polynomial = 8, nvme
	}
	all := uint64(0)
	for _, p := range parts {
		b, _ := base64.StdEncoding.DecodeString(p.Checksum) // ours
		all = shiftCRC(all, polynomial, width*8, p.Size) ^ bigEndian(b)
	}
	b := binary.BigEndian.AppendUint64(nil, all)
	return base64.StdEncoding.EncodeToString(b[8-width:])
}

func bigEndian(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// shiftCRC is a CRC with so many zero bytes after what it is of: one linear map over GF(2), which is squared for every
// bit of the number. Source: zlib, crc32_combine.
func shiftCRC(crc, polynomial uint64, bits int, zeros int64) uint64 {
	step := make([]uint64, bits) // what one zero bit makes of each bit
	step[0] = polynomial
	for i := 1; i < bits; i++ {
		step[i] = 1 << (i - 1)
	}
	for range 3 {
		step = squared(step)
	}
	for ; zeros > 0; zeros >>= 1 {
		if zeros&1 == 1 {
			crc = times(step, crc)
		}
		step = squared(step)
	}
	return crc
}

func squared(m []uint64) []uint64 {
	s := make([]uint64, len(m))
	for i := range m {
		s[i] = times(m, m[i])
	}
	return s
}

func times(m []uint64, v uint64) (sum uint64) {
	for i := 0; v > 0; i, v = i+1, v>>1 {
		if v&1 == 1 {
			sum ^= m[i]
		}
	}
	return sum
}
