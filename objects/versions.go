package objects

import (
	"context"
	"strconv"

	"slipway/store"
)

// VersionQuery says which versions of objects in a bucket are to be listed.
type VersionQuery struct {
	Bucket       Bucket
	Prefix       string
	Delimiter    string // "": none
	After        string // a key or a common prefix after which to go on; "": from the first on
	AfterVersion string // of the key After, after which to go on; "": with the next key
	Limit        int
}

// VersionListing is a page of versions and markers: by key, those of a key from the latest on.
type VersionListing struct {
	Objects     []Object
	Prefixes    []string
	Next        string // key or common prefix to go on after; "": this was all
	NextVersion string // of the key Next
}

func (l *VersionListing) size() int { return len(l.Objects) + len(l.Prefixes) }

// Versions lists versions of objects and markers. It returns ErrVersionID.
func (c *Control) Versions(ctx context.Context, q VersionQuery) (l VersionListing, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		l, err = versions(tx, q)
		return err
	})
	return l, err
}

func versions(tx *store.Tx, q VersionQuery) (l VersionListing, err error) {
	w, err := newVersionWalk(tx, q)
	if err != nil {
		return l, err
	}
	last, lastVersion := "", ""
	for {
		o, ok, err := w.next(tx, q.Bucket, q.Limit-l.size()+1)
		if err != nil || !ok {
			return l, err
		}
		if l.size() == q.Limit {
			l.Next, l.NextVersion = last, lastVersion
			return l, nil
		}
		if group := common(o.Key, q.Prefix, q.Delimiter); group != "" {
			l.Prefixes, last, lastVersion = append(l.Prefixes, group), group, ""
			w.skip(group)
			continue
		}
		l.Objects, last, lastVersion = append(l.Objects, o), o.Key, o.Version
	}
}

// versionWalk is a walk over all versions.
type versionWalk struct {
	walk
	before int64 // of the key from only versions with smaller numbers are wanted; 0: all
}

func newVersionWalk(tx *store.Tx, q VersionQuery) (*versionWalk, error) {
	w := &versionWalk{walk: *newWalk(q.Prefix, q.After, q.Delimiter)}
	if q.AfterVersion == "" {
		return w, nil
	}
	if err := checkVersion(q.AfterVersion); err != nil {
		return nil, err
	}
	var number int64
	err := tx.Row(`select coalesce(max(number), 0) from objects_versions where bucket = $1 and key = $2 and version = $3`, q.Bucket.id, []byte(q.After), q.AfterVersion).Scan(&number)
	w.before, w.only = number, number > 0
	return w, err
}

func (w *versionWalk) next(tx *store.Tx, b Bucket, wanted int) (o Object, ok bool, err error) {
	if len(w.some) == 0 && !w.over {
		if err := w.read(tx, b, wanted); err != nil {
			return o, false, err
		}
	}
	if len(w.some) == 0 {
		return o, false, nil
	}
	o, w.some = w.some[0], w.some[1:]
	w.from, w.only, w.before = []byte(o.Key), true, o.number
	return o, true, nil
}

func (w *versionWalk) read(tx *store.Tx, b Bucket, wanted int) error {
	query, args := selectObject+` where bucket = $1 and key > $2`, []any{b.id, w.from, wanted}
	switch {
	case w.only && w.before > 0:
		query, args = selectObject+` where bucket = $1 and key >= $2 and (key > $2 or number < $4)`, append(args, w.before)
	case w.only:
		query = selectObject + ` where bucket = $1 and key >= $2`
	}
	if w.end != nil {
		args = append(args, w.end)
		query += ` and key < $` + strconv.Itoa(len(args))
	}
	err := eachObject(tx, query+` order by key, number desc limit $3`, args, func(o Object) error {
		w.some = append(w.some, o)
		return nil
	})
	w.over = len(w.some) < wanted
	return err
}

func (w *versionWalk) skip(group string) {
	w.walk.skip(group)
	w.before = 0
}
