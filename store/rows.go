package store

import (
	"strconv"
	"strings"
)

// ExecRows runs a statement over any number of rows and returns how many it changed. row is one of its rows, with
// a ? for each value: "(?, cast(? as bigint))". The statement is before, the rows, and after:
//
//	tx.ExecRows(`insert into counters (name, n) values`, `(?, ?)`, ``, rows)
//
// A round trip takes as many rows as pay on the database at hand, so the statement may run several times.
func (tx *Tx) ExecRows(before, row, after string, rows [][]any) (changed int64, err error) {
	for len(rows) > 0 {
		n := 1
		for n < tx.dialect.rowsAtOnce() && n*4 <= len(rows) { // few lengths, so that few texts are prepared
			n *= 4
		}
		var args []any
		for _, values := range rows[:n] {
			args = append(args, values...)
		}
		k, err := tx.Exec(before+" "+list(row, n)+" "+after, args...)
		if err != nil {
			return 0, err
		}
		changed, rows = changed+k, rows[n:]
	}
	return changed, nil
}

// list writes a row n times, its values numbered on.
func list(row string, n int) string {
	var b strings.Builder
	number := 0
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		for _, c := range row {
			if b.WriteRune(c); c == '?' {
				number++
				b.WriteString(strconv.Itoa(number))
			}
		}
	}
	return strings.ReplaceAll(b.String(), "?", "$")
}
