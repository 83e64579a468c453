package seal

import (
	"errors"
	"strings"
)

// splitWords parts a command line as a shell would, without anything that a shell puts in place of
// something else. In '...' every character is itself; elsewhere, "..." too, a backslash makes the
// next one so.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	var quote byte // that is open
	inWord, escaped := false, false
	for i := range len(line) {
		c := line[i]
		switch {
		case escaped:
			word.WriteByte(c)
			escaped = false
		case c == '\\' && quote != '\'':
			inWord, escaped = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			inWord, quote = true, c
		case c == ' ' || c == '\t' || c == '\n':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			inWord = true
			word.WriteByte(c)
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("a quote or backslash is open at its end")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
