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
	var quote rune // that is open
	inWord, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			inWord, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			inWord, quote = true, r
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			inWord = true
			word.WriteRune(r)
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
