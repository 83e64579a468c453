package runtimeapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// reply is what a request is answered.
type reply struct {
	status int    // 0: nothing now, since the connection waits
	header string // more lines of the head
	body   []byte
	close  bool
	call   *call // to be handed out again, instead of all the others
}

var (
	parked    = reply{}
	accepted  = document(http.StatusAccepted, map[string]string{"status": "OK"})
	broken    = reply{status: http.StatusBadRequest, close: true}
	unknown   = reply{status: http.StatusNotFound, header: "Content-Type: text/plain; charset=utf-8\r\n", body: []byte("404 page not found\n")}
	notAllow  = reply{status: http.StatusMethodNotAllowed}
	invalidID = fault(http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
)

func document(status int, v any) reply {
	text, _ := json.Marshal(v)
	return reply{status: status, header: "Content-Type: application/json\r\n", body: append(text, '\n')}
}

// fault is an error document of the Runtime API.
func fault(status int, kind, message string) reply {
	return document(status, struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}{message, kind})
}

func forbidden(kind, message string) reply { return fault(http.StatusForbidden, kind, message) }

func refuse(kind, format string, args ...any) *reply {
	r := forbidden(kind, fmt.Sprintf(format, args...))
	return &r
}

// wrongState is what a runtime is told that asks for what is not its turn.
func wrongState(from, to string) reply {
	return forbidden("InvalidStateTransition", fmt.Sprintf("State transition from %s to %s failed for runtime. Error: State transition is not allowed", from, to))
}

func (r reply) head(b []byte) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(r.status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(r.status)...)
	b = append(b, "\r\n"...)
	b = append(b, r.header...)
	if r.close {
		b = append(b, "Connection: close\r\n"...)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(r.body)), 10)
	return append(b, "\r\n\r\n"...)
}
