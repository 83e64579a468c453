package agent

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"slipway/nodeapi"
)

func TestCut(t *testing.T) {
	long := strings.Repeat("x", maxMessage)
	for _, c := range []struct {
		name   string
		bytes  string
		inLine bool
		all    bool
		want   []string
		left   string
	}{
		{"lines", "a\nb\n", false, false, []string{"a", "b"}, ""},
		{"an unfinished line waits", "a\nb", false, false, []string{"a"}, "b"},
		{"unless all is asked for", "a\nb", false, true, []string{"a", "b"}, ""},
		{"empty lines are lines", "\n\na\n", false, false, []string{"", "", "a"}, ""},
		{"a carriage return stays", "a\r\n", false, false, []string{"a\r"}, ""},
		{"a line feed ends the message before", "\nb\n", true, false, []string{"b"}, ""},
		{"and so does the rest of the line", "rest\nb\n", true, false, []string{"rest", "b"}, ""},
		{"not UTF-8", "a\xff\xfeb\n", false, false, []string{"a\uFFFDb"}, ""},
		{"a long line is parted", long + "yy\nz\n", false, false, []string{long, "yy", "z"}, ""},
		{"a line just long enough is not", long + "\nz\n", false, false, []string{long, "z"}, ""},
		{"not within a character", long[1:] + "é\n", false, false, []string{long[1:], "é"}, ""},
		{"a character at the end waits for its rest", "ab\xc3", false, true, []string{"ab", "\uFFFD"}, ""},
		{"nothing", "", false, true, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cut := cutter{inLine: c.inLine}
			rest := c.bytes
			for {
				n := cut.cut([]byte(rest), c.all)
				if rest = rest[n:]; n == 0 {
					break
				}
			}
			if got := messages(cut.events); !slices.Equal(got, c.want) || rest != c.left {
				t.Errorf("cut into %.80q, left %.20q, want %.80q and %.20q", got, rest, c.want, c.left)
			}
		})
	}
}

func messages(events []nodeapi.Event) (texts []string) {
	for _, e := range events {
		texts = append(texts, e.Message)
	}
	return texts
}

// However the bytes come, the pieces keep to their limits, and give the text back.
func TestCutLosesNothing(t *testing.T) {
	line := rapid.OneOf(
		rapid.StringMatching(`[a-zé日]{0,20}`),
		rapid.Just(strings.Repeat("日", 100_000)),
		rapid.Just(strings.Repeat("z", maxMessage)),
		rapid.Just(strings.Repeat("y", 2*maxMessage+1)),
	)
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(line, 0, 8).Draw(t, "lines")
		text := strings.Join(lines, "\n")
		var got strings.Builder
		inLine := false
		for rest := text; rest != ""; {
			window := rest[:min(len(rest), rapid.IntRange(1, maxPiece).Draw(t, "window"))]
			cut := cutter{inLine: inLine}
			n := cut.cut([]byte(window), len(window) == len(rest))
			checkPiece(t, cut.events)
			glue(&got, cut.events, inLine, window[:n])
			rest, inLine = rest[n:], cut.inLine
			if n == 0 && len(window) > maxMessage {
				t.Fatal("takes nothing of more than a message")
			}
		}
		if got.String() != text {
			t.Errorf("gives back %d bytes, want %d", got.Len(), len(text))
		}
	})
}

func checkPiece(t *rapid.T, events []nodeapi.Event) {
	size := 0
	for _, e := range events {
		size += len(e.Message) + perEvent
		if len(e.Message) > maxMessage || !utf8.ValidString(e.Message) {
			t.Fatalf("a message of %d bytes, valid %v", len(e.Message), utf8.ValidString(e.Message))
		}
	}
	if size > maxPiece || len(events) > maxEvents {
		t.Fatalf("a piece of %d bytes in %d events", size, len(events))
	}
}

// glue puts events together again, with the line feeds that the taken bytes had.
func glue(b *strings.Builder, events []nodeapi.Event, inLine bool, taken string) {
	if inLine && strings.HasPrefix(taken, "\n") {
		b.WriteString("\n")
		taken = taken[1:]
	}
	for _, e := range events {
		b.WriteString(e.Message)
		taken = taken[len(e.Message):]
		if strings.HasPrefix(taken, "\n") {
			b.WriteString("\n")
			taken = taken[1:]
		}
	}
	b.WriteString(taken)
}

func TestManyLinesMakeManyPieces(t *testing.T) {
	var cut cutter
	text := []byte(strings.Repeat("\n", maxEvents+5))
	if n := cut.cut(text, true); n != maxEvents || len(cut.events) != maxEvents {
		t.Errorf("took %d bytes and %d events, want %d of both", n, len(cut.events), maxEvents)
	}
}
