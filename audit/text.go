package audit

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes a text one that can be kept and printed on a line: valid UTF-8 of at most max bytes, in
// which breaks have become spaces, and what else is not printable U+FFFD.
func clean(s string, max int) string {
	if len(s) <= max && isPlain(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case !unicode.IsPrint(r):
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > max {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isPlain tells whether a text is all printable ASCII.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isKeyID tells an access key id from what somebody may have sent in its place, such as the secret.
func isKeyID(s string) bool {
	if len(s) < 16 || len(s) > 128 || s[0] != 'A' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// What a message may repeat of a request that nobody but the caller should know: the headers and
// parameters of signatures, and whatever is called a secret.
var secretPatterns = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\b(x-amz-(?:security-token|signature|credential)|authorization)(\s*[:=]\s*)\S+`),
	regexp.MustCompile(`(?i)\b(bearer|basic)(\s+)[A-Za-z0-9+/=._-]{16,}`),
	regexp.MustCompile(`(?i)\b(signature|password|passwd|secret(?:[ _-]?(?:access)?[ _-]?key)?|(?:session|security|access|refresh)?[ _-]?token)` +
		`(["']?\s*(?:=|:\s|:["'])\s*["']?|\s+["'])[^\s,;&"']+`),
}

// secretWords are in every text, in small letters, that a pattern is found in: most have none.
var secretWords = []string{"x-amz-", "authorization", "bearer", "basic", "signature", "passw", "secret", "token"}

const (
	maxMessage = 2048 // of a message is looked at: the rest is not kept
	longSecret = 40   // characters without a break are what a secret key has, and a token
)

// withoutSecrets takes out of a message what could be a secret that the caller sent. Messages
// of rooms and doors hold none; this is for the one that some day does.
func withoutSecrets(message string) string {
	if message == "" {
		return ""
	}
	message, _, _ = strings.Cut(message[:min(len(message), maxMessage)], "The Canonical String")
	small := strings.ToLower(message)
	if slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(small, word) }) {
		for _, pattern := range secretPatterns {
			message = pattern.ReplaceAllString(message, "$1$2***")
		}
	}
	return strings.TrimSpace(withoutKeys(message))
}

// withoutKeys takes out what looks like a secret key or a token, whatever stands beside it.
func withoutKeys(message string) string {
	from := 0
	for i := 0; i <= len(message); i++ {
		if i < len(message) && isKeyByte(message[i]) {
			continue
		}
		if i-from >= longSecret && isMixed(message[from:i]) {
			message = message[:from] + "***" + message[i:]
			i = from + len("***")
		}
		from = i + 1
	}
	return message
}

// isKeyByte tells whether a byte is one of base64's.
func isKeyByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '='
}

// isMixed tells random characters from names, digests and ARNs, which have few capitals.
func isMixed(s string) bool {
	upper, lower, digits := 0, 0, 0
	for _, c := range s {
		switch {
		case unicode.IsUpper(c):
			upper++
		case unicode.IsLower(c):
			lower++
		case unicode.IsDigit(c):
			digits++
		}
	}
	return upper > 4 && lower > 4 && digits > 0
}
