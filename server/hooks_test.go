package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"slipway/hooks"
	"slipway/store"
)

// What a client does through the API is told to who asked for it over the control socket.
func TestHookIsToldOfWhatClientsDo(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	told := make(chan string, 10)
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		told <- r.Header.Get(hooks.HeaderEvent)
	}))
	defer listener.Close()
	control := NewControl(s.config.Data)
	made, secret, err := control.AddHook(t.Context(), Hook{URL: listener.URL, Repositories: []string{"web/*"}, Local: true})
	must(t, err)
	if len(secret) != 64 {
		t.Errorf("the secret has %d digits", len(secret))
	}
	client := ecr.NewFromConfig(s.asRoot())
	for _, name := range []string{"db", "web/app"} {
		_, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String(name)})
		must(t, err)
	}
	_, err = client.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("web/app")})
	must(t, err)
	for _, want := range []string{"repository.created", "repository.deleted"} {
		select {
		case got := <-told:
			if got != want {
				t.Errorf("told of %s, want %s", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("was not told of %s", want)
		}
	}
	must(t, control.RemoveHook(t.Context(), made.ID))
	if all, err := control.Hooks(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("hooks %+v, error %v", all, err)
	}
}

// What a hook did not take comes again when the owner of the data folder says so.
func TestOwnerSendsDeadLettersAgain(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	var status atomic.Int32
	status.Store(http.StatusBadGateway)
	told := make(chan string, 10)
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(int(status.Load()))
		told <- r.Header.Get(hooks.HeaderID)
	}))
	defer listener.Close()
	control := NewControl(s.config.Data)
	made, _, err := control.AddHook(t.Context(), Hook{URL: listener.URL, Local: true})
	must(t, err)
	_, err = ecr.NewFromConfig(s.asRoot()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("web")})
	must(t, err)
	first := <-told
	s.giveUp(t, made.ID)
	status.Store(http.StatusOK)
	dead, err := control.DeadLetters(t.Context(), made.ID)
	must(t, err)
	if len(dead) != 1 || dead[0].Event != first {
		t.Fatalf("dead letters %+v, want that of event %s", dead, first)
	}
	if _, err := control.RedeliverLetters(t.Context(), made.ID, "9"+first); err == nil || !strings.Contains(err.Error(), "no dead letter") {
		t.Errorf("a letter that there is not: %v", err)
	}
	n, err := control.RedeliverLetters(t.Context(), made.ID, first)
	must(t, err)
	if again := <-told; n != 1 || again != first {
		t.Errorf("%d sent again, came %s, want %s", n, again, first)
	}
}

// giveUp has the one letter to a hook given up, which would take ten minutes.
func (s *Server) giveUp(t *testing.T, hook string) {
	t.Helper()
	must(t, s.db.Update(t.Context(), func(tx *store.Tx) error {
		n, err := tx.Exec(`update hooks_letters set dead = $2 where hook = $1`, hook, store.Micros(tx.Now))
		if n != 1 {
			t.Errorf("the hook has %d letters, want 1", n)
		}
		return err
	}))
}
