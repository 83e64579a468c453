package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"

	"slipway/events"
	"slipway/store"
)

// Event is one fact, by its number in the order of all.
type Event struct {
	Seq     int64           `json:"seq"`
	Time    time.Time       `json:"time"`
	Account string          `json:"account"`
	Type    string          `json:"type"`
	Subject string          `json:"subject"`
	Data    json.RawMessage `json:"data"`
}

// EventQuery says which events to tell.
type EventQuery struct {
	After   int64  // number of the last event that is known
	Last    *int64 // the last so many of those asked for, instead of those after After
	Account string // "": of all accounts
	Type    string // pattern such as "task.*"; "": every type
	Follow  bool   // go on with what happens from now on
}

func (q EventQuery) values() url.Values {
	v := url.Values{"after": {strconv.FormatInt(q.After, 10)}, "account": {q.Account}, "type": {q.Type}, "follow": {strconv.FormatBool(q.Follow)}}
	if q.Last != nil {
		v.Set("last", strconv.FormatInt(*q.Last, 10))
	}
	return v
}

func readEventQuery(v url.Values) (q EventQuery, err error) {
	q.Account, q.Type, q.Follow = v.Get("account"), v.Get("type"), v.Get("follow") == "true"
	if q.After, err = strconv.ParseInt(v.Get("after"), 10, 64); err != nil || q.After < 0 {
		return q, fmt.Errorf("after %q: want the number of an event", v.Get("after"))
	}
	if v.Has("last") {
		last, err := strconv.ParseInt(v.Get("last"), 10, 64)
		if err != nil || last < 0 {
			return q, fmt.Errorf("last %q: want how many events", v.Get("last"))
		}
		q.Last = &last
	}
	if _, err := path.Match(q.Type, ""); err != nil {
		return q, fmt.Errorf("type %q: not a pattern such as task.*", q.Type)
	}
	return q, nil
}

// takes tells whether an event is asked for.
func (q EventQuery) takes(e events.Event) bool {
	fits, _ := path.Match(q.Type, e.Type)
	return (q.Account == "" || q.Account == e.Account) && (q.Type == "" || fits)
}

// handleEvents tells the owner of the data folder what happens, a line of JSON each, until ctx ends. The
// first line has nothing but the number after which it begins.
func (s *Server) handleEvents(ctx context.Context, mux *http.ServeMux) {
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		q, err := readEventQuery(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		request, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		if err := s.tellEvents(request, q, w); err != nil && request.Err() == nil {
			panic(http.ErrAbortHandler) // the caller must not take what it has for all
		}
	})
}

// eventsAtOnce is how many events are read in one transaction.
const eventsAtOnce = 1000

func (s *Server) tellEvents(ctx context.Context, q EventQuery, w http.ResponseWriter) error {
	wake, stop := s.db.Watch(events.Topic)
	defer stop()
	out, lines := http.NewResponseController(w), json.NewEncoder(w)
	after, err := s.firstEvent(ctx, q)
	if err == nil {
		err = lines.Encode(Event{Seq: after})
	}
	if err != nil {
		return err
	}
	for {
		some, last, err := s.readEvents(ctx, after)
		if err != nil {
			return err
		}
		for _, e := range some {
			if q.takes(e) {
				if err := lines.Encode(Event(e)); err != nil {
					return err
				}
			}
		}
		after = last
		if err := out.Flush(); err != nil {
			return err
		}
		if len(some) == eventsAtOnce {
			continue
		}
		if !q.Follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		}
	}
}

// firstEvent is the number after which a query begins. The last so many are counted of those that it asks for.
func (s *Server) firstEvent(ctx context.Context, q EventQuery) (after int64, err error) {
	if q.Last == nil {
		return q.After, nil
	}
	after, left := int64(math.MaxInt64), *q.Last
	for {
		earlier, err := s.eventsBefore(ctx, after)
		if err != nil {
			return 0, err
		}
		for _, e := range earlier {
			if left == 0 {
				return e.Seq, nil
			}
			if after = e.Seq; q.takes(e) {
				left--
			}
		}
		if len(earlier) < eventsAtOnce {
			return 0, nil
		}
	}
}

// eventsBefore reads what queries go by, the latest first.
func (s *Server) eventsBefore(ctx context.Context, seq int64) (some []events.Event, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		return tx.Each(`select seq, account, type from events where seq < $1 order by seq desc limit $2`,
			[]any{seq, eventsAtOnce}, func(rows *sql.Rows) error {
				var e events.Event
				err := rows.Scan(&e.Seq, &e.Account, &e.Type)
				some = append(some, e)
				return err
			})
	})
	return some, err
}

// readEvents reads on after a number, and tells up to where that was.
func (s *Server) readEvents(ctx context.Context, after int64) (some []events.Event, last int64, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		last = after
		some, err = events.Read(tx, after, eventsAtOnce)
		if len(some) > 0 {
			last = some[len(some)-1].Seq
		}
		return err
	})
	return some, last, err
}

// Events tells what happened, the earliest first, until all was told, tell fails, or ctx ends. It moves q on
// as it tells: when the server goes away, it can be asked to go on. It returns ErrNotRunning.
func (c *Control) Events(ctx context.Context, q *EventQuery, tell func(Event) error) error {
	body, err := c.call(ctx, http.MethodGet, "/events?"+q.values().Encode(), nil)
	if err != nil {
		return err
	}
	defer body.Close()
	for lines := json.NewDecoder(body); ; {
		var e Event
		err := lines.Decode(&e)
		switch {
		case errors.Is(err, io.EOF) && !q.Follow:
			return nil
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("%w %s any more: %w", ErrNotRunning, c.dir, err)
		}
		if q.After, q.Last = e.Seq, nil; e.Type == "" {
			continue
		}
		if err := tell(e); err != nil {
			return err
		}
	}
}
