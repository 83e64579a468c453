package schedulers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"slipway/schedulers/wire"
)

// slipway is what a scheduler speaks to: it says on each line what the test says, and keeps the answers.
type slipway struct {
	*httptest.Server
	mu      sync.Mutex
	refuse  string // the code with which it admits nobody
	lines   [][]wire.Message
	opened  int
	answers []string
	news    chan struct{}
}

func newSlipway(t *testing.T, lines ...[]wire.Message) *slipway {
	t.Helper()
	s := &slipway{lines: lines, news: make(chan struct{}, 100)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", s.admit)
	mux.HandleFunc("GET "+wire.StreamPath, s.stream)
	mux.HandleFunc("POST "+wire.AnswerPath+"{question}", s.answer)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.CloseClientConnections)
	t.Setenv("AWS_ENDPOINT_URL", s.URL)
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	return s
}

func (s *slipway) admit(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if !strings.Contains(r.Header.Get("Authorization"), "/us-east-1/slipway/aws4_request") || !strings.Contains(string(body), `"name":"mine"`) {
		http.Error(w, "not signed, or of another", http.StatusForbidden)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type": %q, "message": "no"}`, s.refuse)
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"streamUrl": s.URL + wire.StreamPath, "answerUrl": s.URL + wire.AnswerPath, "token": "open sesame"})
}

// stream says what is next, and then nothing until the line is left; when nothing is left to say it ends.
func (s *slipway) stream(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var line []wire.Message
	if s.opened < len(s.lines) {
		line = s.lines[s.opened]
	}
	s.opened++
	s.mu.Unlock()
	s.news <- struct{}{}
	for _, m := range line {
		json.NewEncoder(w).Encode(m)
		w.(http.Flusher).Flush()
	}
	if len(line) > 0 && line[len(line)-1].Type != wire.TypeEnd {
		<-r.Context().Done()
	}
}

func (s *slipway) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.answers = append(s.answers, r.PathValue("question")+" "+string(body))
	s.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer open sesame" {
		w.WriteHeader(http.StatusUnauthorized)
	}
	s.news <- struct{}{}
}

// runs runs a scheduler until so much has happened: lines opened and answers given.
func (s *slipway) runs(t *testing.T, happens int, decide Decide) (answers []string, err error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Config{Name: "mine", Log: slog.New(slog.DiscardHandler)}, decide)
	}()
	for range happens {
		select {
		case <-s.news:
		case err := <-ended:
			t.Fatalf("it ended early: %v", err)
		}
	}
	stop()
	err = <-ended
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers, err
}

func node(id string, memory int) Node {
	return Node{ID: id, Status: "ACTIVE", Connected: true, FreeCPU: 100, FreeMemory: memory}
}

func asks(id string) wire.Message {
	return wire.Message{Type: wire.TypeQuestion, Question: &Question{ID: id, Count: 1, CPU: 10, Memory: 10}}
}

// fitting ranks what fits by id.
func fitting(s *State, q Question) Answer {
	return Rank(slices.Sorted(slices.Values(s.Fitting(q)))...)
}

// It answers by what it was told, and by nothing of the line before.
func TestAnswers(t *testing.T) {
	s := newSlipway(t,
		[]wire.Message{
			{Type: wire.TypeHello, Hello: &wire.Hello{}}, {Type: wire.TypeSnapshot, Seq: 7, More: true, Nodes: []Node{node("a", 5)}}, {Type: wire.TypeSnapshot, Seq: 7, Nodes: []Node{node("b", 50)}}, asks("1"),
			{Type: wire.TypeChange, Seq: 8, Nodes: []Node{node("a", 10)}, GoneNodes: []string{"b"}}, {Type: "unheard of"}, asks("2"),
			{Type: wire.TypeGap}, {Type: wire.TypeSnapshot, Seq: 9, Nodes: []Node{node("c", 10)}}, asks("3"), {Type: wire.TypeEnd, Reason: "open it again"},
		},
		[]wire.Message{{Type: wire.TypeSnapshot, Seq: 1}, asks("4"), {Type: wire.TypeChange, Seq: 3, Nodes: []Node{node("d", 50)}}, asks("5")}, // one is missing
		[]wire.Message{{Type: wire.TypeSnapshot, Seq: 1, Nodes: []Node{node("e", 50)}}, asks("6")},
	)
	answers, err := s.runs(t, 3+5, fitting)
	want := []string{`1 {"rank":["b"]}`, `2 {"rank":["a"]}`, `3 {"rank":["c"]}`, `4 {"pass":true}`, `6 {"rank":["e"]}`}
	if err != nil || !slices.Equal(answers, want) {
		t.Errorf("answers %q, error %v, want %q", answers, err, want)
	}
}

// Where it panics it passes, and goes on.
func TestPanicPasses(t *testing.T) {
	s := newSlipway(t, []wire.Message{{Type: wire.TypeSnapshot, Seq: 1, Nodes: []Node{node("a", 50)}}, asks("1"), asks("2")})
	answers, err := s.runs(t, 1+2, func(s *State, q Question) Answer {
		if q.ID == "1" {
			panic("a bug")
		}
		return fitting(s, q)
	})
	if want := []string{`1 {"pass":true}`, `2 {"rank":["a"]}`}; err != nil || !slices.Equal(answers, want) {
		t.Errorf("answers %q, error %v, want %q", answers, err, want)
	}
}

// It ends where it will never be admitted, and tries on where it may be.
func TestRefused(t *testing.T) {
	s := newSlipway(t)
	for _, code := range []string{"SchedulerNotFoundException", "ClusterNotFoundException", "AccessDeniedException"} {
		s.refuse = code
		err := Run(t.Context(), Config{Name: "mine"}, fitting)
		if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Code != code {
			t.Errorf("refused by %s it ends with %v", code, err)
		}
	}
	s.refuse = ""
	if _, err := s.runs(t, 2, fitting); err != nil { // two lines that end at once
		t.Error(err)
	}
	t.Setenv("AWS_ENDPOINT_URL", "")
	if err := Run(t.Context(), Config{Name: "mine"}, fitting); err == nil || !strings.Contains(err.Error(), "AWS_ENDPOINT_URL") {
		t.Errorf("without an endpoint it ends with %v", err)
	}
}

func TestFitting(t *testing.T) {
	with := func(n Node, change func(*Node)) Node { change(&n); return n }
	s := &State{Nodes: map[string]Node{}}
	for _, n := range []Node{
		node("good", 50), node("small", 9), node("avoided", 50),
		with(node("draining", 50), func(n *Node) { n.Status = "DRAINING" }), with(node("away", 50), func(n *Node) { n.Connected = false }),
		with(node("busy", 50), func(n *Node) { n.FreeCPU = 9 }), with(node("arm", 50), func(n *Node) { n.Attributes = map[string]string{"arch": "arm64"} }),
	} {
		s.Nodes[n.ID] = n
	}
	q := Question{CPU: 10, Memory: 10, Avoid: []string{"avoided"}}
	if got := slices.Sorted(slices.Values(s.Fitting(q))); !slices.Equal(got, []string{"arm", "good"}) {
		t.Errorf("fitting %v", got)
	}
	q.Attributes = map[string]string{"arch": "arm64"}
	if got := s.Fitting(q); !slices.Equal(got, []string{"arm"}) {
		t.Errorf("fitting %v", got)
	}
}
