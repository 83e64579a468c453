package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"slipway/registry/inspect"
	"slipway/store"
)

// searchPage is how many candidates are read from SQL at a time.
const searchPage = 500

// search finds what meets the criteria, in SQL, and marks it. Where a criterion is about bytes, it reads each
// blob that SQL does not know the answer for. It lists no blob store.
func (m *marking) search(ctx context.Context) error {
	k := m.Criteria
	switch {
	case k.Digest != "":
		return m.add(ctx, []Digest{k.Digest})
	case k.Image != "":
		return m.searchImage(ctx)
	case k.Label != "":
		return m.searchLabel(ctx)
	}
	return m.searchBlobs(ctx)
}

// searchImage marks all that an image needs, through whatever indexes.
func (m *marking) searchImage(ctx context.Context) error {
	k := m.Criteria
	id, err := ParseReference(k.Image)
	if err != nil {
		return err
	}
	var blobs []Digest
	err = m.c.view(ctx, k.Account, k.Repository, func(tx *store.Tx, repo Repository) error {
		d, err := findDigest(tx, repo, id)
		if err != nil {
			return err
		}
		blobs, err = digests(tx, `with recursive tree (manifest) as (select $2 union
				select c.child from tree t join registry_manifest_children c on c.repository = $1 and c.parent = t.manifest)
			select distinct coalesce(b.content, b.digest) from tree t
				join registry_manifest_blobs n on n.repository = $1 and n.manifest = t.manifest
				join registry_blobs b on b.digest = n.blob`,
			repo.id, string(d))
		return err
	})
	if err != nil {
		return err
	}
	return m.add(ctx, blobs)
}

// found is a blob with what is known of it.
type found struct {
	digest Digest
	name   Digest // that it has here: another than its digest if it is sealed
	key    string // id of the customer key that it is sealed with, or ""
	answer int    // of an earlier search: one of the answers
}

// What a search found out about a blob: a column of registry_searched.
const (
	answerNo int = iota
	answerYes
	answerUnreadable
	notAsked
)

