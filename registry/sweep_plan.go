package registry

import "time"

// imageFact is what a sweep knows of an image.
type imageFact struct {
	digest   Digest
	subject  Digest // "" when it has none, or that is not there
	tagged   bool
	archived bool
	running  bool      // a task runs it
	marked   bool      // a blob that it needs itself is marked
	used     time.Time // when it was last of use to anybody
}

// verdict says that an image goes, and why.
type verdict struct {
	digest Digest
	why    string
}

// Why something goes.
const (
	whyMarked   = "marked"   // it is marked, or needs what is
	whyUntagged = "untagged" // no tag, no index and nothing that stays needs it
	whyUnneeded = "unneeded" // no image needs it
	whyOrphan   = "orphan"   // no row names it
)

// planImages decides which images of a repository go, each after the indexes that need it and after what
// it refers to. An image stays
//
//   - if nothing that it needs is marked, and
//   - it has a tag, or is in the archive, or a task runs it, or it, or what refers to it, was of use
//     after the given time; or an index that stays needs it, or what it refers to stays.
//
// children are the images that each index needs.
func planImages(facts []imageFact, children map[Digest][]Digest, after time.Time) []verdict {
	p := plan{
		facts: map[Digest]*imageFact{}, parents: map[Digest][]Digest{}, referrers: map[Digest][]Digest{}, after: after,
		aged: map[Digest]bool{}, marked: map[Digest]bool{}, stays: map[Digest]bool{}, judged: map[Digest]bool{},
	}
	for i := range facts {
		p.facts[facts[i].digest] = &facts[i]
	}
	for parent, all := range children {
		for _, child := range all {
			p.parents[child] = append(p.parents[child], parent)
		}
	}
	for i := range facts {
		if f := &facts[i]; f.subject != "" {
			p.referrers[f.subject] = append(p.referrers[f.subject], f.digest)
		}
		if facts[i].marked {
			p.mark(facts[i].digest)
		}
	}
	for i := range facts {
		p.judge(facts[i].digest)
	}
	return p.goes
}

type plan struct {
	facts     map[Digest]*imageFact
	parents   map[Digest][]Digest
	referrers map[Digest][]Digest
	after     time.Time

	aged   map[Digest]bool // young, or not
	marked map[Digest]bool // itself, or what it needs
	judged map[Digest]bool
	stays  map[Digest]bool
	goes   []verdict
}

// mark spreads a mark to all indexes that need the image.
func (p *plan) mark(d Digest) {
	if p.marked[d] {
		return
	}
	p.marked[d] = true
	for _, parent := range p.parents[d] {
		p.mark(parent)
	}
}

// judge decides about what an image depends on before it decides about the image. Digests allow no circles.
func (p *plan) judge(d Digest) bool {
	f := p.facts[d]
	if f == nil || p.judged[d] {
		return p.stays[d]
	}
	p.judged[d] = true
	stays := f.tagged || f.archived || f.running || p.young(f)
	for _, parent := range p.parents[d] {
		stays = p.judge(parent) || stays
	}
	if f.subject != "" {
		stays = p.judge(f.subject) || stays
	}
	switch p.stays[d] = stays && !p.marked[d]; {
	case p.marked[d]:
		p.goes = append(p.goes, verdict{d, whyMarked})
	case !stays:
		p.goes = append(p.goes, verdict{d, whyUntagged})
	}
	return p.stays[d]
}

// young reports whether the image, or anything that refers to it, was of use lately.
func (p *plan) young(f *imageFact) bool {
	if young, known := p.aged[f.digest]; known {
		return young
	}
	young := f.used.After(p.after)
	for _, referrer := range p.referrers[f.digest] {
		young = p.young(p.facts[referrer]) || young
	}
	p.aged[f.digest] = young
	return young
}
