package seal

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"sort"
	"time"

	"slipway/store"
)

// Report is what there is to see of keys: nothing in it opens anything.
type Report struct {
	Source  string         `json:"source"` // where this server has its master key from
	Mark    string         `json:"mark"`   // of that key
	Masters []MasterReport `json:"masters"`
	Keys    []KeyReport    `json:"keys"`
	Servers []Server       `json:"servers"` // that run, or ran five minutes ago
}

// MasterReport is a master key that opens the data.
type MasterReport struct {
	Mark    string    `json:"mark"`
	Newest  bool      `json:"newest"` // it is to replace the others
	Created time.Time `json:"created"`
}

// KeyReport is a data key.
type KeyReport struct {
	ID      string    `json:"id"`
	Format  int       `json:"format"` // 1: a master key as it sealed before there were data keys
	State   string    `json:"state"`  // current or old
	Created time.Time `json:"created"`
	Secrets int       `json:"secrets"` // that are sealed under it
}

// List returns what there is to see of the keys.
func (k *Keys) List(ctx context.Context) (Report, error) {
	h := k.held.Load()
	r := Report{Source: k.source.String(), Mark: h.master.mark, Masters: []MasterReport{}}
	err := k.db.View(ctx, func(tx *store.Tx) error {
		rows, err := masterRows(tx)
		if err != nil {
			return err
		}
		r.Masters = r.Masters[:0]
		for i, row := range rows {
			r.Masters = append(r.Masters, MasterReport{row.mark, i == 0, store.Time(row.created)})
		}
		counts, err := k.counts(tx)
		if err != nil {
			return err
		}
		var err1, err2 error
		r.Keys, err1 = keyReports(tx, counts)
		r.Servers, err2 = serverRows(tx, tx.Now.Add(-liveFor))
		return errors.Join(err1, err2)
	})
	return r, err
}

// counts is how many seals there are, by their heads.
func (k *Keys) counts(tx *store.Tx) (map[string]int, error) {
	counts := map[string]int{}
	columns, err := k.columns(tx)
	if err != nil {
		return nil, err
	}
	for _, c := range columns {
		if err := errors.Join(c.countByHead(tx, format1, counts), c.countByHead(tx, format2, counts)); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// keyReports lists the data keys, the newest first, and after them what seals name besides: a
// master key of format 1, or a key that is not there.
func keyReports(tx *store.Tx, counts map[string]int) ([]KeyReport, error) {
	all := []KeyReport{}
	err := tx.Each(`select id, format, state, created from seal_keys order by state, created desc, id`, nil, func(r *sql.Rows) error {
		var k KeyReport
		var created int64
		err := r.Scan(&k.ID, &k.Format, &k.State, &created)
		k.Created = store.Time(created)
		head := headFor(k.Format, k.ID)
		k.Secrets = counts[head]
		delete(counts, head)
		all = append(all, k)
		return err
	})
	var rest []KeyReport
	for head, n := range counts {
		rest = append(rest, KeyReport{ID: hex.EncodeToString([]byte(head[1:])), Format: int(head[0]), State: stateOld, Secrets: n})
	}
	sort.Slice(rest, func(i, j int) bool { return rest[i].ID < rest[j].ID })
	return append(all, rest...), err
}
