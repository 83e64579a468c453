package functions

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"slipway/store"
)

// Alias is a name that stands for a version, and may give another one a share of its calls.
type Alias struct {
	Name        string
	Version     int64 // 0: $LATEST
	Other       int64 // 0: none
	Share       float64
	Description string
	Revision    string
	Since       time.Time

	moves moves
}

const aliasColumns = `name, version, weights, description, revision, since, moves`

func (a *Alias) scan(row interface{ Scan(...any) error }) error {
	var name []byte
	var weights, moved string
	var since int64
	if err := row.Scan(&name, &a.Version, &weights, &a.Description, &a.Revision, &since, &moved); err != nil {
		return err
	}
	a.Name, a.Since = string(name), store.Time(since)
	shares := map[string]float64{}
	if err := errors.Join(json.Unmarshal([]byte(weights), &shares), json.Unmarshal([]byte(moved), &a.moves)); err != nil {
		return err
	}
	for version, share := range shares {
		a.Share = share
		a.Other, _ = strconv.ParseInt(version, 10, 64)
	}
	return nil
}

// readAlias returns store.ErrNoRows.
func readAlias(tx *store.Tx, f *function, name string) (a Alias, err error) {
	err = a.scan(tx.Row(`select `+aliasColumns+` from functions_aliases where function = $1 and name = $2`, f.id, []byte(name)))
	return a, err
}

// Qualifier is the version that the alias stands for: "$LATEST" or a number.
func (a Alias) Qualifier() string { return versionName(a.Version) }
