package functions

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"slipway/functions/fleet"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// function is all that belongs to a function and not to its versions.
type function struct {
	id       string
	account  string
	name     string
	number   int64
	next     int64
	reserved int
	tags     map[string]string
	created  time.Time
}

func (f *function) ref() Ref { return Ref{Account: f.account, Name: f.name} }

// topic is touched whenever something of a function has changed.
const topic = "functions"

// write is an update of what Resolve remembers: when it returns, no call here goes by what was before.
func (c *Control) write(ctx context.Context, do func(*store.Tx) error) error {
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		tx.Touch(topic)
		return do(tx)
	})
	c.known.epoch.Add(1)
	return err
}

// edit is write for what hangs on one function. It returns ErrNoFunction.
func (c *Control) edit(ctx context.Context, r Ref, do func(*store.Tx, *function) error) error {
	return c.write(ctx, func(tx *store.Tx) error {
		f, err := c.readFunction(tx, r)
		if err != nil {
			return err
		}
		if err := bump(tx, f.id); err != nil {
			return err
		}
		return do(tx, &f)
	})
}

// bump says that what servers remember of a function is not so any more.
func bump(tx *store.Tx, id string) error {
	_, err := tx.Exec(`update functions_functions set number = number + 1 where id = $1`, id)
	return err
}

// readFunction returns ErrNoFunction.
func (c *Control) readFunction(tx *store.Tx, r Ref) (function, error) {
	f := function{account: r.Account, name: r.Name}
	var tags string
	var created int64
	err := tx.Row(`select id, number, next, reserved, tags, created from functions_functions where account = $1 and name = $2`,
		r.Account, []byte(r.Name)).Scan(&f.id, &f.number, &f.next, &f.reserved, &tags, &created)
	if errors.Is(err, store.ErrNoRows) {
		return f, c.noFunction(r)
	}
	if err != nil {
		return f, err
	}
	f.created = store.Time(created)
	return f, json.Unmarshal([]byte(tags), &f.tags)
}

func insertFunction(tx *store.Tx, f function) error {
	_, err := tx.Exec(`insert into functions_functions (id, account, name, number, next, reserved, tags, created) values ($1, $2, $3, 1, $4, $5, $6, $7)`,
		f.id, f.account, []byte(f.name), f.next, f.reserved, text(f.tags), store.Micros(f.created))
	return err
}

const (
	columns = `v.id, v.function, v.version, v.settings, v.environment, v.code, v.size, v.image, v.release, v.since, v.moves, v.revision,
		v.state, v.state_code, v.state_reason, v.update_state, v.update_code, v.update_reason, v.modified, e.sealed`
	versions = `from functions_versions v left join functions_environments e on e.id = v.environment`
)

// scan reads the columns of a version, and others after them.
func (v *Version) scan(row interface{ Scan(...any) error }, others ...any) error {
	var settings, moved string
	var since, modified int64
	err := row.Scan(append([]any{
		&v.id, &v.function, &v.Number, &settings, &v.environment, &v.Code, &v.Size, &v.Image, &v.Release, &since, &moved, &v.Revision,
		&v.State.State, &v.State.Code, &v.State.Reason, &v.Update.State, &v.Update.Code, &v.Update.Reason, &modified, &v.sealed,
	}, others...)...)
	if err != nil {
		return err
	}
	v.Since, v.Modified = store.Time(since), store.Time(modified)
	return errors.Join(json.Unmarshal([]byte(moved), &v.moves), json.Unmarshal([]byte(settings), &v.Settings))
}

// readVersion reads a version by its number, and returns store.ErrNoRows. Its environment stays sealed.
func readVersion(tx *store.Tx, f *function, number int64) (Version, error) {
	v := Version{Account: f.account, Name: f.name}
	err := v.scan(tx.Row(`select `+columns+` `+versions+` where v.function = $1 and v.version = $2`, f.id, number))
	return v, err
}

