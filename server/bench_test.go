package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/ecs"
	"slipway/events"
	"slipway/internal/sigv4"
	"slipway/seal/sealtest"
	"slipway/store/storetest"
)

// tenStatements is a policy the last statement of which allows ecs:StopTask.
func tenStatements() string {
	var all []string
	for i := range 9 {
		all = append(all, fmt.Sprintf(`{"Effect":"Allow","Action":["ecr:Get%d*","ecs:Describe%d"],"Resource":"arn:aws:ecs:*:*:x/%d"}`, i, i, i))
	}
	all = append(all, `{"Effect":"Allow","Action":"ecs:StopTask","Resource":"arn:aws:ecs:*:*:task/*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}}`)
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(all, ",") + `]}`
}

// nothing is a ResponseWriter that keeps the status alone.
type nothing struct {
	header http.Header
	status int
}

func (n *nothing) Header() http.Header         { return n.header }
func (n *nothing) Write(b []byte) (int, error) { return len(b), nil }
func (n *nothing) WriteHeader(status int)      { n.status = status }

// BenchmarkCall is a whole signed call but for what it does: the signature verified, the key and its
// principal looked up, the input decoded and checked, all policies asked, the answer written.
// calls/s is of one core with -cpu 1.
func BenchmarkCall(b *testing.B) {
	db := storetest.SQLite(b)
	if err := events.Migrate(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	room, err := accounts.New(b.Context(), db, sealtest.Keys(b, db))
	if err != nil {
		b.Fatal(err)
	}
	root, user, session := callers(b, room)
	door := awswire.NewService(ecs.API, nil, ecs.StopTask.Handle(
		func(context.Context, *ecs.StopTaskInput) (*ecs.StopTaskOutput, error) { return nil, nil },
		func(_ context.Context, in *ecs.StopTaskInput) []awswire.Ask {
			return awswire.On("arn:aws:ecs:us-east-1:" + account + ":task/web/" + in.Task)
		},
	))
	mux := awswire.NewMux(awswire.Config{Region: "us-east-1", Keys: access{room}, Access: access{room}}, door)
	b.Run("root", func(b *testing.B) { benchmarkCall(b, mux, root) })
	b.Run("user with 10 statements", func(b *testing.B) { benchmarkCall(b, mux, user) })
	b.Run("session with its policy", func(b *testing.B) { benchmarkCall(b, mux, session) })
}

// callers are the root, a user, and a session of a role that a session policy narrows.
func callers(b *testing.B, room *accounts.Control) (root, user, session sigv4.Credentials) {
	ctx := b.Context()
	key, err1 := room.Bootstrap(ctx, account)
	_, err2 := room.CreateUser(ctx, account, accounts.NewUser{Name: "ann", Path: "/"})
	err3 := room.PutInline(ctx, account, accounts.KindUser, "ann", accounts.InlinePolicy{Name: "p", Document: tenStatements()})
	ann, _, err4 := room.CreateUserKey(ctx, account, "ann")
	role, err5 := room.CreateRole(ctx, account, accounts.NewRole{Name: "deploy", Path: "/",
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`})
	err6 := room.PutInline(ctx, account, accounts.KindRole, "deploy", accounts.InlinePolicy{Name: "p", Document: tenStatements()})
	as, err7 := room.AssumeRole(ctx, &key.Owner, accounts.Assumption{Role: role.ARN(), Name: "bench", Policy: tenStatements()})
	for _, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
		if err != nil {
			b.Fatal(err)
		}
	}
	return sigv4.Credentials{AccessKeyID: key.ID, Secret: key.Secret}, sigv4.Credentials{AccessKeyID: ann.ID, Secret: ann.Secret},
		sigv4.Credentials{AccessKeyID: as.AccessKeyID, Secret: as.Secret, SessionToken: as.Token}
}

func benchmarkCall(b *testing.B, mux http.Handler, with sigv4.Credentials) {
	body := []byte(`{"cluster": "web", "task": "0123456789abcdef0123456789abcdef"}`)
	r := httptest.NewRequest("POST", "http://slipway.test/", nil)
	r.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.StopTask")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	sigv4.Sign(r, body, with, "us-east-1", "ecs", time.Now())
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(bytes.NewReader(body))
		w := &nothing{header: http.Header{}, status: http.StatusOK}
		if mux.ServeHTTP(w, r); w.status != http.StatusOK {
			b.Fatalf("answered %d", w.status)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
