package s3

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"slipway/internal/sigv4"
)

// Whatever comes in chunks, it ends: as the bytes that were in them, however it is read, or with an error.
func FuzzChunks(f *testing.F) {
	for _, seed := range []string{
		"3\r\nabc\r\n0\r\n\r\n", "3;chunk-signature=00\r\nabc\r\n0;chunk-signature=11\r\n\r\n", "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "0\r\n", "0", "", "-1\r\n",
		"+1\r\na\r\n0\r\n\r\n", "ffffffffffffffff\r\n", "7fffffffffffffff\r\nabc", "3\r\nabcd\r\n0\r\n\r\n", "3\nabc\n0\n\n", ";\r\n", "0\r\na:b\r\na:b\r\na:b\r\na:b\r\na:b\r\na:b\r\na:b\r\na:b\r\na:b\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		whole, err := io.ReadAll(chunksOf(bytes.NewReader(body)))
		if len(whole) > len(body) {
			t.Fatalf("%d bytes came out of %d", len(whole), len(body))
		}
		slowly, again := io.ReadAll(iotest.OneByteReader(chunksOf(iotest.OneByteReader(bytes.NewReader(body)))))
		if (err == nil) != (again == nil) || err == nil && !bytes.Equal(whole, slowly) {
			t.Fatalf("%q is %q, %v, and read slowly %q, %v", body, whole, err, slowly, again)
		}
		if err != nil {
			return
		}
		sent := fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(whole), whole)
		if len(whole) == 0 {
			sent = []byte("0\r\n\r\n")
		}
		if got, err := io.ReadAll(chunksOf(bytes.NewReader(sent))); err != nil || !bytes.Equal(got, whole) {
			t.Fatalf("sent again, %q is %q, %v", whole, got, err)
		}
	})
}

func chunksOf(r io.Reader) io.Reader {
	return newChunks(r, &sigv4.Seal{Content: sigv4.UnsignedTrailer}, "")
}
