package s3

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"slipway/internal/sigv4"
)

// Bounds of what comes between the bytes.
const (
	maxLine    = 1 << 10
	maxTrailer = 8 // lines
)

// chunks reads a body that comes in chunks, and holds each to its signature, if they are signed. What a wrong chunk
// had, was read before that is known: nothing of the body may count until its end is reached.
//
// Source: S3 API Reference, "Signature calculations for the Authorization header: Transferring payload in multiple
// chunks", and "Including trailing headers".
type chunks struct {
	in       *bufio.Reader
	seal     *sigv4.Seal
	signed   bool
	trailer  string // name of the header that comes behind the body, in lower case; "": none
	checksum string // that it has

	left      int64 // of the chunk that is being read
	signature string
	sum       hash.Hash
	err       error
}

func newChunks(body io.Reader, seal *sigv4.Seal, trailer string) *chunks {
	return &chunks{
		in: bufio.NewReaderSize(body, 64<<10), seal: seal, trailer: strings.ToLower(trailer), sum: sha256.New(), left: -1,
		signed: seal.Content == sigv4.SignedChunks || seal.Content == sigv4.SignedChunksTrailer,
	}
}

func (c *chunks) Read(p []byte) (n int, err error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.left <= 0 {
		c.err = c.next()
	}
	if c.err == nil && len(p) > 0 {
		n, c.err = c.in.Read(p[:min(int64(len(p)), c.left)])
		c.left -= int64(n)
		if c.signed {
			c.sum.Write(p[:n])
		}
		if errors.Is(c.err, io.EOF) {
			c.err = incompleteBody.New("The request body terminated unexpectedly")
		}
	}
	if n > 0 {
		return n, nil // the error, if any, comes with the next
	}
	return 0, c.err
}

// next ends the chunk that was read and begins another. It returns io.EOF behind the last.
func (c *chunks) next() error {
	if c.left == 0 {
		if line, err := c.line(); err != nil || len(line) > 0 {
			return bad(err, "a chunk is longer than it says")
		}
		if err := c.checkChunk(); err != nil {
			return err
		}
	}
	line, err := c.line()
	if err != nil {
		return bad(err, "a chunk has no head")
	}
	size, rest, _ := strings.Cut(string(line), ";")
	if c.left, err = strconv.ParseInt(size, 16, 64); err != nil || c.left < 0 || size[0] == '+' {
		return bad(nil, "a chunk does not say how long it is")
	}
	c.signature = strings.TrimPrefix(rest, "chunk-signature=")
	c.sum.Reset()
	if c.left > 0 {
		return nil
	}
	if err := c.checkChunk(); err != nil {
		return err
	}
	if err := c.end(); err != nil {
		return err
	}
	return io.EOF
}

func (c *chunks) checkChunk() error {
	if !c.signed {
		return nil
	}
	return c.seal.Chunk(c.sum.Sum(nil), c.signature)
}

// end reads what comes behind the last chunk.
func (c *chunks) end() error {
	var headers bytes.Buffer
	signature := ""
	for range maxTrailer {
		line, err := c.line()
		if errors.Is(err, io.EOF) && len(line) == 0 || err == nil && len(line) == 0 {
			return c.checkTrailer(headers.Bytes(), signature)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return bad(err, "the trailer ends too early")
		}
		name, value, _ := strings.Cut(string(line), ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "x-amz-trailer-signature" {
			signature = value
			continue
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, value)
		if name == c.trailer {
			c.checksum = value
		}
	}
	return bad(nil, "the trailer is too long")
}

func (c *chunks) checkTrailer(headers []byte, signature string) error {
	if c.trailer != "" && c.checksum == "" {
		return malformedTrailer.New("The request contained trailing data that was not well-formed or did not conform to our published schema.")
	}
	if c.seal.Content == sigv4.SignedChunksTrailer {
		return c.seal.Trailer(headers, signature)
	}
	return nil
}

var malformedTrailer = fault("MalformedTrailerError", 400)

// line reads a line, without its end. At the end of the body it is what is left, with io.EOF.
func (c *chunks) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if len(line) > maxLine || errors.Is(err, bufio.ErrBufferFull) {
		return nil, errChunk
	}
	if err != nil {
		return line, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// bad is what a body is refused with that is not in chunks as it should be, or what went wrong while it came.
func bad(err error, why string) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errChunk) {
		return err
	}
	return incompleteBody.Newf("The request body is not in chunks as it says: %s.", why)
}
