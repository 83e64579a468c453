package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"slipway/registry/lifecycle"
	"slipway/store"
)

// Preview is what a lifecycle policy would do to the images of a repository.
type Preview struct {
	Text     string // of the policy
	Status   PreviewStatus
	Expires  int // images that it would let go
	Archives int // images that it would move to the archive
}

// PreviewStatus says how far a preview is.
type PreviewStatus string

// The statuses. Source: Amazon ECR API Reference, GetLifecyclePolicyPreview.
const (
	PreviewRunning  PreviewStatus = "IN_PROGRESS"
	PreviewComplete PreviewStatus = "COMPLETE"
	PreviewExpired  PreviewStatus = "EXPIRED" // it is older than a day, and has no images any more
	PreviewFailed   PreviewStatus = "FAILED"
)

// previewLife is how long a preview is shown.
const previewLife = 24 * time.Hour

// PreviewImage is an image that a policy would do something to.
type PreviewImage struct {
	Digest   Digest
	Tags     []string
	Pushed   time.Time
	Archived bool // it is in the archive already
	Action   lifecycle.Action
	Rule     int // the priority of the rule
}

// StartPreview begins to find out what a policy would do, or the repository's own if text is "", and
// returns the text. It returns ErrNoRepository, ErrLifecycle, ErrNoLifecycle, or ErrPreviewRunning.
func (c *Control) StartPreview(ctx context.Context, account, repository, text string) (string, error) {
	if text != "" {
		if _, err := lifecycle.Parse(text); err != nil {
			return "", err
		}
	}
	err := c.update(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		if text == "" {
			p, err := readLifecycle(tx, repo)
			if err != nil {
				return err
			}
			text = p.Text
		}
		if p, err := readPreview(tx, repo); err == nil && p.Status == PreviewRunning {
			return &Error{Cause: ErrPreviewRunning, Account: account, Repository: repository}
		} else if err != nil && !errors.Is(err, ErrNoPreview) {
			return err
		}
		tx.Touch(lifecycleTopic)
		return insertPreview(tx, repo, text)
	})
	return text, err
}

// Preview returns the latest preview of a repository. It returns ErrNoRepository or ErrNoPreview.
func (c *Control) Preview(ctx context.Context, account, repository string) (p Preview, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		p, err = readPreview(tx, repo)
		return err
	})
	return p, err
}

// PreviewImages lists at most limit images of the latest preview by digest, from after the given one.
func (c *Control) PreviewImages(ctx context.Context, account, repository string, f Filter, after string, limit int) (found []PreviewImage, err error) {
	where := map[Filter]string{AnyImage: "", Tagged: ` and tags <> '[]'`, Untagged: ` and tags = '[]'`}[f]
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		found, err = listPreview(tx, `repository = $1 and digest > $2`+where+` order by digest limit $3`, repo.id, after, limit)
		return err
	})
	return found, err
}

// PreviewImagesByID finds those of the images that the latest preview would do something to.
func (c *Control) PreviewImagesByID(ctx context.Context, account, repository string, ids []ImageID) (found []PreviewImage, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		found = nil
		for _, id := range ids {
			d, err := findDigest(tx, repo, id)
			if errors.Is(err, ErrNoImage) || errors.Is(err, ErrTagMismatch) {
				continue
			}
			if err != nil {
				return err
			}
			one, err := listPreview(tx, `repository = $1 and digest = $2`, repo.id, string(d))
			if err != nil {
				return err
			}
			found = append(found, one...)
		}
		return nil
	})
	return found, err
}

// makePreviews makes all previews that wait, and forgets those that nobody is shown any more.
func (c *Control) makePreviews(ctx context.Context, t *turn) error {
	var waiting []Repository
	err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
		waiting, err = waitingPreviews(tx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`delete from registry_preview_images where repository in (select repository from registry_previews where started < $1)`,
			store.Micros(tx.Now.Add(-previewLife)))
		return err
	})
	for _, repo := range waiting {
		if err != nil {
			return err
		}
		err = t.step(ctx, func(ctx context.Context) error { return c.makePreview(ctx, repo) })
	}
	return err
}

