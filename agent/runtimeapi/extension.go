package runtimeapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"slipway/internal/ids"
	"slipway/nodeapi"
)

// maxExtensions is how many a function may have (AWS Lambda quotas).
const maxExtensions = 10

// extension is one extension of the function, registered or about to.
type extension struct {
	name     string
	external bool   // its program lies in /opt/extensions
	id       string // "" until it has registered
	invoke   bool   // it wants to know of calls
	shutdown bool   // and of the end
	ready    bool   // it has asked for an event
	conn     *conn  // waits for an event
	gone     bool   // it failed, or its process has ended
}

// waits tells whether it has nothing to do.
func (e *extension) waits() bool { return e.conn != nil || e.gone }

// take is the connection that waits for an event; it waits no more.
func (e *extension) take() *conn {
	c := e.conn
	e.conn, c.parked = nil, false
	return c
}

// state is that of an extension, in the words of AWS.
func (e *extension) state() string {
	switch {
	case e.gone:
		return "Exited"
	case e.conn != nil:
		return "Ready"
	case e.ready:
		return "Running"
	case e.id != "":
		return "Registered"
	}
	return "Started"
}

// registration is what an extension says when it registers itself.
type registration struct {
	Events            []string `json:"events"`
	ConfigurationKeys []string `json:"configurationKeys"`
}

// register serves POST /2020-01-01/extension/register.
func (s *Session) register(r *request) reply {
	if r.extensionName == "" {
		return forbidden("Extension.InvalidExtensionName", "Empty extension name")
	}
	var wanted registration
	body, err := r.all(maxDocument)
	if err == nil {
		err = json.Unmarshal(body, &wanted)
	}
	if err == nil && len(wanted.ConfigurationKeys) > 0 {
		err = fmt.Errorf("configurationKeys are deprecated; use environment variables instead")
	}
	if err != nil {
		return forbidden("InvalidRequestFormat", err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, refused := s.enrol(r.extensionName, wanted.Events)
	if refused != nil {
		return *refused
	}
	s.changed()
	return s.registered(e, r.acceptsAccount)
}

// enrol books an extension, under the lock.
func (s *Session) enrol(name string, events []string) (*extension, *reply) {
	e := s.named(name)
	if e == nil {
		e = &extension{name: name}
	}
	for _, event := range events {
		switch {
		case event != "INVOKE" && event != "SHUTDOWN", event == "INVOKE" && s.cfg.Concurrency > 1:
			return nil, refuse("Extension.InvalidEventType", "%s: ErrorInvalidEventType", event)
		case event == "SHUTDOWN" && !e.external:
			return nil, refuse("Extension.InvalidEventType", "%s: EventNotSupportedForInternalAgent", event)
		}
	}
	switch {
	case e.id != "" && !e.external:
		return nil, refuse("Extension.InvalidExtensionState", "Extension with this name already registered")
	case e.id != "":
		return nil, refuse("Extension.InvalidExtensionState", "State transition from %s to Registered failed for extension %s. Error: State transition is not allowed", e.state(), name)
	case !e.external && s.asked, s.over:
		return nil, refuse("Extension.RegistrationClosed", "Extension registration closed already")
	case !e.external && len(s.extensions) >= maxExtensions:
		return nil, refuse("Extension.TooManyExtensions", "Extension limit (%d) reached", maxExtensions)
	case !e.external:
		s.extensions = append(s.extensions, e)
	}
	e.id = ids.UUID()
	for _, event := range events {
		e.invoke = e.invoke || event == "INVOKE"
		e.shutdown = e.shutdown || event == "SHUTDOWN"
	}
	return e, nil
}

func (s *Session) registered(e *extension, account bool) reply {
	told := map[string]string{"functionName": s.cfg.Name, "functionVersion": s.cfg.Version, "handler": s.cfg.Handler}
	if account {
		told["accountId"] = s.cfg.Account
	}
	r := document(200, told)
	r.header = "Lambda-Extension-Identifier: " + e.id + "\r\n"
	return r
}

func (s *Session) named(name string) *extension {
	for _, e := range s.extensions {
		if e.name == name {
			return e
		}
	}
	return nil
}

// identified finds the extension that a request is of, under the lock.
func (s *Session) identified(r *request) (*extension, *reply) {
	if r.extensionID == "" {
		return nil, refuse("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
	}
	if !isUUID(r.extensionID) {
		return nil, refuse("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
	}
	for _, e := range s.extensions {
		if e.id == r.extensionID {
			return e, nil
		}
	}
	return nil, refuse("Extension.UnknownExtensionIdentifier", "Unknown extension %s", r.extensionID)
}

func isUUID(s string) bool {
	for i, c := range s {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !strings.ContainsRune("0123456789abcdefABCDEF", c):
			return false
		}
	}
	return len(s) == 36
}

// nextEvent serves GET /2020-01-01/extension/event/next: the connection waits, or is told of the end at once.
func (s *Session) nextEvent(c *conn, r *request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, refused := s.identified(r)
	switch {
	case refused != nil:
		return *refused
	case e.gone || e.conn != nil:
		return forbidden("Extension.InvalidExtensionState",
			fmt.Sprintf("State transition from %s to Ready failed for extension %s. Error: State transition is not allowed", e.state(), e.id))
	}
	e.ready = true
	if s.stop != nil && e.shutdown && !s.stop.told[e] {
		s.stop.told[e] = true
		return reply{status: 200, header: eventHeader(), body: s.stop.event}
	}
	e.conn, c.parked, c.extension = c, true, e
	s.changed()
	return parked
}

// extensionFailed serves POST /2020-01-01/extension/init/error and .../exit/error.
func (s *Session) extensionFailed(r *request, kind string) reply {
	body, err := r.all(maxDocument)
	if err != nil {
		return broken
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, refused := s.identified(r)
	if refused != nil {
		return *refused
	}
	if r.extensionError == "" {
		return forbidden("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
	}
	e.gone = true
	if s.stop == nil {
		s.fatal(func(string) *nodeapi.FunctionError { return extensionError(kind, r.extensionError, body) })
	}
	s.changed()
	return accepted
}

// invokeEvent is what extensions are told of a call.
func invokeEvent(c *call) []byte {
	event := map[string]any{
		"eventType": "INVOKE", "deadlineMs": c.deadline.UnixMilli(), "requestId": c.Request, "invokedFunctionArn": c.ARN,
	}
	if c.TraceID != "" {
		event["tracing"] = map[string]string{"type": "X-Amzn-Trace-Id", "value": c.TraceID}
	}
	text, _ := json.Marshal(event)
	return text
}

func eventHeader() string { return "Lambda-Extension-Event-Identifier: " + ids.UUID() + "\r\n" }

// event answers a connection that waits for an event.
func (c *conn) event(body []byte, deadline time.Time) error {
	return c.answer(reply{status: 200, header: eventHeader(), body: body}, deadline)
}
