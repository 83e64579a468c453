package objects

import (
	"context"
	"strings"

	"slipway/store"
)

// Query says which objects of a bucket are to be listed.
type Query struct {
	Bucket    Bucket
	Prefix    string
	Delimiter string // "": none
	After     string // a key or a common prefix after which to go on; "": from the first on
	Limit     int
}

// Listing is a page of objects, in the order of their keys. What has the same beginning up to a delimiter is one of
// its Prefixes, and counts as one.
type Listing struct {
	Objects  []Object
	Prefixes []string
	Next     string // to go on after; "": this was all
}

func (l *Listing) size() int { return len(l.Objects) + len(l.Prefixes) }

// List lists the latest versions of objects that are not deleted.
func (c *Control) List(ctx context.Context, q Query) (l Listing, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		l, err = list(tx, q)
		return err
	})
	return l, err
}

func list(tx *store.Tx, q Query) (l Listing, err error) {
	w := newWalk(q.Prefix, q.After, q.Delimiter)
	last := ""
	for {
		o, ok, err := w.next(tx, q.Bucket, q.Limit-l.size()+1)
		if err != nil || !ok {
			return l, err
		}
		if l.size() == q.Limit {
			l.Next = last
			return l, nil
		}
		if group := common(o.Key, q.Prefix, q.Delimiter); group != "" {
			l.Prefixes, last = append(l.Prefixes, group), group
			w.skip(group)
			continue
		}
		l.Objects, last = append(l.Objects, o), o.Key
	}
}

// common is what a key has in common with others: all up to the first delimiter after the prefix; "": nothing.
func common(key, prefix, delimiter string) string {
	rest, in := strings.CutPrefix(key, prefix)
	if delimiter == "" || !in {
		return ""
	}
	at := strings.Index(rest, delimiter)
	if at < 0 {
		return ""
	}
	return prefix + rest[:at+len(delimiter)]
}

// afterAll is the first key that comes after all with a prefix; nil: none does.
func afterAll(prefix string) []byte {
	b := []byte(prefix)
	for len(b) > 0 {
		if b[len(b)-1] < 0xff {
			b[len(b)-1]++
			return b
		}
		b = b[:len(b)-1]
	}
	return nil
}

// walk goes over the keys of a bucket, some at a time, and jumps over those that it is told to skip.
type walk struct {
	from []byte // where to go on
	only bool   // the key from is one of those that are wanted
	end  []byte // where to stop; nil: nowhere
	some []Object
	over bool
}

// newWalk begins after a key, or after all that a common prefix stands for.
func newWalk(prefix, after, delimiter string) *walk {
	w := &walk{from: []byte(max(prefix, after)), end: afterAll(prefix)}
	w.only = after < prefix || after == "" // the first key may be the prefix itself
	if group := common(after, prefix, delimiter); group != "" && group == after {
		w.skip(group)
	}
	return w
}

// next returns the next object. It reads so many at once as are still wanted.
func (w *walk) next(tx *store.Tx, b Bucket, wanted int) (o Object, ok bool, err error) {
	if len(w.some) == 0 && !w.over {
		if err := w.read(tx, b, wanted); err != nil {
			return o, false, err
		}
	}
	if len(w.some) == 0 {
		return o, false, nil
	}
	o, w.some = w.some[0], w.some[1:]
	w.from, w.only = []byte(o.Key), false
	return o, true, nil
}

func (w *walk) read(tx *store.Tx, b Bucket, wanted int) error {
	query, args := selectObject+` where bucket = $1 and latest = 1 and marker = 0 and key > $2`, []any{b.id, w.from, wanted}
	if w.only {
		query = strings.Replace(query, "key > $2", "key >= $2", 1)
	}
	if w.end != nil {
		query, args = query+` and key < $4`, append(args, w.end)
	}
	err := eachObject(tx, query+` order by key limit $3`, args, func(o Object) error {
		w.some = append(w.some, o)
		return nil
	})
	w.over = len(w.some) < wanted
	return err
}

// skip jumps over all keys that begin with a common prefix.
func (w *walk) skip(group string) {
	behind := afterAll(group)
	for len(w.some) > 0 && strings.HasPrefix(w.some[0].Key, group) {
		w.some = w.some[1:]
	}
	switch {
	case behind == nil:
		w.some, w.over = nil, true
	case len(w.some) == 0:
		w.from, w.only = behind, true
	}
}