// makePreview marks a preview that cannot be made as failed, unless it was cut off.
func (c *Control) makePreview(ctx context.Context, repo Repository) error {
	status := PreviewComplete
	var marks []lifecycle.Mark
	err := c.db.View(ctx, func(tx *store.Tx) error {
		p, err := readPreview(tx, repo)
		if err != nil {
			return err
		}
		marks, err = evaluate(tx, repo, p.Text)
		return err
	})
	if errors.Is(err, ErrNoPreview) || ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		slog.Warn("a preview of a lifecycle policy failed", "account", repo.Account, "repository", repo.Name, "error", err)
		status, marks = PreviewFailed, nil
	}
	return c.db.Update(ctx, func(tx *store.Tx) error { return endPreview(tx, repo, status, marks) })
}

func readPreview(tx *store.Tx, repo Repository) (p Preview, err error) {
	var started int64
	err = tx.Row(`select document, status, started from registry_previews where repository = $1`, repo.id).Scan(&p.Text, &p.Status, &started)
	if noRows(err) {
		return p, &Error{Cause: ErrNoPreview, Account: repo.Account, Repository: repo.Name}
	}
	if err != nil {
		return p, err
	}
	if tx.Now.Sub(store.Time(started)) > previewLife {
		p.Status = PreviewExpired
	}
	err = tx.Row(`select count(case when action = $2 then 1 end), count(case when action = $3 then 1 end) from registry_preview_images where repository = $1`,
		repo.id, string(lifecycle.Expire), string(lifecycle.Archive)).Scan(&p.Expires, &p.Archives)
	return p, err
}

func insertPreview(tx *store.Tx, repo Repository, text string) error {
	if _, err := tx.Exec(`delete from registry_preview_images where repository = $1`, repo.id); err != nil {
		return err
	}
	_, err := tx.Exec(`insert into registry_previews (repository, document, status, started) values ($1, $2, $3, $4)
		on conflict (repository) do update set document = excluded.document, status = excluded.status, started = excluded.started`,
		repo.id, text, string(PreviewRunning), store.Micros(tx.Now))
	return err
}

func waitingPreviews(tx *store.Tx) (waiting []Repository, err error) {
	err = tx.Each(`select `+repositoryColumns+` from registry_repositories where id in
		(select repository from registry_previews where status = $1) order by id`, []any{string(PreviewRunning)}, func(rows *sql.Rows) error {
		r, err := scanRepository(rows.Scan)
		waiting = append(waiting, r)
		return err
	})
	return waiting, err
}

// endPreview keeps what was found. A repository that went meanwhile has no preview any more.
func endPreview(tx *store.Tx, repo Repository, status PreviewStatus, marks []lifecycle.Mark) error {
	n, err := tx.Exec(`update registry_previews set status = $2 where repository = $1`, repo.id, string(status))
	if err != nil || n == 0 {
		return err
	}
	for _, m := range marks {
		tags, err := json.Marshal(append([]string{}, m.Image.Tags...))
		if err != nil {
			return err
		}
		archived := 0
		if !m.Image.Archived.IsZero() {
			archived = 1
		}
		_, err = tx.Exec(`insert into registry_preview_images (repository, digest, action, rule, pushed, archived, tags) values ($1, $2, $3, $4, $5, $6, $7)`,
			repo.id, m.Image.Digest, string(m.Action), m.Rule, store.Micros(m.Image.Pushed), archived, string(tags))
		if err != nil {
			return err
		}
	}
	return nil
}

func listPreview(tx *store.Tx, where string, args ...any) (found []PreviewImage, err error) {
	err = tx.Each(`select digest, action, rule, pushed, archived, tags from registry_preview_images where `+where, args, func(rows *sql.Rows) error {
		var i PreviewImage
		var pushed, archived int64
		var tags string
		if err := rows.Scan(&i.Digest, &i.Action, &i.Rule, &pushed, &archived, &tags); err != nil {
			return err
		}
		i.Pushed, i.Archived = store.Time(pushed), archived == 1
		found = append(found, i)
		return json.Unmarshal([]byte(tags), &found[len(found)-1].Tags)
	})
	return found, err
}