// eachVersion reads versions that a condition lets through, which may name the function as f.
func eachVersion(tx *store.Tx, condition string, args ...any) (found []Version, err error) {
	err = tx.Each(`select `+columns+`, f.account, f.name `+versions+` join functions_functions f on f.id = v.function `+condition, args, func(rows *sql.Rows) error {
		var v Version
		var name []byte
		err := v.scan(rows, &v.Account, &name)
		v.Name = string(name)
		found = append(found, v)
		return err
	})
	return found, err
}

// openAll opens the environments of versions. It reads the database, so no transaction may be running.
func (c *Control) openAll(ctx context.Context, list []Version) error {
	for i := range list {
		if err := c.open(ctx, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Control) open(ctx context.Context, v *Version) (err error) {
	v.Env, err = c.openEnvironment(ctx, v.environment, v.sealed)
	return err
}

func (c *Control) openEnvironment(ctx context.Context, id string, sealed []byte) (e Environment, err error) {
	if id == "" {
		return nil, nil
	}
	plain, err := c.environments.Open(ctx, sealed, id)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return e, json.Unmarshal(plain, &e)
}

// keepEnvironment seals the environment of a version, which is to have another one than before.
func (c *Control) keepEnvironment(tx *store.Tx, v *Version) (err error) {
	if len(v.Env) == 0 {
		v.environment = ""
		return nil
	}
	v.environment = ids.Hex(16)
	if v.sealed, err = c.environments.Seal(tx, []byte(text(v.Env)), v.environment); err != nil {
		return err
	}
	_, err = tx.Exec(`insert into functions_environments (id, function, sealed) values ($1, $2, $3)`, v.environment, v.function, v.sealed)
	return err
}

// insertVersion writes a version that was not there before.
func insertVersion(tx *store.Tx, v *Version, origin string) error {
	v.id = v.function + "/" + versionName(v.Number)
	_, err := tx.Exec(`insert into functions_versions (id, function, version, settings, environment, code, size, image, release, since, moves, origin, revision,
		state, state_code, state_reason, update_state, update_code, update_reason, modified)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`,
		v.id, v.function, v.Number, text(v.Settings), v.environment, v.Code, v.Size, v.Image, v.Release, store.Micros(v.Since), text(v.moves), origin, v.Revision,
		v.State.State, v.State.Code, v.State.Reason, v.Update.State, v.Update.Code, v.Update.Reason, store.Micros(v.Modified))
	if err != nil {
		return err
	}
	return noteUse(tx, v)
}

// noteUse writes down which code a version has.
func noteUse(tx *store.Tx, v *Version) error {
	if _, err := tx.Exec(`delete from functions_used where version = $1`, v.id); err != nil {
		return err
	}
	used := map[string]bool{}
	if v.Code != "" {
		used[v.Code] = true
	}
	for _, l := range v.Settings.Layers {
		used[l.Code] = true
	}
	var rows [][]any
	for digest := range maps.Keys(used) {
		rows = append(rows, []any{v.id, digest})
	}
	_, err := tx.ExecRows(`insert into functions_used (version, digest) values`, `(?, ?)`, ``, rows)
	return err
}

// StalenessTag is the key of the tag that says how long after an update callers may be answered by the code before
// it: "allow-old", which is so where nothing is said, "max-age=SECONDS" or "strict".
const StalenessTag = "slipway:staleness"

// maxTags is how many tags a function may have. Source: Lambda Developer Guide, "Using tags on Lambda functions".
const maxTags = 50

// checkTags returns ErrInput.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return errs.Say(ErrInput, "Number of tags exceeds resource tag limit.")
	}
	if err := checkTagNames(tags); err != nil {
		return err
	}
	if _, err := fleet.ParseStaleness(tags[StalenessTag]); err != nil {
		return errs.Say(ErrInput, "The tag %s is wrong: %v", StalenessTag, err)
	}
	return nil
}
