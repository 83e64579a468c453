// Package ids makes the identifiers that Slipway gives out. They are random, so
// they tell nothing of order, number or neighbours.
package ids

import (
	"crypto/rand"
	"encoding/hex"
)

// Hex returns 2n lower-case hexadecimal digits of randomness, the form of ECS task ids (n = 16).
func Hex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b)
}

// UUID returns a random UUID (RFC 9562, version 4), the form of AWS request ids.
func UUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	text, begin := make([]byte, 0, 37), 0
	for _, end := range [...]int{4, 6, 8, 10, 16} {
		text = append(hex.AppendEncode(text, b[begin:end]), '-')
		begin = end
	}
	return string(text[:36])
}

const base32Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// Base32 returns n characters of A-Z and 2-7, the alphabet of AWS access key ids.
func Base32(n int) string { return draw(n, base32Digits) }

const secretDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// Secret returns n characters of six random bits each, the form of AWS secret access keys (n = 40).
func Secret(n int) string { return draw(n, secretDigits) }

// draw returns n of the digits, of which there are a power of two: none is favoured.
func draw(n int, digits string) string {
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] = digits[int(b[i])%len(digits)]
	}
	return string(b)
}

// Digits returns n decimal digits, the first not zero, the form of AWS account ids (n = 12).
func Digits(n int) string {
	b := make([]byte, 0, n)
	var r [1]byte
	for len(b) < n {
		rand.Read(r[:])
		if d := r[0]; d < 250 && (len(b) > 0 || d%10 != 0) { // 250 is the largest multiple of ten: no digit is favoured
			b = append(b, '0'+d%10)
		}
	}
	return string(b)
}
