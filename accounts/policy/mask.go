package policy

import "unicode/utf8"

// manyMarks is how many "?" make a stretch worth the tables of findMasked. Without them, each one
// multiplies the time that an unlucky text takes.
const manyMarks = 8

func marks(stretch []piece) (n int) {
	for i := range stretch {
		if stretch[i].kind == onePiece {
			n++
		}
	}
	return n
}

// masks tell for each character at which places of a stretch it may stand: bit i of word i/64 is
// place i. (The Shift-And algorithm of Baeza-Yates and Gonnet, "A New Approach to Text Searching",
// CACM 35/10, 1992.)
type masks struct {
	length int
	any    []uint64 // the places of "?"
	of     map[rune][]uint64
}

func newMasks(stretch []piece) *masks {
	m := &masks{of: map[rune][]uint64{}}
	for i := range stretch {
		m.length++
		if stretch[i].kind == textPiece {
			m.length += utf8.RuneCountInString(stretch[i].text) - 1
		}
	}
	words := (m.length + 63) / 64
	m.any = make([]uint64, words)
	place := 0
	for i := range stretch {
		if stretch[i].kind == onePiece {
			m.any[place/64] |= 1 << (place % 64)
			place++
		}
		for _, r := range stretch[i].text {
			if m.of[r] == nil {
				m.of[r] = make([]uint64, words)
			}
			m.of[r][place/64] |= 1 << (place % 64)
			place++
		}
	}
	for _, mask := range m.of {
		for w := range mask {
			mask[w] |= m.any[w]
		}
	}
	return m
}

// at returns the mask of a character. A byte that is no UTF-8 is none that a policy can name.
func (m *masks) at(r rune, size int) []uint64 {
	if mask := m.of[r]; mask != nil && (r != utf8.RuneError || size > 1) {
		return mask
	}
	return m.any
}

// findMasked is find for stretches with many "?": it takes a step of a 64th of the stretch for each
// character of s, however the two look.
func findMasked(stretch []piece, s string) int {
	m := newMasks(stretch)
	state := make([]uint64, len(m.any)) // bit i: the last i+1 characters match the first i+1 places
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		carry := uint64(1)
		for w, mask := range m.at(r, size) {
			shifted := state[w]<<1 | carry
			carry = state[w] >> 63
			state[w] = shifted & mask
		}
		if last := m.length - 1; state[last/64]>>(last%64)&1 != 0 {
			return i
		}
	}
	return -1
}
