package placement

import (
	"slices"
	"strconv"
	"strings"
)

// able is the places of the machines for which all filters hold that last, as long as no machine changes.
type able struct {
	places []int32
	rare   int // the first of them are looked at whatever the sample is: they have labels that few have
}

const (
	maxAble = 64  // how many lists are kept
	rareIf  = 100 // fewer machines have the label: a sample of a tenth might not have enough of them
)

// able lists the machines that the plan has to look at.
func (p *plan) able(enough int) able {
	key := lasting(p.filters)
	list, known := p.fleet.facts.able[key]
	if !known {
		list = able{places: p.fleet.holding(p.filters)}
		p.fleet.keepAble(key, list)
	}
	spread := p.labels()
	if len(list.places) <= enough || len(spread) == 0 {
		return list
	}
	for _, l := range spread {
		key += " " + strconv.Quote(l.field)
	}
	fronted, known := p.fleet.facts.able[key]
	if !known {
		fronted = p.fleet.rareFirst(list.places, spread, enough/2)
		p.fleet.keepAble(key, fronted)
	}
	return fronted
}

// lasting is a name for all filters that last.
func lasting(filters []filter) string {
	var key strings.Builder
	for i := range filters {
		if lasts := filters[i].lasts; lasts != "" {
			key.WriteString(strconv.Itoa(len(lasts)) + ":" + lasts)
		}
	}
	return key.String()
}

func (f *Fleet) keepAble(key string, list able) {
	if f.facts.able == nil || len(f.facts.able) >= maxAble {
		f.facts.able = map[string]able{}
	}
	f.facts.able[key] = list
}

func (f *Fleet) holding(filters []filter) []int32 {
	places := make([]int32, 0, len(f.nodes))
	for at := range f.nodes {
		n := &f.nodes[at]
		if !slices.ContainsFunc(filters, func(by filter) bool { return by.lasts != "" && !by.holds(at, n) }) {
			places = append(places, int32(at))
		}
	}
	return places
}

// labels are those over which the plan spreads.
func (p *plan) labels() (found []*labels) {
	for i := range p.rankings {
		if l := p.rankings[i].label; l != nil {
			found = append(found, l)
		}
	}
	return found
}

// rareFirst puts machines to the front that have a label of which there are few: all of them, or as many of
// each label as make no more than most.
func (f *Fleet) rareFirst(places []int32, spread []*labels, most int) able {
	front := make([]bool, len(f.nodes))
	for _, l := range spread {
		f.markRare(front, places, l, most/len(spread))
	}
	list := able{places: make([]int32, 0, len(places))}
	for _, wanted := range []bool{true, false} {
		for _, at := range places {
			if front[at] == wanted {
				list.places = append(list.places, at)
			}
		}
		if wanted {
			list.rare = len(list.places)
		}
	}
	return list
}

func (f *Fleet) markRare(front []bool, places []int32, l *labels, most int) {
	count, rare := map[int32]int{}, 0
	for _, at := range places {
		count[l.of(int(at), &f.nodes[at])]++
	}
	for _, n := range count {
		if n < rareIf {
			rare++
		}
	}
	each, marked := most/max(rare, 1), map[int32]int{} // 0 of each: so many are rare that none is
	for _, at := range places {
		if label := l.of(int(at), &f.nodes[at]); count[label] < rareIf && marked[label] < each {
			front[at] = true
			marked[label]++
		}
	}
}
