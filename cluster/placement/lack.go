package placement

import (
	"cmp"
	"fmt"
	"slices"
)

// Lack is what many refusals with the same reason come to.
type Lack struct {
	Reason   Reason
	Machines int    // that said so
	Detail   string // what the first of them said

	Needed, Left, All int `json:",omitempty"` // of the resource that was short: the most that one of them has left, and has in all
}

func (l *Lack) add(r *Refusal) {
	if l.Machines++; l.Machines == 1 {
		l.Detail, l.Needed, l.Left, l.All = r.Detail, r.Needed, r.Left, r.All
		return
	}
	l.Left, l.All = max(l.Left, r.Left), max(l.All, r.All)
}

// sums are the lacks of one answer, in the order in which they came up.
type sums []Lack

// of finds the sum of a reason; constraints of one kind are told apart by their texts.
func (s *sums) of(reason Reason, text string) *Lack {
	i := slices.IndexFunc(*s, func(l Lack) bool { return l.Reason == reason && (text == "" || l.Detail == text) })
	if i < 0 {
		i = len(*s)
		*s = append(*s, Lack{Reason: reason, Detail: text})
	}
	return &(*s)[i]
}

// Sum is what refusals come to.
func Sum(refused []Refusal) []Lack {
	var all sums
	for i := range refused {
		r, text := &refused[i], ""
		if slices.Contains([]Reason{NotMember, NotTagged, NotTogether, NotDistinct, Invalid}, r.Reason) {
			text = r.Detail
		}
		all.of(r.Reason, text).add(r)
	}
	return all
}

// Advice says in a sentence for each lack what would have to change: "3 of 5 machines lack memory: the
// largest free is 900 MiB, 1024 are needed".
func Advice(lacks []Lack) (sentences []string) {
	machines := 0
	for _, l := range lacks {
		machines += l.Machines
	}
	for _, l := range lacks {
		sentences = append(sentences, fmt.Sprintf("%d of %d machines %s", l.Machines, machines, l.sentence()))
	}
	return sentences
}

func (l Lack) sentence() string {
	switch l.Reason {
	case NoCPU:
		return l.amount("CPU", " units")
	case NoMemory:
		return l.amount("memory", " MiB")
	case NoDisk:
		return l.amount("disk", " GiB")
	case NoPorts:
		return l.verb("has", "have") + " no free port where one is needed: " + l.Detail
	case NoAgent:
		return l.verb("is", "are") + " not connected"
	case Draining:
		return l.verb("is", "are") + " being drained"
	case Inactive:
		return l.verb("is", "are") + " no longer in the cluster"
	case Missing:
		return l.verb("is", "are") + " not in the cluster"
	case Lacking:
		return l.verb("is", "are") + " of another kind: " + l.Detail
	case Invalid:
		return "cannot be asked: " + l.Detail
	}
	return l.verb("does", "do") + " not meet a constraint: " + cmp.Or(l.Detail, string(l.Reason))
}

// amount says of a resource how much is there, and where it cannot be freed, that it is not.
func (l Lack) amount(resource, unit string) string {
	text := fmt.Sprintf("%s %s: the largest free is %d%s, %d are needed", l.verb("lacks", "lack"), resource, l.Left, unit, l.Needed)
	if l.All > 0 && l.All < l.Needed {
		text += fmt.Sprintf("; none of them has more than %d in all", l.All)
	}
	return text
}

func (l Lack) verb(one, many string) string {
	if l.Machines == 1 {
		return one
	}
	return many
}
