package runtimeapi

import (
	"encoding/json"
	"fmt"

	"slipway/nodeapi"
)

// Exit is how a process of the sandbox ended by itself.
type Exit struct {
	Extension   string // the name of an external extension; "": the runtime
	Code        int
	Signal      string // "killed", "segmentation fault", ...; "": it exited with Code
	OutOfMemory bool   // the kernel killed it, since the sandbox has no more memory
}

// Exited tells the session that a process has ended: a call that runs, or the init phase, fails with the error that AWS
// has for it, and the session takes no more calls.
func (s *Session) Exited(e Exit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exited[e.Extension] = true
	if x := s.named(e.Extension); x != nil {
		x.gone = true
	}
	if s.stop == nil {
		s.fatal(e.error)
	}
	s.changed()
}

// fatal ends the session, under the lock: whatever runs fails.
func (s *Session) fatal(why func(request string) *nodeapi.FunctionError) {
	if s.over && s.failed == nil {
		return
	}
	if s.failed == nil {
		s.failed = why("")
	}
	for _, k := range s.calls {
		k.failure = why(k.Request)
	}
	s.end()
}

// error is what a call is told of the end of a process.
func (e Exit) error(request string) *nodeapi.FunctionError {
	how := fmt.Sprintf("exit status %d", e.Code)
	if e.Signal != "" {
		how = "signal: " + e.Signal
	}
	switch {
	case e.OutOfMemory:
		return failure(request, "Runtime.OutOfMemory", "Error: Runtime exited with error: signal: killed")
	case e.Extension != "":
		return failure(request, "Extension.Crash", "Error: "+how)
	case e.Code == 0 && e.Signal == "":
		return failure(request, "Runtime.ExitError", "Error: Runtime exited without providing a reason")
	}
	return failure(request, "Runtime.ExitError", "Error: Runtime exited with error: "+how)
}

// timedOut is what a call is told that took too long.
func timedOut(k *call) *nodeapi.FunctionError {
	return failure(k.Request, "Sandbox.Timedout", fmt.Sprintf("Error: Task timed out after %.2f seconds", k.Timeout.Seconds()))
}

// failure is an error in the words of the platform.
func failure(request, kind, message string) *nodeapi.FunctionError {
	if request != "" && kind != "Function.ResponseSizeTooLarge" {
		message = "RequestId: " + request + " " + message
	}
	payload, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message})
	return &nodeapi.FunctionError{Type: kind, Message: message, Payload: payload}
}

// extensionError is what is told of an extension that gave up.
func extensionError(kind, reason string, body []byte) *nodeapi.FunctionError {
	f := failure("", kind, "Error: "+reason)
	if words := told(reason, body); words.Message != "" {
		f = failure("", kind, "Error: "+reason+": "+words.Message)
	}
	return f
}
