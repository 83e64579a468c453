package runtimeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// subscription is the body of PUT /2022-07-01/telemetry.
type subscription struct {
	Schema    string   `json:"schemaVersion"`
	Types     []string `json:"types"`
	Buffering struct {
		Items   *int `json:"maxItems"`
		Bytes   *int `json:"maxBytes"`
		Timeout *int `json:"timeoutMs"`
	} `json:"buffering"`
	Destination struct {
		Protocol string `json:"protocol"`
		URI      string `json:"URI"`
		Port     int    `json:"port"`
	} `json:"destination"`
}

// limit is one of the bounds of buffering, in the words of the API.
type limit struct {
	name             string
	least, most, not int // not: where nothing is said
}

var (
	itemLimit    = limit{"maxItems", 1000, 10000, 10000}
	byteLimit    = limit{"maxBytes", 256 << 10, 1 << 20, 256 << 10}
	timeoutLimit = limit{"timeoutMs", 25, 30000, 1000}
)

func (l limit) of(v *int, wrong *[]string) int {
	switch {
	case v == nil:
		return l.not
	case *v < l.least || *v > l.most:
		*wrong = append(*wrong, fmt.Sprintf("%s should be between %d and %d", l.name, l.least, l.most))
	}
	return *v
}

// queued is how many batches may wait for a subscriber that is slow.
const queued = 4

// sendTime is how long a subscriber may take to read a batch.
const sendTime = 2 * time.Second

// subscriber is an extension that wants to know what happens. It gets batches: of so many events, or bytes, or when the
// first has waited for so long. What it does not read in time is dropped, and it is told how much that was.
type subscriber struct {
	types        []string
	items, bytes int
	wait         time.Duration
	to           destination
	full         chan struct{} // a batch is full, or all is to be sent
	some         chan struct{} // there is something to send

	mu      sync.Mutex
	queue   []record
	size    int
	dropped loss
	earlier []destination // before it subscribed anew
}

// loss is what was dropped.
type loss struct{ records, bytes int }

// destination is where events are sent.
type destination interface {
	send(ctx context.Context, batch []record) error
	close()
}

// subscribe serves PUT /2022-07-01/telemetry.
func (s *Session) subscribe(r *request) reply {
	body, err := r.all(maxDocument)
	if err != nil {
		return broken
	}
	s.mu.Lock()
	e, refused := s.identified(r)
	s.mu.Unlock()
	if refused != nil {
		return *refused
	}
	if s.telemetry.dial == nil {
		return fault(http.StatusAccepted, "Telemetry.NotSupported", "Telemetry API is not supported")
	}
	one, wrong := s.telemetry.read(body)
	if len(wrong) > 0 {
		return fault(http.StatusBadRequest, "ValidationError", strings.Join(wrong, "; "))
	}
	if !s.telemetry.subscribe(e.name, one) {
		return forbidden("Telemetry.SubscriptionClosed", "Telemetry API subscription is closed already")
	}
	s.telemetry.tell("platform", "platform.telemetrySubscription", time.Now(),
		map[string]any{"name": e.name, "state": "Subscribed", "types": one.types})
	return reply{status: http.StatusOK, header: "Content-Type: text/plain; charset=utf-8\r\n", body: []byte(`"OK"`)}
}

// read takes a subscription apart, and tells all that is wrong with it.
func (t *telemetry) read(body []byte) (*subscriber, []string) {
	var wanted subscription
	if err := json.Unmarshal(body, &wanted); err != nil {
		return nil, []string{"cannot parse the request body: " + err.Error()}
	}
	var wrong []string
	if wanted.Schema != "2022-07-01" && wanted.Schema != "2022-12-13" && wanted.Schema != "2025-01-29" {
		wrong = append(wrong, "schemaVersion is not supported: "+wanted.Schema)
	}
	if len(wanted.Types) == 0 {
		wrong = append(wrong, "types should not be empty")
	}
	for _, kind := range wanted.Types {
		if kind != "platform" && kind != FunctionLog && kind != ExtensionLog {
			wrong = append(wrong, "unknown type: "+kind)
		}
	}
	one := &subscriber{types: wanted.Types, full: make(chan struct{}, 1), some: make(chan struct{}, 1)}
	one.items = itemLimit.of(wanted.Buffering.Items, &wrong)
	one.bytes = byteLimit.of(wanted.Buffering.Bytes, &wrong)
	one.wait = time.Duration(timeoutLimit.of(wanted.Buffering.Timeout, &wrong)) * time.Millisecond
	var err error
	if one.to, err = t.destination(wanted); err != nil {
		wrong = append(wrong, err.Error())
	}
	return one, wrong
}

// destination is how to send to where a subscription says: a process of the sandbox, never anybody else.
func (t *telemetry) destination(wanted subscription) (destination, error) {
	switch strings.ToUpper(wanted.Destination.Protocol) {
	case "TCP":
		if wanted.Destination.Port < 1 || wanted.Destination.Port > 65535 {
			return nil, fmt.Errorf("port is not provided")
		}
		return &tcpDestination{t: t, port: wanted.Destination.Port}, nil
	case "HTTP":
		u, err := url.Parse(wanted.Destination.URI)
		if err != nil || u.Scheme != "http" || u.Hostname() != "sandbox.localdomain" && u.Hostname() != "sandbox" {
			return nil, fmt.Errorf("URI should begin with http://sandbox.localdomain")
		}
		port, err := strconv.Atoi(u.Port())
		if err != nil || port < 1 || port > 65535 {
			return nil, fmt.Errorf("URI port is not provided")
		}
		return t.http(u, port), nil
	}
	return nil, fmt.Errorf("protocol should be HTTP or TCP")
}

