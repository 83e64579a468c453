package registry

import "sync"

// notes are what is remembered in memory until it is written down: one for each key, and of no more keys
// than most, so that what strangers do costs so much and no more.
type notes[K comparable, V interface{ after(earlier V) V }] struct {
	most int

	mu   sync.Mutex
	kept map[K]V
}

// add joins a note to what was noted before it of the same key. Beyond most keys it is left out.
func (n *notes[K, V]) add(key K, note V) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before, known := n.kept[key]
	switch {
	case known:
		note = note.after(before)
	case len(n.kept) >= n.most:
		return
	case n.kept == nil:
		n.kept = map[K]V{}
	}
	n.kept[key] = note
}

// take gives all notes away.
func (n *notes[K, V]) take() map[K]V {
	n.mu.Lock()
	defer n.mu.Unlock()
	taken := n.kept
	n.kept = nil
	return taken
}
