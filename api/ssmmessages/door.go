// Package ssmmessages is the door by which one talks to a program in a container: the data channel of AWS
// Systems Manager, over a websocket. Who opens a channel shows the token of a session that ECS admitted.
package ssmmessages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"slipway/cluster"
	"slipway/internal/datachannel"
	"slipway/internal/errs"
)

// The limits of those who have not shown a token.
const (
	openLimit   = 15 * time.Second // from the first byte to the token
	maxStranger = 256              // at a time
	closeLimit  = 10 * time.Second
	pingEvery   = 20 * time.Second
)

var errOpen = errs.New(errs.Invalid, "malformed opening of a data channel")

type door struct {
	ctx       context.Context
	control   *cluster.Control
	strangers chan struct{}
}

// New returns the door of a control plane. Its channels end with ctx.
func New(ctx context.Context, c *cluster.Control) http.Handler {
	return &door{ctx, c, make(chan struct{}, maxStranger)}
}

// ServeHTTP opens the channel of the session that the path names, and serves it until its session ends.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case d.strangers <- struct{}{}:
	default:
		http.Error(w, "too many channels are being opened", http.StatusServiceUnavailable)
		return
	}
	stranger := true
	known := func() {
		if stranger {
			stranger = false
			<-d.strangers
		}
	}
	defer known()
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // it has answered
	}
	defer ws.CloseNow()
	ws.SetReadLimit(datachannel.MaxPayload + 1024)
	ctx, cancel := context.WithCancel(d.ctx)
	defer cancel()
	session, err := d.open(ctx, ws, r.PathValue("session"))
	known()
	switch {
	case ctx.Err() != nil && err != nil:
		return // the server ends
	case err != nil:
		refuse(ws, err)
		return
	}
	defer session.Close()
	t := &talk{
		id: r.PathValue("session"), terminal: session.Exec != nil && session.Exec.Terminal,
		running: session, channel: datachannel.Server(conn{ws}),
	}
	t.serve(ctx, ws)
}

// refuse says no more than that it is no session, where there is none.
func refuse(ws *websocket.Conn, err error) {
	if errs.KindOf(err) == errs.Internal {
		slog.Error("a data channel failed", "error", err)
		ws.Close(websocket.StatusInternalError, "internal error")
		return
	}
	ws.Close(websocket.StatusPolicyViolation, err.Error())
}

func (d *door) open(ctx context.Context, ws *websocket.Conn, id string) (*cluster.Running, error) {
	limited, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	_, text, err := ws.Read(limited)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errOpen, err)
	}
	var open datachannel.Open
	if json.Unmarshal(text, &open) != nil || open.TokenValue == "" {
		return nil, errOpen
	}
	return d.control.Begin(ctx, id, open.TokenValue)
}

// conn carries messages on a websocket.
type conn struct{ ws *websocket.Conn }

var errText = errors.New("text where messages are expected")

func (c conn) Read(ctx context.Context) ([]byte, error) {
	kind, data, err := c.ws.Read(ctx)
	if err == nil && kind != websocket.MessageBinary {
		err = errText
	}
	return data, err
}

func (c conn) Write(ctx context.Context, message []byte) error {
	return c.ws.Write(ctx, websocket.MessageBinary, message)
}
