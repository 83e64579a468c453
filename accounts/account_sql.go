package accounts

import (
	"errors"
	"fmt"

	"slipway/store"
)

func insertAccount(tx *store.Tx, a Account, management bool) error {
	flag := 0
	if management {
		flag = 1
	}
	_, err := tx.Exec(`insert into accounts (id, name, state, management, created) values ($1, $2, $3, $4, $5)`,
		a.ID, a.Name, StateActive, flag, store.Micros(tx.Now))
	return err
}

func managementAccount(tx *store.Tx) (id string, err error) {
	err = tx.Row(`select id from accounts where management = 1`).Scan(&id)
	return id, err
}

func readAccount(tx *store.Tx, id string) (Account, error) {
	a := Account{ID: id}
	var created int64
	err := tx.Row(`select name, state, created from accounts where id = $1`, id).Scan(&a.Name, &a.State, &created)
	if errors.Is(err, store.ErrNoRows) {
		return Account{}, fmt.Errorf("%w: %s", ErrNoAccount, id)
	}
	a.Created = store.Time(created)
	return a, err
}
