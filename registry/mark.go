package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"slipway/blob"
	"slipway/events"
	"slipway/internal/ids"
	"slipway/registry/inspect"
	"slipway/store"
)

// Mark says that blobs may not be used any more: no image that needs one is pulled, no manifest that names
// one is taken, and pushes of one are refused. The bytes stay until the next sweep, and until then taking
// the mark away makes everything as it was.
type Mark struct {
	ID       string    `json:"id"`
	Scope    string    `json:"scope"` // the account in whose repositories it holds; "": in all
	Criteria Criteria  `json:"criteria"`
	Reason   string    `json:"reason"` // for people; whoever is refused reads it
	Created  time.Time `json:"created"`
	Searched time.Time `json:"searched"` // when the search was last complete; zero: it never was
	Blobs    int       `json:"blobs"`    // that are marked
}

// Marking is what a search for blobs to mark came to.
type Marking struct {
	Mark
	New        int      `json:"new"`                  // blobs that the mark did not have before
	Images     int      `json:"images"`               // that cannot be pulled by them, indexes among them
	Read       int64    `json:"read"`                 // bytes of blobs that were read
	Unreadable []Digest `json:"unreadable,omitempty"` // blobs that may have what is looked for or not: nobody can tell
}

// markBatch is how many blobs are marked in one transaction.
const markBatch = 100

// Mark marks what meets the criteria now, in one account's repositories or in all (""): what it says holds
// when it returns, and for each blob from the moment at which it is found. The same again goes on where
// it was cut off, finds what came since, and reads no blob twice. It returns ErrCriteria, or
// ErrNoRepository or ErrNoImage for criteria that name what is not there.
func (c *Control) Mark(ctx context.Context, scope string, criteria Criteria, reason string) (Marking, error) {
	if scope != wholeService && criteria.Account == "" && criteria.Digest == "" {
		criteria.Account = scope
	}
	if err := criteria.check(); err != nil {
		return Marking{}, err
	}
	if scope != wholeService && criteria.Account != "" && criteria.Account != scope {
		return Marking{}, fmt.Errorf("%w: what account %s has is to be searched, and marked for %s", ErrCriteria, criteria.Account, scope)
	}
	if reason == "" || len(reason) > maxReason {
		return Marking{}, fmt.Errorf("%w: a reason of %d bytes, want 1 to %d", ErrCriteria, len(reason), maxReason)
	}
	m := &marking{c: c, Marking: Marking{Mark: Mark{ID: ids.UUID(), Scope: scope, Criteria: criteria, Reason: reason}}}
	err := m.run(ctx)
	return m.Marking, err
}

// marking is a Mark at work.
type marking struct {
	Marking
	c     *Control
	tasks []Task
}

func (m *marking) run(ctx context.Context) (err error) {
	if m.c.tasks != nil {
		if m.tasks, err = m.c.tasks(ctx); err != nil {
			return err
		}
	}
	if err := m.c.db.Update(ctx, m.begin); err != nil {
		return err
	}
	if err := m.search(ctx); err != nil {
		return err
	}
	return m.c.db.Update(ctx, m.end)
}

type markEvent struct {
	Mark     string   `json:"mark"`
	Reason   string   `json:"reason"`
	Criteria Criteria `json:"criteria"`
	Blobs    int      `json:"blobs"`
}

func (m *marking) begin(tx *store.Tx) (err error) {
	m.ID, m.Created, err = upsertMark(tx, m.Mark)
	return err
}

func (m *marking) end(tx *store.Tx) error {
	n, err := tx.Exec(`update registry_marks set searched = $2 where id = $1`, m.ID, store.Micros(tx.Now))
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: %s was taken away while it was made", ErrNoMark, m.ID)
	}
	m.Searched = tx.Now
	if m.Blobs, err = countMarked(tx, m.ID); err != nil {
		return err
	}
	return events.Append(tx, m.Scope, "mark.made", m.ID, markEvent{m.ID, m.Reason, m.Criteria, m.Blobs})
}

// add marks some blobs, and tells the owners of what is touched.
func (m *marking) add(ctx context.Context, blobs []Digest) error {
	for some := range slices.Chunk(blobs, markBatch) {
		added, images := 0, 0
		err := m.c.db.Update(ctx, func(tx *store.Tx) error {
			fresh, err := insertMarked(tx, m.Mark, some)
			if err != nil || len(fresh) == 0 {
				return err
			}
			touched, err := imagesWith(tx, m.Scope, fresh)
			if err != nil {
				return err
			}
			added, images = len(fresh), 0
			for _, t := range touched {
				images += len(t.images)
			}
			return m.c.tellTouched(tx, "layer.marked", m.Mark, touched, m.tasks)
		})
		if err != nil {
			return err
		}
		m.New += added
		m.Images += images
	}
	return nil
}

