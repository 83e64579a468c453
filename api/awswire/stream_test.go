package awswire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/internal/sigv4"
)

// signed is a request of the root for an operation of pets.
func signed(method, path string, body []byte) *http.Request {
	r := httptest.NewRequest(method, "http://slipway.test"+path, bytes.NewReader(body))
	with := sigv4.Credentials{AccessKeyID: wiretest.AccessKey, Secret: wiretest.Secret}
	sigv4.Sign(r, body, with, wiretest.Region, pets.Name, time.Now())
	return r
}

// events reads a stream with the SDK's decoder, one line for each event.
func events(t *testing.T, stream io.Reader) string {
	t.Helper()
	var lines []string
	for decoder := eventstream.NewDecoder(); ; {
		m, err := decoder.Decode(stream, nil)
		if errors.Is(err, io.EOF) {
			return strings.Join(lines, "\n")
		}
		if err != nil {
			t.Fatal(err)
		}
		var header []string
		for _, h := range m.Headers {
			header = append(header, h.Value.String())
		}
		lines = append(lines, fmt.Sprintf("%s: %s", strings.Join(header, " "), m.Payload))
	}
}

func TestAnswersThatAreStreams(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"rex", "event Seen application/octet-stream: h\nevent Seen application/octet-stream: i\nevent Gone application/json: {\"Where\":\"kitchen\"}"},
		{"shy", "event Seen application/octet-stream: h\nevent Seen application/octet-stream: i\nexception PetNotFoundException application/json: {\"message\":\"The pet ran away\"}"},
		{"bold", "event Seen application/octet-stream: h\nevent Seen application/octet-stream: i\nexception ServiceException application/json: {\"message\":\"The request could not be done because of a failure inside Slipway. Its log has the reason under request id ID.\"}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			quietMux(petDoor()).ServeHTTP(w, signed("POST", "/watched/"+c.name, []byte("hi")))
			id := w.Header().Get("X-Amzn-Requestid")
			if got := strings.ReplaceAll(events(t, w.Body), id, "ID"); got != c.want {
				t.Errorf("events:\n%s\nwant:\n%s", got, c.want)
			}
			if w.Code != 206 || w.Header().Get("X-Camera") != "porch" || w.Header().Get("Content-Type") != "application/vnd.amazon.eventstream" {
				t.Errorf("%d %v", w.Code, w.Header())
			}
		})
	}
}

func TestAStreamThatDoesNotBeginIsAFault(t *testing.T) {
	w := httptest.NewRecorder()
	quietMux(petDoor()).ServeHTTP(w, signed("POST", "/watched/nobody", nil))
	if w.Code != 404 || w.Header().Get("X-Amzn-Errortype") != "PetNotFoundException" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// A stream is written down once, before anybody sees it, and not at all seen when it can not be.
func TestAStreamIsWrittenDownWhenItBegins(t *testing.T) {
	var told []string
	var ledger error
	mux := awswire.NewMux(awswire.Config{
		Region: wiretest.Region, Keys: wiretest.Root{}, Access: wiretest.Root{}, Log: slog.New(slog.DiscardHandler),
		Record: func(_ context.Context, c *awswire.Call) error {
			told = append(told, fmt.Sprint("written ", c.Operation, c.Status, c.Fault != nil))
			return ledger
		},
		Observe: func(c *awswire.Call) { told = append(told, fmt.Sprint("seen ", c.Operation, c.Status, c.Fault != nil)) },
	}, petDoor())
	mux.ServeHTTP(httptest.NewRecorder(), signed("POST", "/watched/shy", []byte("hi")))
	ledger = errors.New("the disk is full")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, signed("POST", "/watched/rex", []byte("hi")))
	if w.Code != 500 || strings.Contains(w.Body.String(), "kitchen") {
		t.Errorf("a stream that is not written down: %d %s", w.Code, w.Body)
	}
	want := "[written WatchPet206 false seen WatchPet206 true written WatchPet206 false written WatchPet0 true seen WatchPet500 true]"
	if got := fmt.Sprint(told); got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}

// patient is a client whose patience is noted.
type patient struct {
	*httptest.ResponseRecorder
	notes []string
}

func (p *patient) SetWriteDeadline(until time.Time) error {
	note := "all the time"
	if !until.IsZero() {
		note = "its time"
	}
	p.notes = append(p.notes, note)
	return nil
}

func (p *patient) Write(b []byte) (int, error) {
	p.notes = append(p.notes, "write")
	return p.ResponseRecorder.Write(b)
}

// Nobody holds what answers by not reading: each piece has its time, and the next answer all there is.
func TestPiecesHaveTheirTime(t *testing.T) {
	w := &patient{ResponseRecorder: httptest.NewRecorder()}
	quietMux(petDoor()).ServeHTTP(w, signed("POST", "/watched/shy", []byte("h")))
	want := "[its time its time write write write write write write all the time]" // head, picture, exception
	if got := fmt.Sprint(w.notes); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// gone is a client that takes so many pieces.
type gone struct {
	*httptest.ResponseRecorder
	takes int
}

func (g *gone) Write(b []byte) (int, error) {
	if g.takes--; g.takes < 0 {
		return 0, errors.New("broken pipe")
	}
	return g.ResponseRecorder.Write(b)
}

func TestASenderLearnsThatItsClientIsGone(t *testing.T) {
	fed := 0
	door := awswire.NewService(pets, nil, watchPet.HandleStream(func(_ context.Context, in *watchPetInput, to awswire.Stream[watchPetOutput]) error {
		for {
			if err := to.Send(&watchPetOutput{Events: &watchPetEvent{Seen: &watchPetSeen{in.Food}}}); err != nil {
				return err
			}
			fed++
		}
	}, awswire.Any))
	quietMux(door).ServeHTTP(&gone{httptest.NewRecorder(), 7}, signed("POST", "/watched/rex", []byte("x")))
	if fed != 2 { // of three writes each
		t.Errorf("%d pieces were sent", fed)
	}
}

// A payload is the bytes that were read, and an answer's is sent as it is.
func TestPayloadsAreNotCopied(t *testing.T) {
	payload := make([]byte, 5<<20)
	door := awswire.NewService(pets, nil, putPhoto.Handle(func(context.Context, *photo) (*photoOutput, error) { return nil, nil }, awswire.Any),
		getPhoto.Handle(func(context.Context, *getPhotoInput) (*photo, error) { return &photo{Bytes: payload}, nil }, awswire.Any))
	mux := quietMux(door)
	put := signed("PUT", "/photos/rex", payload)
	// Once where it lies, and once the first piece, which has to come before there is room for the rest.
	if n := allocated(func() { put.Body = io.NopCloser(bytes.NewReader(payload)); mux.ServeHTTP(discard{http.Header{}}, put) }); n > 8<<20 {
		t.Errorf("%d bytes are allocated for a payload of %d that comes", n, len(payload))
	}
	get := signed("GET", "/photos/rex", nil)
	if n := allocated(func() { mux.ServeHTTP(discard{http.Header{}}, get) }); n > 1<<20 {
		t.Errorf("%d bytes are allocated for a payload of %d that goes", n, len(payload))
	}
}

// allocated is how many bytes a call takes from the heap, the second time.
func allocated(call func()) uint64 {
	call()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
