package agent

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"slipway/nodeapi"
)

// What one piece of output may hold. Source: Amazon CloudWatch Logs API Reference, PutLogEvents.
const (
	maxPiece    = 1 << 20 // bytes, counting perEvent more for each event
	maxEvents   = 10_000
	perEvent    = 26
	maxMessage  = 256<<10 - perEvent
	replacement = "\uFFFD"
)

// cutter turns bytes into events: a line each, without its line feed. A longer line than a
// message may be becomes several, none cut within a character.
type cutter struct {
	time   int64
	inLine bool // the bytes go on where a message ended without its line feed
	events []nodeapi.Event
	size   int
}

// cut takes events off the front of b and returns how many bytes they are made of. The end of b
// without a line feed is left, unless all is asked for: then it takes at least one byte of what is there.
func (c *cutter) cut(b []byte, all bool) (taken int) {
	for taken < len(b) && len(c.events) < maxEvents {
		message, n := c.next(b[taken:], all)
		if n == 0 || c.size+len(message)+perEvent > maxPiece {
			break
		}
		taken += n
		ended := b[taken-1] == '\n'
		if n > 1 || !ended || !c.inLine { // a line feed alone ends the message before it
			c.events = append(c.events, nodeapi.Event{Time: c.time, Message: message})
			c.size += len(message) + perEvent
		}
		c.inLine = !ended
	}
	return taken
}

// next is the first message in b, and how many bytes it takes with its line feed; none when there is no whole one.
func (c *cutter) next(b []byte, all bool) (message string, n int) {
	end := bytes.IndexByte(b[:min(len(b), maxMessage+1)], '\n')
	switch {
	case end >= 0:
		if line, whole := fitting(b[:end]); whole {
			return line, end + 1
		}
		return part(b[:end])
	case len(b) > maxMessage, all:
		return part(b[:min(len(b), maxMessage)])
	}
	return "", 0
}

// fitting is line as text, and whether that is short enough for a message.
func fitting(line []byte) (string, bool) {
	text := strings.ToValidUTF8(string(line), replacement)
	return text, len(text) <= maxMessage
}

// part is as much of b as fits into a message, up to the end of a character.
func part(b []byte) (message string, n int) {
	n = wholeRunes(b)
	text, fits := fitting(b[:n])
	if !fits { // every byte may have become a replacement
		n = wholeRunes(b[:maxMessage/len(replacement)])
		text, _ = fitting(b[:n])
	}
	return text, n
}

// wholeRunes is the length of b without a character that its end has cut, but never 0.
func wholeRunes(b []byte) int {
	for cut := 1; cut < utf8.UTFMax && cut < len(b); cut++ {
		if start := len(b) - cut; utf8.RuneStart(b[start]) {
			if !utf8.FullRune(b[start:]) {
				return start
			}
			break
		}
	}
	return len(b)
}
