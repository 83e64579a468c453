package schedulers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"slipway/api/awswire/wiretest"
	"slipway/api/schedulers"
	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/schedulers/wire"
	"slipway/store/storetest"
)

func newControl(t *testing.T) *cluster.Control {
	t.Helper()
	db := storetest.SQLite(t)
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	control, _, _ := clustertest.New(t, db)
	return control
}

// The calls, as one follows the other.
func TestCalls(t *testing.T) {
	control := newControl(t)
	config := wiretest.Start(t, schedulers.New(control, wiretest.Region))
	for _, c := range []struct {
		operation string
		input     map[string]any
		want      string
	}{
		{"ListSchedulers", map[string]any{}, `200 {"schedulers":[]}`},
		{"ListSchedulers", map[string]any{"cluster": "nowhere"}, "400 {\"__type\":\"ClusterNotFoundException\""},
		{"PutScheduler", map[string]any{"name": "mine", "default": true, "fallback": []map[string]string{{"type": "binpack", "field": "memory"}}}, `"arn":"arn:aws:slipway:us-east-1:123456789012:scheduler/default/mine"`},
		{"PutScheduler", map[string]any{"name": "mine", "deadline": 300}, `"deadline":300`},
		{"PutScheduler", map[string]any{"name": "a/b"}, "InvalidParameterException"},
		{"PutScheduler", map[string]any{"name": "mine", "deadline": 1}, "InvalidParameterException"},
		{"PutScheduler", map[string]any{"name": "mine", "fallback": []map[string]string{{"type": "best"}}}, "InvalidParameterException"},
		{"PutScheduler", map[string]any{}, "InvalidParameterException"},
		{"ListSchedulers", map[string]any{}, `"connected":false,"asked":0,"failed":0`},
		{"ConnectScheduler", map[string]any{"name": "other"}, "SchedulerNotFoundException"},
		{"ConnectScheduler", map[string]any{"name": "mine"}, `"streamUrl":"http://127.0.0.1:4600/_slipway/schedulers/stream"`},
		{"TestScheduler", map[string]any{"name": "mine", "taskDefinition": "web"}, "ClientException"},
		{"DeleteScheduler", map[string]any{"name": "mine"}, "200 {}"},
		{"DeleteScheduler", map[string]any{"name": "mine"}, "SchedulerNotFoundException"},
	} {
		got := wiretest.Call(t, config, schedulers.API, c.operation, c.input)
		if text := fmt.Sprint(got.Status, " ", got.Body); !strings.Contains(text, c.want) {
			t.Errorf("%s %v is answered %s, want %s", c.operation, c.input, text, c.want)
		}
	}
}

func TestAccess(t *testing.T) {
	wiretest.Access(t, schedulers.New(nil, wiretest.Region), wiretest.Sample{"cluster": "blue", "name": "mine"})
}

// line is what a scheduler speaks, by plain HTTP.
type line struct {
	t     *testing.T
	url   string
	token string
}

func (l line) do(method, path, token, body string) (status int, text string) {
	l.t.Helper()
	resp := l.open(method, path, token, body)
	defer resp.Body.Close()
	var said struct{ Message string }
	_ = json.NewDecoder(resp.Body).Decode(&said) // some say nothing
	return resp.StatusCode, said.Message
}

func (l line) open(method, path, token, body string) *http.Response {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), method, l.url+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp
}

// A scheduler by plain HTTP: a line of JSON for each message, and a POST for each answer.
func TestLines(t *testing.T) {
	control := newControl(t)
	ctx, stop := context.WithCancel(t.Context())
	front := httptest.NewServer(schedulers.Lines(ctx, control))
	defer front.Close()
	node := clustertest.Join(t, control, clustertest.Hello('a', 1000, 1000))
	spec := taskdef.Spec{Containers: []taskdef.Container{{Name: "web", Image: "example.com/web:1", Essential: true, Memory: new(100)}}}
	d, err := control.Register(t.Context(), wiretest.Account, "", "web", spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := control.PutScheduler(t.Context(), cluster.Scheduler{Account: wiretest.Account, Cluster: "default", Name: "mine", Deadline: 5 * time.Second, Default: true}); err != nil {
		t.Fatal(err)
	}
	admitted, err := control.ConnectScheduler(t.Context(), wiretest.Account, "default", "mine")
	if err != nil {
		t.Fatal(err)
	}
	l := line{t, front.URL, admitted.Token}
	for _, c := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", wire.StreamPath, "", 401}, {"GET", wire.StreamPath, "guess", 401}, {"POST", wire.AnswerPath + "1", "guess", 401}, {"POST", wire.AnswerPath + "1", l.token, 401},
		{"PUT", wire.StreamPath, l.token, 405}, {"POST", wire.AnswerPath, l.token, 404},
	} {
		if status, text := l.do(c.method, c.path, c.token, "{}"); status != c.status {
			t.Errorf("%s %s as %q: %d %s, want %d", c.method, c.path, c.token, status, text, c.status)
		}
	}

	stream := l.open("GET", wire.StreamPath, l.token, "")
	defer stream.Body.Close()
	if kind := stream.Header.Get("Content-Type"); stream.StatusCode != 200 || kind != "application/x-ndjson" {
		t.Fatalf("the stream: %s %s", stream.Status, kind)
	}
	messages := bufio.NewScanner(stream.Body)
	next := func(kind string) (m wire.Message) {
		for messages.Scan() {
			m = wire.Message{}
			if err := json.Unmarshal(messages.Bytes(), &m); err != nil {
				t.Fatal(err)
			}
			if m.Type == kind {
				return m
			}
		}
		t.Fatalf("no %s came: %v", kind, messages.Err())
		return m
	}
	next(wire.TypeHello)
	next(wire.TypeSnapshot)
	for !connected(t, control) {
		time.Sleep(5 * time.Millisecond)
	}
	for _, c := range []struct {
		answer string
		status int
	}{{`{"rank":["` + node.ID + `"]}`, 204}, {`{"rank":["nowhere"]}`, 400}, {strings.Repeat(" ", wire.MaxAnswer+1), 400}} {
		placed := make(chan error, 1)
		go func() {
			_, err := control.RunTask(t.Context(), wiretest.Account, cluster.Run{Cluster: "default", Definition: d.Ref, Count: 1})
			placed <- err
		}()
		q := next(wire.TypeQuestion).Question
		if status, text := l.do("POST", wire.AnswerPath+q.ID, l.token, c.answer); status != c.status {
			t.Errorf("%.60s is answered %d %s, want %d", c.answer, status, text, c.status)
		}
		if status, _ := l.do("POST", wire.AnswerPath+q.ID, l.token, c.answer); status != 404 {
			t.Errorf("the second answer is answered %d", status)
		}
		if err := <-placed; err != nil {
			t.Error(err)
		}
	}
	stop()
	if m := next(wire.TypeEnd); m.Reason != "open it again" {
		t.Errorf("the line ended: %s", m.Reason)
	}
}

func connected(t *testing.T, control *cluster.Control) bool {
	t.Helper()
	all, err := control.Schedulers(t.Context(), wiretest.Account, "default")
	if err != nil {
		t.Fatal(err)
	}
	return all[0].Connected
}