// look reads a blob, and reports whether it has what is looked for.
func (m *marking) look(ctx context.Context, f found, what inspect.What) (bool, error) {
	r, err := m.open(ctx, f)
	if err != nil {
		return false, err
	}
	defer r.Close()
	counted := &counting{r: r}
	found, err := inspect.Find(ctx, counted, what)
	m.Read += counted.n
	return found, err
}

// open reads a blob, with its key if that can be used.
func (m *marking) open(ctx context.Context, f found) (blob.Reader, error) {
	if f.key != "" {
		if err := m.c.db.View(ctx, func(tx *store.Tx) error { return m.c.checkKeyID(tx, f.key) }); err != nil {
			return nil, err
		}
	}
	blobs, err := m.c.bytesUnder(ctx, f.key)
	if err != nil {
		return nil, err
	}
	return blobs.Open(ctx, f.digest)
}

type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// touchedRepository is a repository with the images that a mark takes out of use there.
type touchedRepository struct {
	repo   Repository
	layers []Digest
	images []Digest
}

// toldImages is how many images an event names.
const toldImages = 1000

type touchedEvent struct {
	Repository string   `json:"repository"`
	Mark       string   `json:"mark"`
	Reason     string   `json:"reason"`
	Layers     []Digest `json:"layers"`
	Images     []Digest `json:"images"`         // at most 1000 of them, indexes among them
	More       int      `json:"more,omitempty"` // images that are not named
	Tasks      []string `json:"tasks"`          // ARNs of the account's tasks that run one of the images
}

// tellTouched tells the owner of each repository what a mark means for it, and for what runs.
func (c *Control) tellTouched(tx *store.Tx, kind string, m Mark, touched []touchedRepository, tasks []Task) error {
	for _, t := range touched {
		e := touchedEvent{Repository: t.repo.Name, Mark: m.ID, Reason: m.Reason, Layers: t.layers, Images: t.images, Tasks: []string{}}
		for _, task := range tasks {
			if _, runs := slices.BinarySearch(t.images, task.Digest); runs && task.Account == t.repo.Account {
				e.Tasks = append(e.Tasks, task.ARN)
			}
		}
		if n := len(e.Images); n > toldImages {
			e.Images, e.More = e.Images[:toldImages], n-toldImages
		}
		if err := events.Append(tx, t.repo.Account, kind, c.ARN(t.repo.Account, t.repo.Name), e); err != nil {
			return err
		}
	}
	return nil
}

// Unmark takes a mark away: of an account's own, or any if account is "". What is not swept yet is as it
// was, unless another mark has it too. It returns ErrNoMark.
func (c *Control) Unmark(ctx context.Context, account, id string) (Mark, error) {
	var m Mark
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		m, err = findMark(tx, account, id)
		return err
	})
	if err != nil {
		return Mark{}, err
	}
	for {
		n := 0
		err := c.db.Update(ctx, func(tx *store.Tx) error {
			blobs, err := deleteMarked(tx, m.ID, markBatch)
			if n = len(blobs); err != nil || n == 0 {
				return err
			}
			touched, err := imagesWith(tx, m.Scope, blobs)
			if err != nil {
				return err
			}
			return c.tellTouched(tx, "layer.unmarked", m, touched, nil)
		})
		if err != nil {
			return m, err
		}
		if n == 0 {
			return m, c.endMark(ctx, m)
		}
	}
}

func (c *Control) endMark(ctx context.Context, m Mark) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`delete from registry_marks where id = $1`, m.ID)
		if err != nil || n == 0 {
			return err
		}
		return events.Append(tx, m.Scope, "mark.unmade", m.ID, markEvent{m.ID, m.Reason, m.Criteria, m.Blobs})
	})
}

// Marks lists the marks that hold in an account, or all if account is "", the oldest first.
func (c *Control) Marks(ctx context.Context, account string) (all []Mark, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all, err = listMarks(tx, account)
		return err
	})
	return all, err
}

// MarkedBlobs lists at most limit of the blobs that a mark has, by digest, from after the given one.
func (c *Control) MarkedBlobs(ctx context.Context, id string, after Digest, limit int) (blobs []Digest, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		blobs, err = digests(tx, `select blob from registry_marked where mark = $1 and blob > $2 order by blob limit $3`, id, string(after), limit)
		return err
	})
	return blobs, err
}

// skipGone is for a blob that was swept between being found and being read.
func skipGone(err error) error {
	if errors.Is(err, ErrNoBlob) {
		return nil
	}
	return err
}
