package s3

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"slipway/internal/paced"
	"slipway/internal/sigv4"
	"slipway/objects"
)

const (
	checksumPrefix = "X-Amz-Checksum-"
	maxDocument    = 4 << 20 // bytes of XML: 10,000 parts have room
)

// payload is the body of a request as its bytes were before they were sent, and what was said of them.
type payload struct {
	body      io.Reader
	size      int64
	algorithm string // of the checksum that is said, or wanted; "": none

	seal     *sigv4.Seal
	md5      string // of Content-MD5, base64; "": not said
	checksum string // base64; "": not said, or it comes behind the body
	chunks   *chunks
}

// payload reads how a body comes. Nothing of it is read yet.
func (c *call) payload() (*payload, error) {
	p := &payload{size: c.r.ContentLength, seal: c.seal, md5: c.r.Header.Get("Content-Md5")}
	p.body = paced.NewBody(c.w, c.r)
	if err := p.readChecksum(c.r.Header); err != nil {
		return nil, err
	}
	if b, err := base64.StdEncoding.DecodeString(p.md5); err != nil || p.md5 != "" && len(b) != 16 {
		return nil, invalidDigest.New("The Content-MD5 you specified was invalid.")
	}
	if strings.HasPrefix(c.seal.Content, "STREAMING-") {
		if err := p.unwrap(c.r.Header); err != nil {
			return nil, err
		}
	}
	switch {
	case p.size < 0:
		return nil, missingLength.New("You must provide the Content-Length HTTP header.")
	case p.size > objects.MaxPut:
		return nil, objects.ErrTooLarge
	}
	return p, nil
}

// unwrap takes a body out of the chunks that it comes in.
func (p *payload) unwrap(h http.Header) error {
	size, err := strconv.ParseInt(h.Get("X-Amz-Decoded-Content-Length"), 10, 64)
	if err != nil || size < 0 {
		return missingLength.New("You must provide the X-Amz-Decoded-Content-Length HTTP header.")
	}
	p.size, p.chunks = size, newChunks(p.body, p.seal, h.Get("X-Amz-Trailer"))
	p.body = p.chunks
	return nil
}

// readChecksum finds the checksum that is said, or that is to come behind the body.
func (p *payload) readChecksum(h http.Header) error {
	for _, algorithm := range objects.Algorithms {
		value := h.Get(checksumPrefix + algorithm)
		behind := strings.EqualFold(h.Get("X-Amz-Trailer"), checksumPrefix+algorithm)
		if value == "" && !behind {
			continue
		}
		if p.algorithm != "" {
			return invalidRequest.New("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		if _, err := base64.StdEncoding.DecodeString(value); err != nil {
			return invalidRequest.Newf("Value for x-amz-checksum-%s header is invalid.", strings.ToLower(algorithm))
		}
		p.algorithm, p.checksum = algorithm, value
	}
	if p.algorithm == "" {
		p.algorithm = strings.ToUpper(h.Get("X-Amz-Sdk-Checksum-Algorithm"))
	}
	if p.algorithm != "" && !objects.KnownAlgorithm(p.algorithm) {
		return invalidRequest.New("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	return nil
}

// content is the payload as the room takes it.
func (p *payload) content() objects.Content {
	return objects.Content{Body: p.body, Size: p.size, Algorithm: p.algorithm, Check: p.check}
}

// check compares what came with what was said of it.
func (p *payload) check(s objects.Sums) error {
	if sum, err := hex.DecodeString(p.seal.Content); err == nil && subtle.ConstantTimeCompare(sum, s.SHA256) == 0 {
		return contentMismatch.New("The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	if p.md5 != "" && p.md5 != base64.StdEncoding.EncodeToString(s.MD5) {
		return badDigest.New("The Content-MD5 you specified did not match what we received.")
	}
	said := p.checksum
	if p.chunks != nil && p.chunks.checksum != "" {
		said = p.chunks.checksum
	}
	if said != "" && said != base64.StdEncoding.EncodeToString(s.Checksum) {
		return badDigest.Newf("The %s you specified did not match the calculated checksum.", p.algorithm)
	}
	return nil
}

// document reads a body that is XML.
func (c *call) document(into any) error {
	p, err := c.payload()
	if err != nil {
		return err
	}
	if p.size > maxDocument {
		return tooLarge.New("Your proposed upload exceeds the maximum allowed size")
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(p.body, maxDocument+1)); err != nil {
		return err
	}
	if int64(b.Len()) != p.size {
		return objects.ErrIncomplete
	}
	if err := p.check(objects.Sum(b.Bytes(), p.algorithm)); err != nil {
		return err
	}
	if err := xml.Unmarshal(b.Bytes(), into); err != nil {
		return malformedXML.New("The XML you provided was not well-formed or did not validate against our published schema")
	}
	return nil
}

// isEmpty reports whether a request comes without a body.
func isEmpty(r *http.Request) bool { return r.ContentLength == 0 }

var errChunk = errors.New("not in chunks")
