package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"slipway/store"
)

// redeem returns what a Run's token stands for already. A token that stands for another request
// is a TokenReusedError.
func redeem(tx *store.Tx, account string, r Run) (earlier Started, known bool, err error) {
	if r.Token == "" {
		return earlier, false, nil
	}
	var request, taskIDs, refused string
	err = tx.Row(`select request, tasks, refused from run_tokens where account = $1 and token = $2`, account, r.Token).Scan(&request, &taskIDs, &refused)
	if errors.Is(err, store.ErrNoRows) {
		return earlier, false, nil
	}
	if err != nil {
		return earlier, false, err
	}
	var ids []string
	if err := errors.Join(json.Unmarshal([]byte(taskIDs), &ids), json.Unmarshal([]byte(refused), &earlier.Refused)); err != nil {
		return earlier, false, err
	}
	if request != r.digest() {
		return earlier, false, &TokenReusedError{ids}
	}
	rows, err := tasksByID(tx, account, r.Cluster, ids)
	earlier.Tasks, _ = inOrder(ids, rows, func(t Task) string { return t.ID })
	return earlier, true, err
}

func keepToken(tx *store.Tx, r Run, started Started) error {
	if r.Token == "" {
		return nil
	}
	ids := make([]string, len(started.Tasks))
	for i, t := range started.Tasks {
		ids[i] = t.ID
	}
	taskIDs, err1 := json.Marshal(ids)
	refused, err2 := json.Marshal(started.Refused)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	_, err := tx.Exec(`insert into run_tokens (account, token, created, request, tasks, refused) values ($1, $2, $3, $4, $5, $6)`,
		started.Tasks[0].Account, r.Token, store.Micros(tx.Now), r.digest(), string(taskIDs), string(refused))
	return err
}

// digest tells requests apart.
func (r Run) digest() string {
	text, _ := json.Marshal(r) // a struct of texts and numbers always can be
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
