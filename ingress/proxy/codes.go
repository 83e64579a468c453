package proxy

import (
	"fmt"
	"strconv"
	"strings"
)

// Codes are those that a healthy target answers with.
type Codes []span

type span struct{ from, to int }

// ParseCodes reads "200", "200,202" or "200-299", where each lies between least and most.
func ParseCodes(text string, least, most int) (Codes, error) {
	var codes Codes
	for one := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(one, "-")
		if !ranged {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || from < least || to > most || from > to {
			return nil, fmt.Errorf("'%s' is not a code or range of codes between %d and %d", one, least, most)
		}
		codes = append(codes, span{from, to})
	}
	return codes, nil
}

// Has tells whether a code is one of them.
func (c Codes) Has(code int) bool {
	for _, s := range c {
		if code >= s.from && code <= s.to {
			return true
		}
	}
	return false
}
