// Package lifecycle decides which images of a repository a lifecycle policy lets go, or moves to
// the archive. It is a pure core: it reads policies, not repositories, and deletes nothing.
//
// Source: Amazon ECR User Guide, "Lifecycle policy properties" and "Examples of lifecycle policies".
package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Image is what a policy looks at. What an index names, and what refers to an image, lives and goes
// with it, and is no Image of its own.
type Image struct {
	Digest   string
	Tags     []string
	Pushed   time.Time
	Pulled   time.Time // the zero time: never
	Archived time.Time // the zero time: it is not in the archive
}

// Action is what happens to an image.
type Action string

// The actions.
const (
	Expire  Action = "EXPIRE"
	Archive Action = "TRANSITION"
)

// Mark says that a rule applies to an image.
type Mark struct {
	Image  *Image
	Rule   int // its priority
	Action Action
}

// Apply returns what the policy does to the images, in the order of their digests. An image that has
// the tags of a rule is never touched by a rule after that one.
func (p *Policy) Apply(images []Image, now time.Time) []Mark {
	var marks []Mark
	settled := make([]bool, len(images)) // belongs to an earlier rule
	for _, r := range p.rules {
		matched := r.match(images)
		for _, i := range r.pick(images, matched, now) {
			if !settled[i] {
				marks = append(marks, Mark{&images[i], r.priority, r.action})
			}
		}
		for _, i := range matched {
			settled[i] = true
		}
	}
	slices.SortFunc(marks, func(a, b Mark) int { return strings.Compare(a.Image.Digest, b.Image.Digest) })
	return marks
}

// match finds the images that have the tags, and are in the storage, that a rule is about.
func (r *rule) match(images []Image) []int {
	var matched []int
	for i := range images {
		if r.hasTags(&images[i]) && r.inStorage(&images[i]) {
			matched = append(matched, i)
		}
	}
	return matched
}

func (r *rule) inStorage(image *Image) bool { return r.archived == !image.Archived.IsZero() }

func (r *rule) hasTags(image *Image) bool {
	switch r.status {
	case tagged:
		return r.hasAll(image.Tags)
	case untagged:
		return len(image.Tags) == 0
	}
	return true
}

// hasAll reports whether each pattern is that of some tag.
func (r *rule) hasAll(tags []string) bool {
	for _, pattern := range r.patterns {
		if !slices.ContainsFunc(tags, func(tag string) bool { return pattern.match(tag) }) {
			return false
		}
	}
	return true
}

// pick returns those of the matched images that are too many, or too old.
func (r *rule) pick(images []Image, matched []int, now time.Time) []int {
	if r.count != moreThan {
		return slices.DeleteFunc(slices.Clone(matched), func(i int) bool { return now.Sub(r.since(&images[i])) < r.age })
	}
	newest := slices.Clone(matched)
	slices.SortFunc(newest, func(a, b int) int {
		return cmp.Or(images[b].Pushed.Compare(images[a].Pushed), strings.Compare(images[a].Digest, images[b].Digest))
	})
	return newest[min(r.number, len(newest)):]
}

// since is the time that an image's age is counted from. One that was never pulled is as old as
// its push.
func (r *rule) since(image *Image) time.Time {
	switch {
	case r.count == sincePulled && !image.Pulled.IsZero():
		return image.Pulled
	case r.count == sinceArchived:
		return image.Archived
	}
	return image.Pushed
}

// pattern is a tag with *, which stands for any characters.
type pattern []string // what is between the stars

func (p pattern) match(tag string) bool {
	if len(p) == 1 {
		return tag == p[0]
	}
	first, last := p[0], p[len(p)-1]
	if len(tag) < len(first)+len(last) || !strings.HasPrefix(tag, first) || !strings.HasSuffix(tag, last) {
		return false
	}
	tag = tag[len(first) : len(tag)-len(last)]
	for _, piece := range p[1 : len(p)-1] {
		at := strings.Index(tag, piece)
		if at < 0 {
			return false
		}
		tag = tag[at+len(piece):]
	}
	return true
}
