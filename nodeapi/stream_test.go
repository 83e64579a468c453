package nodeapi_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

// streaming is a node's line to a control plane over the wire, and the control plane's own end of it.
func streaming(t *testing.T) (node, control *nodeapi.Line) {
	t.Helper()
	ends := make(chan net.Conn, 1)
	c := connect(t, &plane{stream: func(r nodeapi.StreamRequest) (io.ReadWriteCloser, error) {
		if r.Node != "0123" || r.ID != "one" || r.Secret != "secret" {
			t.Errorf("asked for %+v", r)
		}
		ours, theirs := net.Pipe()
		ends <- ours
		return theirs, nil
	}})
	rw, err := c.Stream(t.Context(), nodeapi.StreamRequest{Node: "0123", ID: "one", Secret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	node, control = nodeapi.NewLine(rw), nodeapi.NewLine(<-ends)
	t.Cleanup(func() { node.Close(); control.Close() })
	return node, control
}

func wantPiece(t *testing.T, l *nodeapi.Line, kind nodeapi.Kind, piece []byte) {
	t.Helper()
	k, got, err := l.Receive()
	if err != nil || k != kind || !bytes.Equal(got, piece) {
		t.Errorf("received %d %q, %v; want %d %q", k, got, err, kind, piece)
	}
}

func TestPiecesGoBothWays(t *testing.T) {
	node, plane := streaming(t)
	for i := range 100 {
		text := []byte(strings.Repeat("x", i*nodeapi.MaxPiece/99))
		if err := plane.Send(nodeapi.Stdin, text); err != nil {
			t.Fatal(err)
		}
		wantPiece(t, node, nodeapi.Stdin, text)
		if err := node.Send(nodeapi.Stdout, text); err != nil {
			t.Fatal(err)
		}
		wantPiece(t, plane, nodeapi.Stdout, text)
	}
	if err := node.Send(nodeapi.Stdout, make([]byte, nodeapi.MaxPiece+1)); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a piece that is too large: %v", err)
	}
}

func TestTheEndOfOneSideIsTheOthers(t *testing.T) {
	for _, first := range []string{"node", "plane"} {
		node, plane := streaming(t)
		one, other := node, plane
		if first == "plane" {
			one, other = plane, node
		}
		if err := one.Send(nodeapi.Stderr, []byte("bye")); err != nil {
			t.Fatal(err)
		}
		wantPiece(t, other, nodeapi.Stderr, []byte("bye"))
		one.Close()
		if _, _, err := other.Receive(); err == nil {
			t.Errorf("the %s has closed the line, and the other side hears on", first)
		}
	}
}

func TestAStreamThatNobodyAskedFor(t *testing.T) {
	missing := errs.New(errs.NotFound, "session not found")
	c := connect(t, &plane{stream: func(nodeapi.StreamRequest) (io.ReadWriteCloser, error) { return nil, missing }})
	if _, err := c.Stream(t.Context(), nodeapi.StreamRequest{ID: "two"}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("answered %v", err)
	}
}

func TestALineOnWhichNothingComesIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go io.Copy(io.Discard, theirs) // until the line is closed
		line, began := nodeapi.NewLine(ours), time.Now()
		if _, _, err := line.Receive(); err == nil || time.Since(began) != 3*nodeapi.KeepAlive {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestAQuietLineStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		line, other := nodeapi.NewLine(ours), nodeapi.NewLine(theirs)
		heard := make(chan error)
		go func() { _, _, err := other.Receive(); heard <- err }()
		go func() {
			time.Sleep(time.Hour)
			line.Send(nodeapi.StdinEnd, nil)
		}()
		go line.Receive() // ends with the line
		if err := <-heard; err != nil {
			t.Errorf("after an hour: %v", err)
		}
		line.Close()
		other.Close()
	})
}

func TestStreamsShowNoSecret(t *testing.T) {
	s := nodeapi.Stream{ID: "one", Secret: "hidden", Exec: &nodeapi.Exec{Args: []string{"ls"}}}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%#v", s), fmt.Sprintf("%+v", []nodeapi.Stream{s}), s.LogValue().String()} {
		if strings.Contains(text, "hidden") {
			t.Errorf("shown as %s", text)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte{byte(nodeapi.Stdin), 0, 0, 0, 2, 'l', 's'})
	f.Add([]byte{byte(nodeapi.Alive), 0, 0, 0, 0, 200, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		line := nodeapi.NewLine(struct {
			io.Reader
			io.WriteCloser
		}{bytes.NewReader(data), discard{}})
		defer line.Close()
		for {
			_, piece, err := line.Receive()
			if len(piece) > nodeapi.MaxPiece {
				t.Fatalf("a piece of %d bytes", len(piece))
			}
			if err != nil {
				return
			}
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }
