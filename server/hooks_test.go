package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"slipway/hooks"
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
