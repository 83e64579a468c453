package registry

import (
	"database/sql"
	"encoding/json"
	"errors"

	"slipway/store"
)

const repositoryColumns = `id, account, name, immutable, exceptions, customer_key, created, pushed`

func scanRepository(scan func(...any) error) (r Repository, err error) {
	var immutable, created, pushed int64
	var exceptions string
	if err := scan(&r.id, &r.Account, &r.Name, &immutable, &exceptions, &r.KeyID, &created, &pushed); err != nil {
		return Repository{}, err
	}
	r.Mutability.Immutable = immutable == 1
	r.Created, r.pushed = store.Time(created), store.Time(pushed)
	return r, json.Unmarshal([]byte(exceptions), &r.Mutability.Except)
}

func findRepository(tx *store.Tx, account, name string) (Repository, error) {
	r, err := scanRepository(tx.Row(`select `+repositoryColumns+` from registry_repositories
		where account = $1 and name = $2`, account, name).Scan)
	if errors.Is(err, store.ErrNoRows) {
		return Repository{}, &Error{Cause: ErrNoRepository, Account: account, Repository: name}
	}
	return r, err
}

func listRepositories(tx *store.Tx, account, after string, limit int) ([]Repository, error) {
	var found []Repository
	err := tx.Each(`select `+repositoryColumns+` from registry_repositories
		where account = $1 and name > $2 order by name limit $3`,
		[]any{account, after, limit}, func(rows *sql.Rows) error {
			r, err := scanRepository(rows.Scan)
			found = append(found, r)
			return err
		})
	return found, err
}

func insertRepository(tx *store.Tx, r Repository) error {
	immutable, exceptions, err := mutabilityColumns(r.Mutability)
	if err != nil {
		return err
	}
	made, err := tx.Exec(`insert into registry_repositories (`+repositoryColumns+`) values ($1, $2, $3, $4, $5, $6, $7, 0)
		on conflict (account, name) do nothing`,
		r.id, r.Account, r.Name, immutable, exceptions, r.KeyID, store.Micros(r.Created))
	if err == nil && made == 0 {
		err = &Error{Cause: ErrRepositoryExists, Account: r.Account, Repository: r.Name}
	}
	if err != nil {
		return err
	}
	return addUsage(tx, r.Account, Usage{Repositories: 1})
}

func mutabilityColumns(m Mutability) (immutable int64, exceptions string, err error) {
	if m.Immutable {
		immutable = 1
	}
	text, err := json.Marshal(m.Except)
	return immutable, string(text), err
}

func updateMutability(tx *store.Tx, id int64, m Mutability) error {
	immutable, exceptions, err := mutabilityColumns(m)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`update registry_repositories set immutable = $2, exceptions = $3 where id = $1`, id, immutable, exceptions)
	return err
}

func hasManifests(tx *store.Tx, repository int64) (found bool, err error) {
	err = tx.Row(`select exists (select 1 from registry_manifests where repository = $1)`, repository).Scan(&found)
	return found, err
}

// deleteRepository goes from what needs to what is needed.
func deleteRepository(tx *store.Tx, repo Repository) error {
	less, err := letAllGo(tx, repo)
	if err != nil {
		return err
	}
	less.Repositories = -1
	if err := tx.Row(`select -count(*) from registry_manifests where repository = $1`, repo.id).Scan(&less.Images); err != nil {
		return err
	}
	for _, statement := range []string{
		`delete from registry_manifest_children where repository = $1`,
		`delete from registry_manifest_blobs where repository = $1`,
		`delete from registry_manifests where repository = $1`,
		`delete from registry_repositories where id = $1`,
	} {
		if _, err := tx.Exec(statement, repo.id); err != nil {
			return err
		}
	}
	return addUsage(tx, repo.Account, less)
}
