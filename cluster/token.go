package cluster

import (
	"crypto/sha256"
	"database/sql"
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
	var kept keptToken
	err = kept.scan(tx.Row(tokenColumns+`where account = $1 and token = $2`, account, r.Token))
	if errors.Is(err, store.ErrNoRows) {
		return earlier, false, nil
	}
	if err != nil {
		return earlier, false, err
	}
	earlier, reused, err := kept.answer(tx, account, r.Cluster, r.digest())
	return earlier, true, errors.Join(reused, err)
}

// keptToken is what is known of a token.
type keptToken struct{ account, token, request, tasks, refused string }

const tokenColumns = `select account, token, request, tasks, refused from run_tokens `

func (k *keptToken) scan(row interface{ Scan(...any) error }) error {
	return row.Scan(&k.account, &k.token, &k.request, &k.tasks, &k.refused)
}

// answer is what came of the request that the token stands for, or else that it was another.
func (k keptToken) answer(tx *store.Tx, account, cluster, digest string) (earlier Started, reused, err error) {
	var ids []string
	if err := errors.Join(json.Unmarshal([]byte(k.tasks), &ids), json.Unmarshal([]byte(k.refused), &earlier.Refused)); err != nil {
		return earlier, nil, err
	}
	if k.request != digest {
		return Started{}, &TokenReusedError{ids}, nil
	}
	rows, err := tasksByID(tx, account, cluster, ids)
	earlier.again = true
	earlier.Tasks, _ = inOrder(ids, rows, func(t Task) string { return t.ID })
	return earlier, nil, err
}

// redeemAll finds which of the tokens of bids stand for something already.
func redeemAll(tx *store.Tx, works []*work) (known map[*bid]keptToken, err error) {
	tokens := map[string]map[string]*bid{} // by account and token
	for _, work := range works {
		if w := work.bid; w != nil && w.order.run.Token != "" {
			account := w.order.model.Account
			if tokens[account] == nil {
				tokens[account] = map[string]*bid{}
			}
			tokens[account][w.order.run.Token] = w
		}
	}
	known = map[*bid]keptToken{}
	for account, bids := range tokens {
		err := inBatches(keysOf(bids), 2, func(in string, list []any) error {
			return tx.Each(tokenColumns+`where account = $1 and token in `+in, append([]any{account}, list...), func(rows *sql.Rows) error {
				var k keptToken
				err := k.scan(rows)
				known[bids[k.token]] = k
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return known, nil
}

// maxKeptRefusals bounds what is kept of machines that refused.
const maxKeptRefusals = 100

// keepTokens notes what the tokens of bids stand for from now on. Where nothing came of a bid, its token is still good.
func keepTokens(tx *store.Tx, bids []*bid) error {
	var rows [][]any
	for _, w := range bids {
		if w.order.run.Token == "" || len(w.started.Tasks) == 0 {
			continue
		}
		ids := make([]string, len(w.started.Tasks))
		for i, t := range w.started.Tasks {
			ids[i] = t.ID
		}
		taskIDs, err1 := json.Marshal(ids)
		refused, err2 := json.Marshal(w.started.Refused[:min(len(w.started.Refused), maxKeptRefusals)])
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		rows = append(rows, []any{w.order.model.Account, w.order.run.Token, store.Micros(tx.Now), w.digest, string(taskIDs), string(refused)})
	}
	_, err := tx.ExecRows(`insert into run_tokens (account, token, created, request, tasks, refused) values`, `(?, ?, ?, ?, ?, ?)`, ``, rows)
	return err
}

// digest tells requests apart.
func (r Run) digest() string {
	text, _ := json.Marshal(r) // a struct of texts and numbers always can be
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
