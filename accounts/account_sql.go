package accounts

import (
	"database/sql"
	"errors"
	"fmt"

	"slipway/store"
)

func insertAccount(tx *store.Tx, a Account, management bool) error {
	flag := 0
	if management {
		flag = 1
	}
	_, err := tx.Exec(`insert into accounts (id, name, email, state, management, created) values ($1, $2, $3, $4, $5, $6)`,
		a.ID, a.Name, a.Email, StateActive, flag, store.Micros(tx.Now))
	return err
}

func managementAccount(tx *store.Tx) (id string, err error) {
	err = tx.Row(`select id from accounts where management = 1`).Scan(&id)
	return id, err
}

const accountColumns = `id, name, email, state, management, created, closed`

func scanAccount(row interface{ Scan(...any) error }) (a Account, err error) {
	var management, created, closed int64
	err = row.Scan(&a.ID, &a.Name, &a.Email, &a.State, &management, &created, &closed)
	a.Management, a.Created, a.Closed = management == 1, store.Time(created), store.Time(closed)
	return a, err
}

func readAccount(tx *store.Tx, id string) (Account, error) {
	a, err := scanAccount(tx.Row(`select `+accountColumns+` from accounts where id = $1`, id))
	if errors.Is(err, store.ErrNoRows) {
		return Account{}, fmt.Errorf("%w: %s", ErrNoAccount, id)
	}
	return a, err
}

// listAccounts returns at most limit accounts that are not gone, those after an id.
func listAccounts(tx *store.Tx, after string, limit int) (list []Account, err error) {
	err = tx.Each(`select `+accountColumns+` from accounts where id > $1 and state <> 'gone' order by id limit $2`, []any{after, limit},
		func(rows *sql.Rows) error {
			a, err := scanAccount(rows)
			list = append(list, a)
			return err
		})
	return list, err
}

func closedAccounts(tx *store.Tx) (list []Account, err error) {
	err = tx.Each(`select `+accountColumns+` from accounts where state in ('closed', 'gone') order by id`, nil,
		func(rows *sql.Rows) error {
			a, err := scanAccount(rows)
			list = append(list, a)
			return err
		})
	return list, err
}

func emailTaken(tx *store.Tx, email string) (bool, error) {
	var n int
	err := tx.Row(`select count(*) from accounts where lower(email) = lower($1)`, email).Scan(&n)
	return n > 0, err
}

func closeAccount(tx *store.Tx, id string) error {
	_, err := tx.Exec(`update accounts set state = 'closed', closed = $2 where id = $1 and state = 'active'`, id, store.Micros(tx.Now))
	return err
}

// closedBefore returns the oldest account that was closed before a time, or store.ErrNoRows.
func closedBefore(tx *store.Tx, micros int64) (id string, err error) {
	err = tx.Row(`select id from accounts where state = 'closed' and closed < $1 order by closed, id limit 1`, micros).Scan(&id)
	return id, err
}

// deleteIdentities takes away all who could act in an account, and all that they may. The account
// itself stays as a record.
func deleteIdentities(tx *store.Tx, account string) error {
	const of = `(select id from entities where account = $1)`
	for _, statement := range []string{
		`delete from sessions where account = $1`,
		`delete from access_keys where account = $1`,
		`delete from account_aliases where account = $1`,
		`delete from profile_roles where profile in ` + of,
		`delete from members where group_id in ` + of,
		`delete from attachments where entity in ` + of,
		`delete from inline_policies where entity in ` + of,
		`delete from policy_versions where policy in ` + of,
		`delete from entity_tags where entity in ` + of,
		`delete from entities where account = $1`,
		`update accounts set state = 'gone', email = '' where id = $1`,
	} {
		if _, err := tx.Exec(statement, account); err != nil {
			return err
		}
	}
	return nil
}

func insertRequest(tx *store.Tx, r AccountRequest) error {
	_, err := tx.Exec(`insert into account_requests (id, account, name, email, reason, requested, completed) values ($1, $2, $3, $4, $5, $6, $7)`,
		r.ID, r.Account, r.Name, r.Email, r.Reason, store.Micros(r.Requested), store.Micros(r.Completed))
	return err
}

const requestColumns = `id, account, name, email, reason, requested, completed`

func scanRequest(row interface{ Scan(...any) error }) (r AccountRequest, err error) {
	var requested, completed int64
	err = row.Scan(&r.ID, &r.Account, &r.Name, &r.Email, &r.Reason, &requested, &completed)
	r.Requested, r.Completed = store.Time(requested), store.Time(completed)
	return r, err
}

func readRequest(tx *store.Tx, id string) (AccountRequest, error) {
	r, err := scanRequest(tx.Row(`select `+requestColumns+` from account_requests where id = $1`, id))
	if errors.Is(err, store.ErrNoRows) {
		return r, fmt.Errorf("%w: %s", ErrNoRequest, id)
	}
	return r, err
}

// listRequests returns at most limit requests, those after an id: the ones that failed, those that
// made an account, or both.
func listRequests(tx *store.Tx, done, failed bool, after string, limit int) (list []AccountRequest, err error) {
	err = tx.Each(`select `+requestColumns+` from account_requests where id > $1 and (reason = '' and $2 or reason <> '' and $3) order by id limit $4`,
		[]any{after, done, failed, limit}, func(rows *sql.Rows) error {
			r, err := scanRequest(rows)
			list = append(list, r)
			return err
		})
	return list, err
}
