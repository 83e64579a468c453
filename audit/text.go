package audit

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes a text one that can be kept and printed: valid UTF-8 of at most max bytes, in which
// what is not printable has become U+FFFD.
func clean(s string, max int) string {
	if len(s) <= max && isPlain(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !unicode.IsPrint(r) {
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

// longSecret finds what looks like a secret key or a token: many characters without a break.
var longSecret = regexp.MustCompile(`[A-Za-z0-9+/=]{40,}`)

// maxMessage is how much of a message is looked at: the rest is not kept.
const maxMessage = 2048

// withoutSecrets takes out of a message what could be a secret that the caller sent. Messages
// of rooms and doors hold none; this is for the one that some day does.
func withoutSecrets(message string) string {
	if message == "" {
		return ""
	}
	message, _, _ = strings.Cut(message[:min(len(message), maxMessage)], "The Canonical String")
	for _, pattern := range secretPatterns {
		message = pattern.ReplaceAllString(message, "$1$2***")
	}
	return longSecret.ReplaceAllStringFunc(message, func(s string) string {
		if isMixed(s) {
			return "***"
		}
		return s
	})
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