// subscribe adds a subscriber, in place of what the extension had before, and gives it what happened so far.
func (t *telemetry) subscribe(name string, s *subscriber) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if before := t.subscribers[name]; before != nil {
		before.replace(s)
		return true
	}
	t.subscribers[name] = s
	for _, r := range t.backlog {
		s.add(r)
	}
	t.wg.Go(func() { s.run(t.ctx) })
	return true
}

// replace takes over what is wanted from a later subscription of the same extension.
func (s *subscriber) replace(later *subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.earlier = append(s.earlier, s.to)
	s.types, s.items, s.bytes, s.wait, s.to = later.types, later.items, later.bytes, later.wait, later.to
}

// add queues an event, or drops it when too many wait.
func (s *subscriber) add(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wants(r.stream) {
		return
	}
	if len(s.queue) >= queued*s.items || s.size+len(r.text) > queued*s.bytes {
		s.drop(1, len(r.text))
		return
	}
	s.queue = append(s.queue, r)
	s.size += len(r.text)
	signal(s.some)
	if len(s.queue) >= s.items || s.size >= s.bytes {
		signal(s.full)
	}
}

func (s *subscriber) wants(stream string) bool {
	for _, kind := range s.types {
		if kind == stream {
			return true
		}
	}
	return false
}

func (s *subscriber) drop(records, bytes int) {
	s.dropped.records += records
	s.dropped.bytes += bytes
}

func (s *subscriber) flush() { signal(s.full) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run sends batches until ctx ends.
func (s *subscriber) run(ctx context.Context) {
	defer s.close()
	for {
		select {
		case <-s.some:
		case <-ctx.Done():
			return
		}
		if !s.gather(ctx) {
			return
		}
		for s.deliver(ctx) {
		}
	}
}

// gather waits until a batch is full, or old enough.
func (s *subscriber) gather(ctx context.Context) bool {
	s.mu.Lock()
	timer := time.NewTimer(s.wait)
	s.mu.Unlock()
	defer timer.Stop()
	select {
	case <-s.full:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return true
}

// deliver sends one batch. It is false when there is none, or it could not be sent: then it is lost.
func (s *subscriber) deliver(ctx context.Context) bool {
	batch, lost, to := s.batch()
	if len(batch) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if to.send(ctx, batch) == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(lost.records, lost.bytes)
	if len(s.queue) > 0 {
		signal(s.some)
	}
	return false
}

// batch takes what is to be sent together; what was dropped before is told with it. lost is what is missing if it does
// not arrive.
func (s *subscriber) batch() (batch []record, lost loss, to destination) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.queue) && n < s.items && (n == 0 || size+len(s.queue[n].text) <= s.bytes) {
		size += len(s.queue[n].text)
		n++
	}
	if n == 0 && s.dropped.records == 0 {
		return nil, lost, nil
	}
	lost = loss{s.dropped.records + n, s.dropped.bytes + size}
	if s.dropped.records > 0 {
		batch = append(batch, s.dropped.record())
		s.dropped = loss{}
	}
	batch = append(batch, s.queue[:n]...)
	s.queue = append([]record(nil), s.queue[n:]...)
	s.size -= size
	return batch, lost, s.to
}

// record is the event that tells of a loss.
func (l loss) record() record {
	text, _ := json.Marshal(map[string]any{"time": time.Now().UTC().Format(timeFormat), "type": "platform.logsDropped", "record": map[string]any{
		"reason":         "Some logs were dropped because the downstream consumer is slower than the logs production rate",
		"droppedRecords": l.records, "droppedBytes": l.bytes}})
	return record{"platform", text}
}

func (s *subscriber) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range append(s.earlier, s.to) {
		d.close()
	}
}

// httpDestination sends a batch as a JSON array.
type httpDestination struct {
	url    string
	client *http.Client
}

func (t *telemetry) http(u *url.URL, port int) *httpDestination {
	return &httpDestination{u.String(), &http.Client{
		Transport: &http.Transport{
			DialContext:  func(ctx context.Context, _, _ string) (net.Conn, error) { return t.dial(ctx, port) },
			MaxIdleConns: 1,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (d *httpDestination) send(ctx context.Context, batch []record) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(array(batch)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := d.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	io.CopyN(io.Discard, res.Body, 64<<10)
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the subscriber answered %s", res.Status)
	}
	return nil
}

func (d *httpDestination) close() { d.client.CloseIdleConnections() }

func array(batch []record) []byte {
	text := []byte{'['}
	for i, r := range batch {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, r.text...)
	}
	return append(text, ']')
}

// tcpDestination sends events as lines, over one connection.
type tcpDestination struct {
	t    *telemetry
	port int
	conn net.Conn
}

func (d *tcpDestination) send(ctx context.Context, batch []record) error {
	if d.conn == nil {
		conn, err := d.t.dial(ctx, d.port)
		if err != nil {
			return err
		}
		d.conn = conn
	}
	var text []byte
	for _, r := range batch {
		text = append(append(text, r.text...), '\n')
	}
	conn := d.conn
	stop := context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(text); err != nil {
		d.close()
		return err
	}
	return nil
}

func (d *tcpDestination) close() {
	if d.conn != nil {
		d.conn.Close()
		d.conn = nil
	}
}
