package logs

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"slipway/internal/page"
	"slipway/store"
)

// Stream is a sequence of events from one source, such as a container.
type Stream struct {
	Name      string
	Created   time.Time
	FirstTime int64     // of the earliest event, milliseconds since 1970; 0: there is none
	LastTime  int64     // of the latest event, likewise
	Ingested  time.Time // when the last piece of events came; zero: never
}

// checkStreamName: Source: Amazon CloudWatch Logs API Reference, CreateLogStream.
func checkStreamName(name string) error {
	if n := len([]rune(name)); n < 1 || n > 512 || strings.ContainsAny(name, ":*") {
		return fmt.Errorf("%w: a log stream is 1 to 512 characters without : and *, not %q", ErrName, name)
	}
	return nil
}

// CreateStream makes a stream. It returns ErrNoGroup, ErrStreamExists or ErrName.
func (c *Control) CreateStream(ctx context.Context, account, group, name string) error {
	if err := checkStreamName(name); err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		g, err := findGroup(tx, account, group)
		if err != nil {
			return err
		}
		created, err := insertStream(tx, g.id, name, 0)
		if err == nil && !created {
			return fmt.Errorf("%w: %s", ErrStreamExists, name)
		}
		return err
	})
}

// DeleteStream takes a stream away with all that is in it, at once for every reader.
func (c *Control) DeleteStream(ctx context.Context, account, group, name string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		t, err := findStream(tx, account, group, name)
		if err != nil {
			return err
		}
		tx.Touch(sweepTopic)
		return markStreamDeleted(tx, t.stream)
	})
}

// StreamQuery says which streams of a group to list, and in which order.
type StreamQuery struct {
	Group      string
	Prefix     string // of the name; not with ByTime
	ByTime     bool   // by the time of the last event, and not by name
	Descending bool
	Limit      int    // 0: 50
	Token      string // of the page before; "" is the first
}

// Streams lists streams, and the token of the next page if there is one.
func (c *Control) Streams(ctx context.Context, account string, q StreamQuery) (streams []Stream, token string, err error) {
	q.Limit = cmp.Or(q.Limit, defaultLimit)
	list := fmt.Sprintf("streams of %s %s %q %v %v", account, q.Group, q.Prefix, q.ByTime, q.Descending)
	after, err := parseStreamKey(list, q.Token)
	if err != nil {
		return nil, "", err
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		g, err := findGroup(tx, account, q.Group)
		if err != nil {
			return err
		}
		rows, err := listStreams(tx, g.id, q, after)
		if err != nil {
			return err
		}
		var last string
		streams, last = page.Cut(rows, q.Limit, streamKey)
		token = page.Token(list, last)
		return nil
	})
	return streams, token, err
}

// streamKey is a stream's key in either order: its last time and its name.
func streamKey(s Stream) string { return strconv.FormatInt(s.LastTime, 10) + " " + s.Name }

// parseStreamKey reads the last key of a page from its token: the zero Stream if there is none.
func parseStreamKey(list, token string) (s Stream, err error) {
	key, err := page.Key(list, token)
	if err != nil {
		return s, fmt.Errorf("%w: %s", ErrToken, token)
	}
	last, name, _ := strings.Cut(key, " ")
	if key != "" {
		s.LastTime, err = strconv.ParseInt(last, 10, 64)
	}
	s.Name = name
	return s, err
}

// Follow returns a channel that receives after events were added to a stream, here or on another
// server, and a function that ends it. Follow first, then read up to the end, then wait.
func (c *Control) Follow(ctx context.Context, account, group, stream string) (wake <-chan struct{}, stop func(), err error) {
	var t target
	err = c.db.View(ctx, func(tx *store.Tx) error {
		t, err = findStream(tx, account, group, stream)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	wake, stop = c.db.Watch(t.topic())
	return wake, stop, nil
}
