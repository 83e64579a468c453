package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// canonicalSize is room for most canonical requests, in bytes.
const canonicalSize = 1024

// appendCanonical writes the text that a signature covers, for a path in canonical form.
func appendCanonical(b []byte, r *http.Request, canonicalPath string, headers []string, bodyHash string) []byte {
	b = append(append(b, r.Method...), '\n')
	b = append(append(b, canonicalPath...), '\n')
	b = append(appendQuery(b, r.URL.RawQuery), '\n')
	for _, name := range headers {
		b = append(append(b, name...), ':')
		b = append(appendHeader(b, r, name), '\n')
	}
	b = append(b, '\n')
	for i, name := range headers {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	b = append(b, '\n')
	return append(b, bodyHash...)
}

// paths returns the canonical forms of the request's path: escaped once more as it was sent, which is
// what most clients sign, and without dot segments and doubled slashes, as the specification has it.
// S3 signs the path as sent.
func paths(r *http.Request, service string) []string {
	sent := r.URL.EscapedPath()
	if sent == "" {
		sent = "/"
	}
	if service == "s3" {
		return []string{sent}
	}
	forms := []string{string(appendEscaped(nil, sent, true))}
	if clean := cleanPath(sent); clean != sent {
		forms = append(forms, string(appendEscaped(nil, clean, true)))
	}
	return forms
}

func cleanPath(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	clean := path.Clean(p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// appendQuery writes the parameters escaped and sorted, all but the signature.
func appendQuery(b []byte, raw string) []byte {
	if raw == "" {
		return b
	}
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		if part != "" && name != "X-Amz-Signature" {
			pairs = append(pairs, pair{reescape(name), reescape(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, p.name...), '='), p.value...)
	}
	return b
}

// reescape writes a query part in the one canonical form, whatever the client left unescaped.
func reescape(part string) string {
	plain, err := url.QueryUnescape(part)
	if err != nil {
		plain = part
	}
	return string(appendEscaped(nil, plain, false))
}

// appendEscaped writes s with all but the unreserved characters of RFC 3986 as %XX.
func appendEscaped(b []byte, s string, keepSlash bool) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '/' && keepSlash:
			b = append(b, c)
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

// appendHeader writes a header's values, trimmed and joined with commas.
func appendHeader(b []byte, r *http.Request, name string) []byte {
	switch name {
	case "host":
		return append(b, r.Host...)
	case "content-length": // net/http may keep it in the field alone
		if r.Header.Get(name) == "" && r.ContentLength >= 0 {
			return strconv.AppendInt(b, r.ContentLength, 10)
		}
	}
	for i, value := range r.Header.Values(name) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrimmed(b, value)
	}
	return b
}

// appendTrimmed writes value without spaces around it, and runs of spaces inside as one.
func appendTrimmed(b []byte, value string) []byte {
	value = strings.Trim(value, " \t")
	if !strings.Contains(value, "  ") {
		return append(b, value...)
	}
	for i := range len(value) {
		if value[i] != ' ' || value[i-1] != ' ' {
			b = append(b, value[i])
		}
	}
	return b
}

// stringToSign binds the canonical request to a time and a scope.
func stringToSign(c *Claim, canonical []byte) []byte {
	sum := sha256.Sum256(canonical)
	b := make([]byte, 0, 160)
	b = append(b, algorithm+"\n"...)
	b = append(c.Time.AppendFormat(b, timeLayout), '\n')
	for _, part := range [...]string{c.Date, "/", c.Region, "/", c.Service, "/" + terminator + "\n"} {
		b = append(b, part...)
	}
	return hex.AppendEncode(b, sum[:])
}

func (c *Claim) scope() string {
	return c.Date + "/" + c.Region + "/" + c.Service + "/" + terminator
}

// derive makes the key that signs everything of one scope.
func derive(secret string, c *Claim) [sha256.Size]byte {
	key := mac([]byte("AWS4"+secret), []byte(c.Date))
	key = mac(key[:], []byte(c.Region))
	key = mac(key[:], []byte(c.Service))
	return mac(key[:], []byte(terminator))
}

func mac(key, text []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	h.Sum(sum[:0])
	return sum
}
