package objects

import (
	"database/sql"
	"strings"
	"testing"

	"slipway/store"
	"slipway/store/storetest"
)

// No page of a listing, and no look at one object, reads a bucket from its start: all go by an index to where they begin.
func TestQueriesGoByAnIndexToTheirKeys(t *testing.T) {
	db := storetest.SQLite(t)
	newWorld(t, db)
	for _, query := range []string{
		selectObject + ` where bucket = 'b' and key = x'61' and latest = 1`,
		selectObject + ` where bucket = 'b' and key = x'61' and version = 'v'`,
		selectObject + ` where bucket = 'b' and latest = 1 and marker = 0 and key > x'61' and key < x'62' order by key limit 10`,
		selectObject + ` where bucket = 'b' and key >= x'61' and (key > x'61' or number < 7) order by key, number desc limit 10`,
		selectUpload + ` where bucket = 'b' and key >= x'61' and (key > x'61' or id > 'i') order by key, id limit 10`,
	} {
		must(t, db.View(t.Context(), func(tx *store.Tx) error {
			return tx.Each(`explain query plan `+query, nil, func(rows *sql.Rows) error {
				var id, parent, unused int
				var plan string
				err := rows.Scan(&id, &parent, &unused, &plan)
				if strings.HasPrefix(plan, "SCAN") || strings.HasPrefix(plan, "SEARCH") && !strings.Contains(plan, "(bucket=? AND key") || strings.HasPrefix(plan, "USE TEMP B-TREE FOR ORDER BY") {
					t.Errorf("%s\n\tis done by: %s", query, plan)
				}
				return err
			})
		}))
	}
}
