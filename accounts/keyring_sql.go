package accounts

import (
	"encoding/json"
	"errors"
	"fmt"

	"slipway/store"
)

// usableKey reads a long-lived key that is active, of an active account and of somebody who is
// still there.
func usableKey(tx *store.Tx, id string) (key Key, sealed []byte, err error) {
	var account, owner, name, path string
	err = tx.Row(`
		select k.account, k.owner, k.sealed, coalesce(e.name, ''), coalesce(e.path, '')
		from access_keys k join accounts a on a.id = k.account left join entities e on e.id = k.owner
		where k.id = $1 and k.status = 'active' and a.state = 'active' and (k.owner = 'root' or e.kind = 'user')`,
		id).Scan(&account, &owner, &sealed, &name, &path)
	key = Key{ID: id, Owner: Root(account)}
	if owner != ownerRoot {
		key.Owner = userPrincipal(account, owner, path, name)
	}
	return key, sealed, err
}

func keyAccount(tx *store.Tx, id string) (account string, err error) {
	err = tx.Row(`select account from access_keys where id = $1 union select account from sessions where id = $1`, id).Scan(&account)
	return account, err
}

// usableSession reads a session of an active account, of somebody who is still there, that nobody of
// a closed account made. It may have expired.
func usableSession(tx *store.Tx, id string) (key Key, sealed []byte, err error) {
	s := Session{Key: id}
	var account, entity, policies, tags, passed, kind, name, path string
	var token []byte
	var created, expires int64
	err = tx.Row(`
		select s.account, s.entity, s.name, s.sealed, s.token, s.policies, s.tags, s.passed, s.source, s.makers, s.bound, s.created, s.expires,
			coalesce(e.kind, ''), coalesce(e.name, ''), coalesce(e.path, '')
		from sessions s join accounts a on a.id = s.account left join entities e on e.id = s.entity
		where s.id = $1 and a.state = 'active' and (s.entity = 'root' or e.kind in ('user', 'role'))
			and not exists (select 1 from accounts c where c.state <> 'active' and s.makers like '%' || c.id || '%')`,
		id).Scan(&account, &entity, &s.Name, &sealed, &token, &policies, &tags, &passed, &s.SourceIdentity, &s.makers, &s.Bound, &created, &expires,
		&kind, &name, &path)
	if err != nil {
		return Key{}, nil, err
	}
	if err := s.read(policies, tags, passed); err != nil {
		return Key{}, nil, fmt.Errorf("session %s is damaged: %w", id, err)
	}
	s.Created, s.Expires = store.Time(created), store.Time(expires)
	key = Key{ID: id}
	copy(key.token[:], token)
	switch {
	case entity == ownerRoot:
		key.Owner = Root(account)
		s.Issuer = key.Owner.ARN
	case Kind(kind) == KindUser:
		key.Owner = userPrincipal(account, entity, path, name)
		s.Issuer = key.Owner.ARN
	default:
		key.Owner = rolePrincipal(account, entity, name, s.Name)
		s.Issuer = entityARN(account, KindRole, path, name)
	}
	key.Owner.Session = &s
	return key, sealed, nil
}

// read reads the columns that hold JSON, or nothing.
func (s *Session) read(policies, tags, passed string) error {
	return errors.Join(fromJSON(policies, &s.Policies), fromJSON(tags, &s.Tags), fromJSON(passed, &s.Transitive))
}

// fromJSON reads what toJSON wrote.
func fromJSON(text string, into any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

// toJSON is a list or a map as a column holds it: "" when it is empty.
func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings always marshal
	}
	if len(text) <= 2 || string(text) == "null" {
		return ""
	}
	return string(text)
}