// searchBlobs marks blobs by their age, or by what is in them.
func (m *marking) searchBlobs(ctx context.Context) error {
	from, args, err := m.candidates(ctx)
	if err != nil {
		return err
	}
	for after := Digest(""); ; {
		var page []found
		err := m.c.db.View(ctx, func(tx *store.Tx) (err error) {
			page, err = listFound(tx, from, append([]any{m.Criteria.inside(), string(after), searchPage}, args...))
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		if err := m.addPage(ctx, page, m.Criteria.what()); err != nil {
			return err
		}
		after = page[len(page)-1].name
	}
}

// addPage marks those of the candidates that have what is looked for, each as soon as that is known; all of
// them when nothing is.
func (m *marking) addPage(ctx context.Context, page []found, what inspect.What) error {
	if what == nil {
		all := make([]Digest, len(page))
		for i, f := range page {
			all[i] = f.digest
		}
		return m.add(ctx, all)
	}
	for _, f := range page {
		yes, err := m.ask(ctx, f, what)
		if err == nil && yes {
			err = m.add(ctx, []Digest{f.digest})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// candidates is where the blobs come from that the criteria are about: SQL that begins with from, in which
// the blob's row is b, and whose arguments begin with $4.
func (m *marking) candidates(ctx context.Context) (from string, args []any, err error) {
	k := m.Criteria
	switch {
	case k.Repository != "":
		repo, err := m.c.Repository(ctx, k.Account, k.Repository)
		if err != nil {
			return "", nil, err
		}
		from, args = `registry_links l join registry_blobs b on b.digest = l.blob where l.repository = $4`, []any{repo.id}
	case k.Account != "":
		from, args = `registry_holdings l join registry_blobs b on b.digest = l.blob where l.account = $4`, []any{k.Account}
	default:
		from = `registry_blobs b where b.size >= 0`
	}
	if !k.StoredBefore.IsZero() {
		from += fmt.Sprintf(` and b.stored < $%d`, 4+len(args))
		args = append(args, store.Micros(k.StoredBefore))
	}
	return from, args, nil
}

func listFound(tx *store.Tx, from string, args []any) (page []found, err error) {
	err = tx.Each(`select b.digest, coalesce(b.content, b.digest), b.customer_key, coalesce((select s.found from registry_searched s where s.version = $1 and s.blob = b.digest), 3)
		from `+from+` and b.digest > $2 order by b.digest limit $3`, args, func(rows *sql.Rows) error {
		var f found
		err := rows.Scan(&f.name, &f.digest, &f.key, &f.answer)
		page = append(page, f)
		return err
	})
	return page, err
}

// ask reports whether a blob has what is looked for. What it had to read for the answer it remembers.
func (m *marking) ask(ctx context.Context, f found, what inspect.What) (bool, error) {
	if f.answer == notAsked {
		yes, err := m.look(ctx, f, what)
		switch f.answer = answerNo; {
		case isKeyError(err): // who has the key can still find it out, and so may a later search
			m.Unreadable = append(m.Unreadable, f.digest)
			return false, nil
		case errors.Is(err, inspect.ErrUnreadable):
			slog.Info("a blob cannot be searched", "digest", f.digest, "error", err)
			f.answer = answerUnreadable
		case err != nil:
			return false, skipGone(err)
		case yes:
			f.answer = answerYes
		}
		if err := m.remember(ctx, f); err != nil {
			return false, err
		}
	}
	if f.answer == answerUnreadable {
		m.Unreadable = append(m.Unreadable, f.digest)
	}
	return f.answer == answerYes, nil
}

func (m *marking) remember(ctx context.Context, f found) error {
	return m.c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`insert into registry_searched (version, blob, found)
			select $1, digest, cast($3 as bigint) from registry_blobs where digest = $2 on conflict (version, blob) do nothing`,
			m.Criteria.inside(), string(f.name), f.answer)
		return err
	})
}

// searchLabel marks what the images need that have a label themselves, or whose repository has it.
func (m *marking) searchLabel(ctx context.Context) error {
	if m.Criteria.Repository != "" {
		if _, err := m.c.Repository(ctx, m.Criteria.Account, m.Criteria.Repository); err != nil {
			return err
		}
	}
	label := inspect.ParseLabel(m.Criteria.Label)
	for after := int64(0); ; {
		var page []labelled
		err := m.c.db.View(ctx, func(tx *store.Tx) (err error) {
			page, err = listLabelled(tx, m.Criteria, label, after, searchPage)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, l := range page {
			if err := m.searchRepository(ctx, l, label); err != nil {
				return err
			}
		}
		after = page[len(page)-1].repo.id
	}
}

// labelled is a repository, and whether it has the label.
type labelled struct {
	repo Repository // id and key
	has  bool
}

func listLabelled(tx *store.Tx, k Criteria, label inspect.Label, after int64, limit int) (page []labelled, err error) {
	err = tx.Each(`select r.id, r.customer_key, exists (select 1 from registry_labels t where t.repository = r.id and t.name = $3 and ($4 = '' or t.value = $4))
		from registry_repositories r where ($1 = '' or r.account = $1) and ($2 = '' or r.name = $2) and r.id > $5 order by r.id limit $6`,
		[]any{k.Account, k.Repository, label.Name, label.Value, after, limit}, func(rows *sql.Rows) error {
			var l labelled
			err := rows.Scan(&l.repo.id, &l.repo.KeyID, &l.has)
			page = append(page, l)
			return err
		})
	return page, err
}

// searchRepository goes through the images of a repository.
func (m *marking) searchRepository(ctx context.Context, l labelled, label inspect.Label) error {
	for after := Digest(""); ; {
		var page []configured
		err := m.c.db.View(ctx, func(tx *store.Tx) (err error) {
			page, err = listConfigured(tx, l.repo, m.Criteria.inside(), after, searchPage)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, image := range page {
			yes := l.has
			if !yes && image.config.digest != "" {
				if yes, err = m.ask(ctx, image.config, label); err != nil {
					return err
				}
			}
			if !yes {
				continue
			}
			if err := m.addImage(ctx, l.repo.id, image.digest); err != nil {
				return err
			}
		}
		after = page[len(page)-1].digest
	}
}

func (m *marking) addImage(ctx context.Context, repository int64, d Digest) error {
	var blobs []Digest
	err := m.c.db.View(ctx, func(tx *store.Tx) (err error) {
		blobs, err = digests(tx, `select coalesce(b.content, b.digest) from registry_manifest_blobs n join registry_blobs b on b.digest = n.blob
			where n.repository = $1 and n.manifest = $2`, repository, string(d))
		return err
	})
	if err != nil {
		return err
	}
	return m.add(ctx, blobs)
}

// configured is an image with its config, if it has one.
type configured struct {
	digest Digest
	config found
}

// listConfigured reads the manifests of some images, which say what their configs are.
func listConfigured(tx *store.Tx, repo Repository, version string, after Digest, limit int) (page []configured, err error) {
	err = tx.Each(`select digest, raw from registry_manifests where repository = $1 and digest > $2 order by digest limit $3`,
		[]any{repo.id, string(after), limit}, func(rows *sql.Rows) error {
			var i configured
			var raw []byte
			if err := rows.Scan(&i.digest, &raw); err != nil {
				return err
			}
			var d document
			if err := json.Unmarshal(raw, &d); err != nil {
				return err
			}
			if d.Config != nil && !d.Config.elsewhere() {
				i.config = found{digest: d.Config.Digest, key: repo.KeyID, answer: notAsked}
			}
			page = append(page, i)
			return nil
		})
	for i := range page {
		if err != nil {
			return nil, err
		}
		config := &page[i].config
		if config.name, err = nameOf(tx, repo, config.digest); err != nil {
			return nil, err
		}
		err = tx.Row(`select found from registry_searched where version = $1 and blob = $2`, version, string(config.name)).Scan(&config.answer)
		if noRows(err) {
			err = nil
		}
	}
	return page, err
}
