package ssmmessages

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// strangers is a door where nobody has a token, and where it is found.
func strangers(t *testing.T) (url string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET /v1/data-channel/{session}", New(t.Context(), nil))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http") + "/v1/data-channel/ecs-execute-command-x"
}

func dial(t *testing.T, url string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ws, resp, err := websocket.Dial(t.Context(), url, nil)
	if err == nil {
		t.Cleanup(func() { ws.CloseNow() })
	}
	return ws, resp, err
}

// What does not open a channel is sent away before anybody is asked.
func TestMalformedOpenings(t *testing.T) {
	url := strangers(t)
	for _, text := range []string{"", "{", `{"TokenValue": 7}`, `{"TokenValue": ""}`, `[]`} {
		ws, _, err := dial(t, url)
		if err != nil {
			t.Fatal(err)
		}
		if err := ws.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("%q is answered %v", text, err)
		}
	}
}

// Those who say nothing take up so many places and no more, and leave them.
func TestStrangersAreBounded(t *testing.T) {
	url := strangers(t)
	var all []*websocket.Conn
	for range maxStranger {
		ws, _, err := dial(t, url)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ws)
	}
	if _, resp, err := dial(t, url); err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one more is let in: %v", err)
	}
	for _, ws := range all {
		ws.CloseNow()
	}
	for { // until the door has noticed
		ctx, cancel := context.WithCancel(t.Context())
		ws, _, err := websocket.Dial(ctx, url, nil)
		cancel()
		if err == nil {
			ws.CloseNow()
			return
		}
	}
}
