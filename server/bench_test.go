package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/ecs"
	"slipway/events"
	"slipway/internal/sigv4"
	"slipway/seal/sealtest"
	"slipway/store/storetest"
)

// statements is a policy of n statements, the last of which allows ecs:StopTask.
func statements(n int) string {
	var all []string
	for i := range n - 1 {
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
// calls/s is of one core with -cpu 1; x-signing is how many times as long it takes as the AWS SDK's
// signing of the same call, measured in the same run.
func BenchmarkCall(b *testing.B) {
	db := storetest.SQLite(b)
	if err := events.Migrate(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	room, err := accounts.New(b.Context(), db, sealtest.Keys(b, db))
	if err != nil {
		b.Fatal(err)
	}
	who := callers(b, room)
	door := awswire.NewService(ecs.API, nil, ecs.StopTask.Handle(
		func(context.Context, *ecs.StopTaskInput) (*ecs.StopTaskOutput, error) { return nil, nil },
		func(_ context.Context, in *ecs.StopTaskInput) []awswire.Ask {
			return awswire.On("arn:aws:ecs:us-east-1:" + account + ":task/web/" + in.Task)
		},
	))
	mux := awswire.NewMux(awswire.Config{Region: "us-east-1", Keys: access{room}, Access: access{room}}, door)
	signing := signingTime(b, who.root)
	for _, caller := range []struct {
		name string
		with sigv4.Credentials
	}{
		{"root", who.root}, {"user with 10 statements", who.ten}, {"user with 100 statements", who.hundred}, {"session with its policy", who.session},
	} {
		b.Run(caller.name, func(b *testing.B) { benchmarkCall(b, mux, caller.with, signing) })
	}
}

// called are the credentials of those who call.
type called struct{ root, ten, hundred, session sigv4.Credentials }

// callers are the root, users with few and with many statements, and a session of a role that a
// session policy narrows.
func callers(b *testing.B, room *accounts.Control) (who called) {
	ctx := b.Context()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	user := func(name string, document string) sigv4.Credentials {
		_, err := room.CreateUser(ctx, account, accounts.NewUser{Name: name, Path: "/"})
		must(err)
		must(room.PutInline(ctx, account, accounts.KindUser, name, accounts.InlinePolicy{Name: "p", Document: document}))
		key, _, err := room.CreateUserKey(ctx, account, name)
		must(err)
		return sigv4.Credentials{AccessKeyID: key.ID, Secret: key.Secret}
	}
	root, err := room.Bootstrap(ctx, account)
	must(err)
	role, err := room.CreateRole(ctx, account, accounts.NewRole{Name: "deploy", Path: "/",
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`})
	must(err)
	must(room.PutInline(ctx, account, accounts.KindRole, "deploy", accounts.InlinePolicy{Name: "p", Document: statements(10)}))
	as, err := room.AssumeRole(ctx, &root.Owner, accounts.Assumption{Role: role.ARN(), Name: "bench", Policy: statements(10)})
	must(err)
	hundred := user("hundred", statements(10))
	for i := range 9 {
		name := fmt.Sprint("more", i)
		made, err := room.CreatePolicy(ctx, account, accounts.NewPolicy{Name: name, Path: "/", Document: statements(10)})
		must(err)
		must(room.AttachPolicy(ctx, account, accounts.KindUser, "hundred", made.ARN()))
	}
	return called{
		root:    sigv4.Credentials{AccessKeyID: root.ID, Secret: root.Secret},
		ten:     user("ten", statements(10)),
		hundred: hundred,
		session: sigv4.Credentials{AccessKeyID: as.AccessKeyID, Secret: as.Secret, SessionToken: as.Token},
	}
}

const callBody = `{"cluster": "web", "task": "0123456789abcdef0123456789abcdef"}`

func stopTask() *http.Request {
	r := httptest.NewRequest("POST", "http://slipway.test/", nil)
	r.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.StopTask")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	return r
}

// signingTime is how long the AWS SDK takes to sign the call.
func signingTime(b *testing.B, with sigv4.Credentials) time.Duration {
	const times = 5000
	signer, r := v4.NewSigner(), stopTask()
	credentials := aws.Credentials{AccessKeyID: with.AccessKeyID, SecretAccessKey: with.Secret}
	start := time.Now()
	for range times {
		sum := sha256.Sum256([]byte(callBody))
		if err := signer.SignHTTP(b.Context(), credentials, r, hex.EncodeToString(sum[:]), "ecs", "us-east-1", start); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start) / times
}

func benchmarkCall(b *testing.B, mux http.Handler, with sigv4.Credentials, signing time.Duration) {
	body, r := []byte(callBody), stopTask()
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
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(signing), "x-signing")
}
