package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// What a request may say of its body instead of its hash. Source: S3 API Reference, "Authenticating Requests:
// Using the Authorization Header".
const (
	Unsigned              = unsigned
	UnsignedTrailer       = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	SignedChunks          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	SignedChunksTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	signatureOfNothing    = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	chunkAlgorithm        = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerAlgorithm      = "AWS4-HMAC-SHA256-TRAILER"
	contentHash           = "X-Amz-Content-Sha256"
	textNoContentHash     = "Missing required header for this request: x-amz-content-sha256"
	textHeadersNotSigned  = "There were headers present in the request which were not signed: %s"
	textUnknownContentSum = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
)

// Seal is what the signature of a request says of its body. It is for one body, and one goroutine.
type Seal struct {
	Content string // Unsigned, UnsignedTrailer, SignedChunks, SignedChunksTrailer, or a SHA-256 in hexadecimal digits

	key      [sha256.Size]byte
	stamp    string // time and scope
	previous string // signature that the next one goes on from
}

// VerifyHead returns nil and what the body is held to, if c's signature is that of r, whose body is not read. All
// headers that AWS knows have to be signed.
func (v *Verifier) VerifyHead(c *Claim, r *http.Request, secret string) (*Seal, error) {
	if err := c.checkHeaders(r); err != nil {
		return nil, err
	}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(c.headers, name) {
			return nil, refuse(Mismatch, textHeadersNotSigned, name)
		}
	}
	content, err := c.content(r)
	if err != nil {
		return nil, err
	}
	if err := v.verify(c, r, content, secret); err != nil {
		return nil, err
	}
	key, _ := v.key(c, secret)
	return &Seal{Content: content, key: key, stamp: c.Time.Format(timeLayout) + "\n" + c.scope() + "\n", previous: hex.EncodeToString(c.signature)}, nil
}

// content is what the request says of its body. A presigned one need not say anything.
func (c *Claim) content(r *http.Request) (string, error) {
	said := c.bodyHash
	if said == "" {
		said = r.Header.Get(contentHash)
	}
	switch said {
	case "":
		if c.presigned {
			return unsigned, nil
		}
		return "", refuse(Incomplete, textNoContentHash)
	case Unsigned, UnsignedTrailer, SignedChunks, SignedChunksTrailer:
		return said, nil
	}
	if b, err := hex.DecodeString(said); err != nil || len(b) != sha256.Size {
		return "", refuse(Incomplete, textUnknownContentSum)
	}
	return said, nil
}

// Chunk returns nil if the signature is that of the next chunk, whose bytes have a SHA-256.
func (s *Seal) Chunk(sum []byte, signature string) error {
	return s.next(chunkAlgorithm+"\n"+s.stamp+s.previous+"\n"+signatureOfNothing+"\n"+hex.EncodeToString(sum), signature)
}

// Trailer returns nil if the signature is that of the trailer, which is its headers as "name:value\n".
func (s *Seal) Trailer(headers []byte, signature string) error {
	sum := sha256.Sum256(headers)
	return s.next(trailerAlgorithm+"\n"+s.stamp+s.previous+"\n"+hex.EncodeToString(sum[:]), signature)
}

func (s *Seal) next(text, signature string) error {
	sum := mac(s.key[:], []byte(text))
	want := hex.EncodeToString(sum[:])
	if !hmac.Equal([]byte(want), []byte(signature)) {
		return refuse(Mismatch, "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	}
	s.previous = want
	return nil
}
