package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"slipway/events"
	"slipway/store"
)

// happen writes events about dogs.
func (s *Server) happen(t *testing.T, account string, kinds ...string) {
	t.Helper()
	for _, kind := range kinds {
		err := s.db.Update(t.Context(), func(tx *store.Tx) error { return events.Append(tx, account, kind, "rex", nil) })
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Every fact is told once and in order, and a reader goes on where it was over restarts of the server.
func TestEventsAreToldOnceAndInOrder(t *testing.T) {
	s := open(t, nil)
	data := s.config.Data
	end := start(t, s)
	s.happen(t, "1", "dog.came", "dog.barked")
	q := EventQuery{Type: "dog.*", Follow: true}
	var told []string
	tell := func(until string) func(Event) error {
		return func(e Event) error {
			if told = append(told, e.Type); e.Type == until {
				return errEnough
			}
			return nil
		}
	}
	if err := NewControl(data).Events(t.Context(), &q, tell("dog.barked")); !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	followed := make(chan error, 1)
	go func() { followed <- NewControl(data).Events(t.Context(), &q, tell("")) }()
	end()
	if err := <-followed; !errors.Is(err, ErrNotRunning) {
		t.Errorf("when the server ends: %v, want %v", err, ErrNotRunning)
	}
	again, err := Open(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	again.happen(t, "1", "dog.slept", "cat.came", "dog.left")
	defer start(t, again)()
	if err := NewControl(data).Events(t.Context(), &q, tell("dog.left")); !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	if want := []string{"dog.came", "dog.barked", "dog.slept", "dog.left"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

var errEnough = errors.New("enough")

func TestEventQueries(t *testing.T) {
	s := open(t, nil)
	defer start(t, s)()
	s.happen(t, "1", "dog.came")
	s.happen(t, "2", "dog.barked")
	for _, c := range []struct {
		q    EventQuery
		want string
	}{
		{EventQuery{Type: "dog.*"}, "[dog.came dog.barked]"},
		{EventQuery{Account: "2"}, "[dog.barked]"},
		{EventQuery{Last: new(int64(1))}, "[dog.barked]"},
		{EventQuery{Last: new(int64(0))}, "[]"},
		{EventQuery{Last: new(int64(9))}, "[dog.came dog.barked]"},
		{EventQuery{Last: new(int64(1)), Account: "1"}, "[dog.came]"},
		{EventQuery{Last: new(int64(1)), Type: "dog.c*"}, "[dog.came]"},
		{EventQuery{Type: "cat.*"}, "[]"},
	} {
		told := []string{}
		err := NewControl(s.config.Data).Events(t.Context(), &c.q, func(e Event) error { told = append(told, e.Type); return nil })
		if got := fmt.Sprint(told); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v, want %s", c.q, got, err, c.want)
		}
	}
	for _, bad := range []EventQuery{{Type: "["}, {After: -1}, {Last: new(int64(-1))}} {
		if err := NewControl(s.config.Data).Events(context.Background(), &bad, nil); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
