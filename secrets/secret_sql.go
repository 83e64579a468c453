package secrets

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

const secretColumns = `id, account, name, suffix, description, tags, policy, created, changed, accessed, due`

func (c *Control) scanSecret(row scanned) (s Secret, err error) {
	var name []byte
	var tags string
	var created, changed, accessed, due int64
	if err := row.Scan(&s.id, &s.Account, &name, &s.suffix, &s.Description, &tags, &s.Policy, &created, &changed, &accessed, &due); err != nil {
		return s, err
	}
	s.Name = string(name)
	s.ARN = c.secretARN(s.Account, s.Name, "-"+s.suffix)
	s.Created, s.Changed, s.Accessed, s.Due = store.Time(created), store.Time(changed), store.Time(accessed), store.Time(due)
	if err := json.Unmarshal([]byte(tags), &s.Tags); err != nil {
		return s, fmt.Errorf("tags of secret %s: %w", s.Name, err)
	}
	return s, nil
}

func (c *Control) readSecret(tx *store.Tx, account, name string) (Secret, error) {
	s, err := c.scanSecret(tx.Row(`select `+secretColumns+` from secrets_secrets where account = $1 and name = $2`, account, []byte(name)))
	if errors.Is(err, store.ErrNoRows) {
		err = errs.Say(ErrNoSecret, notFound)
	}
	return s, err
}

func insertSecret(tx *store.Tx, s Secret) error {
	_, err := tx.Exec(`insert into secrets_secrets (`+secretColumns+`) values ($1, $2, $3, $4, $5, $6, '', $7, $8, 0, 0)`,
		s.id, s.Account, []byte(s.Name), s.suffix, s.Description, jsonText(s.Tags), store.Micros(s.Created), store.Micros(s.Changed))
	return err
}

const versionColumns = `id, version, stages, bytes, created, accessed`

func scanVersion(row scanned) (v Version, err error) {
	var stages string
	var bytes, created, accessed int64
	if err := row.Scan(&v.row, &v.ID, &stages, &bytes, &created, &accessed); err != nil {
		return v, err
	}
	v.Value.Binary, v.Created, v.Accessed = bytes == 1, store.Time(created), store.Time(accessed)
	return v, json.Unmarshal([]byte(stages), &v.Stages)
}

// listSecretVersions reads all versions of a secret without their values, the oldest first.
func listSecretVersions(tx *store.Tx, secret string) (versions []Version, err error) {
	err = tx.Each(`select `+versionColumns+` from secrets_versions where secret = $1 order by created, id`, []any{secret}, func(rows *sql.Rows) error {
		v, err := scanVersion(rows)
		versions = append(versions, v)
		return err
	})
	return versions, err
}

// readValue reads the value of a version as the database has it.
func readValue(tx *store.Tx, v *Version) error {
	return tx.Row(`select sealed from secrets_versions where id = $1`, v.row).Scan(&v.sealed)
}

// insertSecretVersion seals a version, and gives it an id at random if it has none.
func (c *Control) insertSecretVersion(tx *store.Tx, s Secret, v *Version) error {
	if v.ID == "" {
		v.ID = ids.UUID()
	}
	v.row, v.Created = s.id+"/"+v.ID, tx.Now
	sealed, err := c.secrets.Seal(tx, v.Value.Bytes, v.row)
	if err != nil {
		return err
	}
	bytes := 0
	if v.Value.Binary {
		bytes = 1
	}
	_, err = tx.Exec(`insert into secrets_versions (id, secret, version, stages, bytes, sealed, created, accessed) values ($1, $2, $3, $4, $5, $6, $7, 0)`,
		v.row, s.id, v.ID, jsonList(v.Stages), bytes, sealed, store.Micros(v.Created))
	return err
}

// setStages writes which versions have which stages now, where that has changed.
func setStages(tx *store.Tx, s Secret, versions []Version, now staging) error {
	byVersion := now.byVersion()
	for _, v := range versions {
		if slices.Equal(v.Stages, byVersion[v.ID]) {
			continue
		}
		if _, err := tx.Exec(`update secrets_versions set stages = $1 where id = $2`, jsonList(byVersion[v.ID]), v.row); err != nil {
			return err
		}
	}
	return touchSecret(tx, s)
}

// touchSecret notes that something of a secret has changed.
func touchSecret(tx *store.Tx, s Secret) error {
	_, err := tx.Exec(`update secrets_secrets set changed = $1 where id = $2`, store.Micros(tx.Now), s.id)
	return err
}

// readStages reads the stages of the versions of some secrets.
func readStages(tx *store.Tx, secrets []Secret) error {
	args, at := make([]any, len(secrets)), map[string]int{}
	for i := range secrets {
		args[i], at[secrets[i].id], secrets[i].Stages = secrets[i].id, i, map[string][]string{}
	}
	return tx.Each(`select secret, version, stages from secrets_versions where secret in `+store.In(1, len(args)), args, func(rows *sql.Rows) error {
		var secret, version, text string
		if err := rows.Scan(&secret, &version, &text); err != nil {
			return err
		}
		var stages []string
		if err := json.Unmarshal([]byte(text), &stages); err != nil {
			return err
		}
		if len(stages) > 0 {
			secrets[at[secret]].Stages[version] = stages
		}
		return nil
	})
}

// byVersion are the stages of each version, sorted.
func (s staging) byVersion() map[string][]string {
	all := map[string][]string{}
	for _, stage := range slices.Sorted(maps.Keys(s)) {
		all[s[stage]] = append(all[s[stage]], stage)
	}
	return all
}
