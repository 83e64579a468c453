package cluster

import (
	"errors"
	"time"

	"slipway/store"
)

// serverOf tells which server reaches a node, or ErrNotConnected.
func serverOf(tx *store.Tx, node string) (server string, err error) {
	err = tx.Row(`select server from instances where id = $1 and session <> ''`, node).Scan(&server)
	if errors.Is(err, store.ErrNoRows) {
		return "", ErrNotConnected
	}
	return server, err
}

// noteServer notes which server reaches a node.
func noteServer(tx *store.Tx, node, server string) error {
	_, err := tx.Exec(`update instances set server = $2 where id = $1`, node, server)
	return err
}

// admitted reads a session that was asked for since then and has not begun, or ErrNoSession.
func admitted(tx *store.Tx, id string, since time.Time, node *string) (digest, what string, err error) {
	err = tx.Row(`select node, token, what from execs where id = $1 and begun = 0 and created > $2`, id, store.Micros(since)).Scan(node, &digest, &what)
	if errors.Is(err, store.ErrNoRows) {
		return "", "", ErrNoSession
	}
	return digest, what, err
}
