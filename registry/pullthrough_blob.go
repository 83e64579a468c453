package registry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"slipway/store"
)

const (
	downloaders      = 24
	downloadsWaiting = 1000
	downloadStall    = time.Minute // without a byte, until another registry is given up
)

// download is a blob of another registry on its way here, once for all who want it.
type download struct {
	rule       Upstream
	repository string
	digest     Digest

	opened chan struct{} // closed when size, or err, is known
	size   int64
	spool  *spool

	stored chan struct{} // closed when the blob is here, or err is why it is not
	err    error
}

type downloadKey struct {
	account, repository string
	digest              Digest
}

func (b *download) key() downloadKey { return downloadKey{b.rule.Account, b.repository, b.digest} }

// wait returns when the blob is here.
func (b *download) wait(ctx context.Context) error {
	select {
	case <-b.stored:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read gives the bytes as they come.
func (b *download) read(ctx context.Context) (io.ReadCloser, int64, error) {
	select {
	case <-b.opened:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	if b.spool == nil {
		return nil, 0, b.wait(ctx)
	}
	r, err := b.spool.reader(ctx)
	return r, b.size, err
}

// downloads are the blobs on their way.
type downloads struct {
	mu      sync.Mutex
	known   map[downloadKey]*download
	waiting chan *download
}

func newDownloads() *downloads {
	return &downloads{known: map[downloadKey]*download{}, waiting: make(chan *download, downloadsWaiting)}
}

// download has a blob brought here, or joins those who do. It returns ErrUpstreamBusy when too many are
// wanted already.
func (c *Control) download(rule Upstream, repository string, d Digest) (*download, error) {
	q := c.downloads
	b := &download{rule: rule, repository: repository, digest: d, opened: make(chan struct{}), stored: make(chan struct{})}
	q.mu.Lock()
	defer q.mu.Unlock()
	if before := q.known[b.key()]; before != nil {
		return before, nil
	}
	select {
	case q.waiting <- b:
		q.known[b.key()] = b
		return b, nil
	default:
		return nil, about(ErrUpstreamBusy, Error{Account: rule.Account, Repository: repository, Digest: d})
	}
}

// runDownloads brings blobs until ctx ends.
func (c *Control) runDownloads(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-c.downloads.waiting:
			b.err = c.fetch(ctx, b)
			if b.spool == nil {
				close(b.opened)
			}
			c.downloads.mu.Lock()
			delete(c.downloads.known, b.key())
			c.downloads.mu.Unlock()
			close(b.stored)
			if b.spool != nil {
				b.spool.release()
			}
		}
	}
}

// fetch reads a blob there, for whoever reads it here, and keeps it.
func (c *Control) fetch(ctx context.Context, b *download) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := c.source(ctx, b.rule, b.repository)
	if err != nil {
		return err
	}
	size, body, err := s.blob(ctx, b.digest)
	if err != nil {
		return err
	}
	defer body.Close()
	spool, err := newSpool(c.spools)
	if err != nil {
		return err
	}
	b.size, b.spool = size, spool
	close(b.opened)
	var filling sync.WaitGroup
	filling.Go(func() { spool.fill(unstalled(body, cancel)) })
	err = c.keep(ctx, b)
	filling.Wait()
	return err
}

// unstalled gives a body up that stands still.
func unstalled(body io.Reader, giveUp func()) io.Reader {
	return &watched{body, time.AfterFunc(downloadStall, giveUp)}
}

type watched struct {
	io.Reader
	timer *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil {
		w.timer.Stop()
	} else {
		w.timer.Reset(downloadStall)
	}
	return n, err
}

// keep makes what comes a blob of the repository, as a push would.
func (c *Control) keep(ctx context.Context, b *download) error {
	r, err := b.spool.reader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	account := b.rule.Account
	upload, err := c.StartUpload(ctx, account, b.repository)
	if err != nil {
		return err
	}
	_, err = c.Append(ctx, account, b.repository, upload, End, r)
	if err == nil {
		_, err = c.FinishUpload(ctx, account, b.repository, upload, b.digest)
	}
	if err != nil {
		c.abandon(ctx, account, b.repository, upload)
	}
	return err
}

// abandon cancels an upload that nobody will go on with.
func (c *Control) abandon(ctx context.Context, account, repository, upload string) {
	err := c.CancelUpload(context.WithoutCancel(ctx), account, repository, upload)
	if err != nil && !errors.Is(err, ErrNoUpload) && !errors.Is(err, ErrNoRepository) {
		slog.Warn("an upload stays until it is stale", "upload", upload, "error", err)
	}
}

// PullBlob reads a blob that is not here from the other registry that a rule names, and has it brought here
// meanwhile. It returns ErrNoRepository, ErrNoBlob also where there is no rule, what may returns,
// ErrUpstreamDenied, ErrUpstreamBusy, ErrUpstreamDown, ErrNoSecret, ErrMarked, or ErrKeyDisabled, ErrKeyPending or ErrNoKey
// where what is brought could not be kept.
func (c *Control) PullBlob(ctx context.Context, account, repository string, d Digest, may Permit) (r io.ReadCloser, size int64, err error) {
	rule, err := c.ruleOfBlob(ctx, account, repository, d, may)
	if err != nil {
		return nil, 0, err
	}
	b, err := c.download(rule, repository, d)
	if err != nil {
		return nil, 0, err
	}
	r, size, err = b.read(ctx)
	if errors.Is(err, os.ErrClosed) { // it came while we looked
		if err = b.wait(ctx); err == nil {
			return c.openStored(ctx, account, repository, d)
		}
	}
	if err != nil {
		return nil, 0, aboutBlob(err, account, repository, d)
	}
	return r, size, nil
}

func (c *Control) openStored(ctx context.Context, account, repository string, d Digest) (io.ReadCloser, int64, error) {
	r, err := c.OpenBlob(ctx, account, repository, d)
	if err != nil {
		return nil, 0, err
	}
	return r, r.Size(), nil
}

// PullBlobSize is the size of what PullBlob reads.
func (c *Control) PullBlobSize(ctx context.Context, account, repository string, d Digest, may Permit) (int64, error) {
	rule, err := c.ruleOfBlob(ctx, account, repository, d, may)
	if err != nil {
		return 0, err
	}
	s, err := c.source(ctx, rule, repository)
	if err != nil {
		return 0, err
	}
	size, err := s.blobSize(ctx, d)
	return size, aboutBlob(err, account, repository, d)
}

func aboutBlob(err error, account, repository string, d Digest) error {
	if errors.Is(err, errUpstreamMissing) {
		err = ErrNoBlob
	}
	return about(err, Error{Account: account, Repository: repository, Digest: d})
}

// ruleOfBlob is the rule of a repository that may have the blob.
func (c *Control) ruleOfBlob(ctx context.Context, account, repository string, d Digest, may Permit) (rule Upstream, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		var found bool
		if rule, found, err = upstreamFor(tx, account, repository); err != nil {
			return err
		}
		if !found {
			return noBlob(repo, d)
		}
		if err := checkMarks(tx, repo, []Digest{d}, nil); err != nil {
			return err
		}
		return c.checkKey(tx, repo)
	})
	if err != nil {
		return Upstream{}, err
	}
	return rule, may(false)
}
