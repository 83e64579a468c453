package functions

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"slipway/internal/ids"
	"slipway/store"
)

const layerColumns = `l.account, l.name, v.version, v.settings, v.code, v.size, v.created`

const layerTables = ` from functions_layer_versions v join functions_layers l on l.id = v.layer`

func scanLayer(scan func(...any) error) (l Layer, err error) {
	var name []byte
	var settings string
	var created int64
	if err := scan(&l.Account, &name, &l.Version, &settings, &l.Code, &l.Size, &created); err != nil {
		return Layer{}, err
	}
	l.Name, l.Created = string(name), store.Time(created)
	if err := json.Unmarshal([]byte(settings), &l.Settings); err != nil {
		return Layer{}, fmt.Errorf("layer %s:%d: %w", l.Name, l.Version, err)
	}
	return l, nil
}

// layerVersion reads a version. It returns ErrNoLayer.
func layerVersion(tx *store.Tx, r LayerRef) (Layer, error) {
	l, err := scanLayer(tx.Row(`select `+layerColumns+layerTables+` where l.account = $1 and l.name = $2 and v.version = $3`, r.Account, []byte(r.Name), r.Version).Scan)
	if errors.Is(err, store.ErrNoRows) {
		return Layer{}, ErrNoLayer
	}
	return l, err
}

// eachLayer reads versions in an order.
func eachLayer(tx *store.Tx, where string, args []any, f func(Layer) error) error {
	return tx.Each(`select `+layerColumns+layerTables+` where `+where, args, func(rows *sql.Rows) error {
		l, err := scanLayer(rows.Scan)
		if err == nil {
			err = f(l)
		}
		return err
	})
}

// nextLayer takes the number of the next version of a layer, which it makes if it is not there.
func nextLayer(tx *store.Tx, account, name string) (id string, version int64, err error) {
	err = tx.Row(`insert into functions_layers (id, account, name, next) values ($1, $2, $3, 2)
		on conflict (account, name) do update set next = functions_layers.next + 1
		returning id, next - 1`, ids.Hex(16), account, []byte(name)).Scan(&id, &version)
	return id, version, err
}

func insertLayer(tx *store.Tx, id string, l Layer) error {
	_, err := tx.Exec(`insert into functions_layer_versions (layer, version, settings, code, size, policy, revision, created)
		values ($1, $2, $3, $4, $5, '', '', $6)`, id, l.Version, text(l.Settings), l.Code, l.Size, store.Micros(tx.Now))
	return err
}
