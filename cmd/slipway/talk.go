package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/coder/websocket"

	"slipway/internal/datachannel"
	"slipway/internal/ids"
)

// talk is our side of a session in a container.
type talk struct {
	ws      *websocket.Conn
	channel *datachannel.Channel
	cancel  context.CancelFunc
	ctx     context.Context // of the session
}

// dialTalk opens a channel with its token, and answers its handshake.
func dialTalk(ctx context.Context, url, token string) (*talk, error) {
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(datachannel.MaxPayload + 1024)
	open, err := json.Marshal(datachannel.Open{MessageSchemaVersion: "1.0", RequestID: ids.Hex(16), TokenValue: token, ClientID: ids.Hex(16), ClientVersion: "1.0.0.0"})
	if err == nil {
		err = ws.Write(ctx, websocket.MessageText, open)
	}
	if err != nil {
		return nil, errors.Join(err, ws.CloseNow())
	}
	t := &talk{ws: ws, channel: datachannel.Client(wsConn{ws})}
	t.ctx, t.cancel = context.WithCancel(ctx)
	go t.channel.Run(t.ctx) // until close
	if err := t.shake(); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// close ends the session, and the command with it.
func (t *talk) close() error {
	err := t.ws.CloseNow()
	t.cancel()
	return err
}

// shake agrees to whatever kind of session it is.
func (t *talk) shake() error {
	for {
		m, err := t.channel.Next()
		if err != nil {
			return t.whyClosed(err)
		}
		if err := t.channel.Done(t.ctx, m); err != nil {
			return err
		}
		switch m.Kind {
		case datachannel.HandshakeRequest:
			done := []datachannel.Processed{{ActionType: "SessionType", ActionStatus: 1}}
			if err := t.channel.SendJSON(t.ctx, datachannel.HandshakeResponse, datachannel.Response{ClientVersion: "1.0.0.0", ProcessedClientActions: done}); err != nil {
				return err
			}
		case datachannel.HandshakeComplete:
			return nil
		}
	}
}

// send passes on what is read, and its end.
func (t *talk) send(ctx context.Context, from io.Reader) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && t.channel.Send(ctx, datachannel.Bytes, buffer[:n]) != nil {
			return
		}
		if err != nil {
			break
		}
	}
	// Where the session is over it needs no end of what is typed.
	_ = t.channel.Send(ctx, datachannel.Flag, binary.BigEndian.AppendUint32(nil, datachannel.InputEnds))
}

// print prints what comes until the session ends, and returns the exit code of the command.
func (t *talk) print(stdout, stderr io.Writer) (int, error) {
	for {
		m, err := t.channel.Next()
		if closed := t.channel.Closed(); err != nil && closed != nil && closed.ExitCode != nil {
			return *closed.ExitCode, nil
		}
		if err != nil {
			return 0, t.whyClosed(err)
		}
		to := stdout
		if m.Kind == datachannel.Stderr {
			to = stderr
		}
		if m.Kind == datachannel.Bytes || m.Kind == datachannel.Stderr {
			if _, err := to.Write(m.Payload); err != nil {
				return 0, err
			}
		}
		if err := t.channel.Done(t.ctx, m); err != nil {
			return 0, t.whyClosed(err)
		}
	}
}

// whyClosed is what the server has said about the end of a session, if anything.
func (t *talk) whyClosed(err error) error {
	if closed := t.channel.Closed(); closed != nil && closed.Output != "" {
		return notExecuted(closed.Output)
	}
	if closed := (websocket.CloseError{}); errors.As(err, &closed) && closed.Reason != "" {
		return errors.New(closed.Reason)
	}
	return fmt.Errorf("the line to Slipway was cut: %w", err)
}

// useTerminal makes our terminal pass on every key, and the command's as large as ours whenever it changes.
func (t *talk) useTerminal(ctx context.Context, in *os.File) (restore func(), err error) {
	restore, err = makeRaw(in)
	if err != nil {
		return nil, err
	}
	resized, stop := watchSize()
	go func() { // until stop
		for range resized {
			if size, err := sizeOf(in); err == nil && t.channel.SendJSON(ctx, datachannel.Size, size) != nil {
				return
			}
		}
	}()
	return func() { stop(); restore() }, nil
}

// wsConn carries messages on a websocket.
type wsConn struct{ ws *websocket.Conn }

func (c wsConn) Read(ctx context.Context) ([]byte, error) {
	_, data, err := c.ws.Read(ctx)
	return data, err
}

func (c wsConn) Write(ctx context.Context, message []byte) error {
	return c.ws.Write(ctx, websocket.MessageBinary, message)
}
