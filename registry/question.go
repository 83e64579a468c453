package registry

import (
	"context"
	"database/sql"
	"time"

	"slipway/store"
)

// What clients ask most is answered by one statement, which sees one state of the database without a
// transaction around it. Each knows the plain case only, in which all is there and nothing forbids it; what
// is not plain is for the transaction that knows every case.

// linkAnswer is what there is to know of a blob of a repository.
type linkAnswer struct {
	size   int64
	linked time.Time // when a push last brought it or asked for it
	marked bool
	key    string // id of the customer key that it is sealed with; "": none
}

const blobIsMarked = `exists (select 1 from registry_marked k where k.blob = $3 and k.scope in ('', $1))`

// askLink asks for a blob of a repository. It returns ErrNoRepository, ErrNoBlob, or an error of checkKey.
func (c *Control) askLink(ctx context.Context, account, repository string, d Digest) (a linkAnswer, err error) {
	var size, linked sql.NullInt64
	err = c.db.Row(ctx, `select b.size, l.linked, `+blobIsMarked+`, r.customer_key from registry_repositories r
		left join registry_links l on l.repository = r.id and l.blob = $3
		left join registry_blobs b on b.digest = l.blob
		where r.account = $1 and r.name = $2`, account, repository, string(d)).Scan(&size, &linked, &a.marked, &a.key)
	switch {
	case noRows(err):
		return a, &Error{Cause: ErrNoRepository, Account: account, Repository: repository}
	case err == nil && a.key != "":
		return c.askSealedLink(ctx, account, repository, d)
	case err == nil && !size.Valid:
		return a, noBlob(Repository{Account: account, Name: repository}, d)
	}
	a.size, a.linked = size.Int64, store.Time(linked.Int64)
	return a, err
}

// isMounted reports whether a mount has nothing to write: the blob is where it is to go, may be mounted from
// where it comes, and is held there long enough already.
func (c *Control) isMounted(ctx context.Context, account, repository, from string, d Digest) (bool, error) {
	var pushed, linked int64
	var source, marked bool
	var mounting string
	err := c.db.Row(ctx, `select r.pushed, l.linked, `+blobIsMarked+`,
		exists (select 1 from registry_links s join registry_repositories f on f.id = s.repository
			where f.account = $1 and f.name = $4 and s.blob = $3),
		coalesce((select value from registry_settings where account = $1 and name = $5), '')
		from registry_repositories r join registry_links l on l.repository = r.id and l.blob = $3
		where r.account = $1 and r.name = $2 and r.customer_key = ''`, account, repository, string(d), from, string(SettingBlobMounting)).
		Scan(&pushed, &linked, &marked, &source, &mounting)
	if err != nil {
		if noRows(err) {
			err = nil
		}
		return false, err
	}
	now := time.Now()
	held := c.fresh(now, store.Time(linked)) && c.recent(now, store.Time(pushed))
	return held && source && !marked && mounting != "DISABLED", nil
}

// plainImages is what a question after an image begins and ends with: the image, and how much the marks have
// to do with it.
const (
	plainImages = `select ` + imageColumns + `, case
			when not exists (select 1 from registry_marked) then 0
			when exists (select 1 from registry_manifest_blobs n join registry_marked k on k.blob = n.blob
				where n.repository = m.repository and n.manifest = m.digest and k.scope in ('', $1)) then 2
			else 1 end, `
	plainFrom = ` from (select id from registry_repositories where account = $1 and name = $2 and customer_key = '') r `
)

// plain reports whether an image is one that can be pulled: not in the archive, and surely not marked. What
// an index needs is not looked into.
func (i Image) plain(marks int) bool {
	return i.Archived.IsZero() && (marks == 0 || marks == 1 && !isIndex(i.MediaType))
}

// isPushed reports whether a push has nothing to write: the image is there, the tag names it, and it is not
// about to be swept.
func (c *Control) isPushed(ctx context.Context, account, repository, tag string, d Digest) (i Image, same bool, err error) {
	var marks int
	var named Digest
	row := c.db.Row(ctx, plainImages+`coalesce((select t.manifest from registry_tags t where t.repository = r.id and t.name = $4), '')`+
		plainFrom+`join registry_manifests m on m.repository = r.id and m.digest = $3`, account, repository, string(d), tag)
	i, err = scanImage(row.Scan, &marks, &named)
	if noRows(err) {
		return Image{}, false, nil
	}
	stays := named == d
	if tag == "" {
		stays = i.untagged.IsZero() || c.fresh(time.Now(), i.untagged)
	}
	return i, stays && i.plain(marks), err
}

// askManifest reads an image for a pull, where no rule says that those of the account come from elsewhere.
func (c *Control) askManifest(ctx context.Context, account, repository string, id ImageID) (repo Repository, m Manifest, found bool, err error) {
	join, name := `join registry_manifests m on m.repository = r.id and m.digest = $3`, string(id.Digest)
	if id.Tag != "" {
		join, name = `join registry_tags t on t.repository = r.id and t.name = $3
			join registry_manifests m on m.repository = r.id and m.digest = t.manifest`, id.Tag
	}
	var marks int
	var ruled bool
	repo = Repository{Account: account, Name: repository}
	row := c.db.Row(ctx, plainImages+`exists (select 1 from registry_upstreams where account = $1), r.id, raw`+plainFrom+join, account, repository, name)
	m.Image, err = scanImage(row.Scan, &marks, &ruled, &repo.id, &m.Raw)
	if noRows(err) {
		return repo, Manifest{}, false, nil
	}
	agree := id.Tag == "" || id.Digest == "" || id.Digest == m.Digest
	return repo, m, agree && !ruled && m.plain(marks), err
}
