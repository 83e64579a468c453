package awswire_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/ecs"
	"slipway/internal/sigv4"
)

// connections hands out ends of pipes, which live in memory and in the bubble's time.
type connections chan net.Conn

func (l connections) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l connections) Close() error   { close(l); return nil }
func (l connections) Addr() net.Addr { return &net.TCPAddr{} }

// listen serves a mux in the bubble. Each call of the function it returns is a client's connection.
func listen(t *testing.T) func() net.Conn {
	mux := awswire.NewMux(awswire.Config{Region: wiretest.Region, Keys: keyring{}, Access: keyring{}, Log: slog.New(slog.DiscardHandler)},
		awswire.NewService(ecs.API, nil, ecs.RunTask.Handle(runTask, awswire.Any)))
	l, server := make(connections, 100), &http.Server{Handler: mux}
	go server.Serve(l)
	t.Cleanup(func() {
		server.Close()
		time.Sleep(time.Second) // of the bubble: the server waits for half a one before it lets go
	})
	return func() net.Conn {
		client, ours := net.Pipe()
		l <- ours
		t.Cleanup(func() { client.Close() })
		return client
	}
}

// begin sends the header of a call whose signature is made up for a body of that length.
func begin(t *testing.T, c net.Conn, key string, length int) {
	t.Helper()
	r := signedRunTask(nil)
	sigv4.Sign(r, nil, sigv4.Credentials{AccessKeyID: key, Secret: "made up"}, wiretest.Region, "ecs", time.Now())
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: slipway.test\r\nContent-Length: %d\r\n", length)
	r.Header.Write(c)
	io.WriteString(c, "\r\n")
}

// answerOf reads an answer's status and text.
func answerOf(t *testing.T, c net.Conn) (int, string) {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

func TestABodyThatNeverEndsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listen(t)()
		started := time.Now()
		var sending sync.WaitGroup
		defer sending.Wait()
		defer c.Close()
		sending.Go(func() {
			begin(t, c, wiretest.AccessKey, 1000)
			for err := error(nil); err == nil; _, err = io.WriteString(c, "x") {
				time.Sleep(time.Minute)
			}
		})
		if status, text := answerOf(t, c); status != 400 || !strings.Contains(text, "IncompleteBody") {
			t.Errorf("answered %d %s", status, text)
		}
		if took := time.Since(started); took > 6*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

// Whoever knows the id of a key can send bodies that must be read before they are found wrong. They
// take turns, so that many need no more room than a few; small calls go by.
func TestLargeBodiesOfStrangersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		connect := listen(t)
		for range 16 {
			c := connect()
			go begin(t, c, wiretest.AccessKey, 20<<20)
		}
		synctest.Wait()
		started := time.Now()
		c := connect()
		go begin(t, c, wiretest.AccessKey, 20<<20)
		if status, text := answerOf(t, c); status != 400 || !strings.Contains(text, "Rate exceeded") || time.Since(started) != 10*time.Second {
			t.Errorf("answered %d %s after %v", status, text, time.Since(started))
		}
		c = connect()
		go func() {
			begin(t, c, wiretest.AccessKey, 2)
			io.WriteString(c, "{}")
		}()
		if status, text := answerOf(t, c); status != 400 || !strings.Contains(text, "InvalidSignatureException") {
			t.Errorf("a small call was answered with %d %s", status, text)
		}
		c = connect()
		go begin(t, c, "AKIASTRANGER00000000", 20<<20)
		if status, text := answerOf(t, c); status != 400 || !strings.Contains(text, "UnrecognizedClientException") {
			t.Errorf("a call of an unknown key was answered with %d %s", status, text)
		}
	})
}
