package nodeapi

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"slipway/internal/errs"
)

// Stream is asked of a node by a Frame: to open a line of its own, and to do on it what Exec or Stats says.
type Stream struct {
	ID     string `json:"id"`
	Secret string `json:"secret"` // by which the node shows that it was asked
	Exec   *Exec  `json:"exec,omitempty"`
	Stats  *Stats `json:"stats,omitempty"`
}

func (s Stream) String() string { return "stream " + s.ID }

// GoString is String.
func (s Stream) GoString() string { return s.String() }

// LogValue is String.
func (s Stream) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Exec is a program to run in a running container until it ends, or until its line does.
type Exec struct {
	Task      string   `json:"task"`
	Container string   `json:"container"` // name in the definition
	Args      []string `json:"args"`
	Terminal  bool     `json:"terminal,omitempty"`
}

// Stats asks what containers use, every period, until the line ends.
type Stats struct {
	Tasks  []string      `json:"tasks"`
	Period time.Duration `json:"period"`
}

// Usage is what the running containers of some tasks use, at one time.
type Usage struct {
	Containers []ContainerUsage `json:"containers"`
}

// ContainerUsage is what one container has used since its start, and what it holds.
type ContainerUsage struct {
	Task         string        `json:"task"`
	Container    string        `json:"container"`
	Read         time.Time     `json:"read"`
	CPU          time.Duration `json:"cpu"`         // nanoseconds since its start
	Memory       int64         `json:"memory"`      // bytes, without file cache that can be dropped
	MemoryLimit  int64         `json:"memoryLimit"` // bytes; 0: none
	Pids         int64         `json:"pids"`
	BlockRead    int64         `json:"blockRead"` // bytes
	BlockWritten int64         `json:"blockWritten"`
	Received     int64         `json:"received"` // bytes by the task's network, all its containers together
	Sent         int64         `json:"sent"`
}

// StreamRequest opens the line of a Stream.
type StreamRequest struct {
	Node, ID, Secret string
}

// End is the last piece of a stream that a node sends.
type End struct {
	ExitCode int    `json:"exitCode"`
	Error    string `json:"error,omitempty"` // why there is no exit code, as people read it
	Kind     string `json:"kind,omitempty"`  // of the error: an errs.Kind
}

// Kind says what a piece of a stream is.
type Kind byte

// The kinds of pieces.
const (
	Alive      Kind = iota // shows that the line is alive
	Stdin                  // to the node: what the program reads
	StdinEnd               // to the node: and no more
	Resize                 // to the node: columns and rows of the terminal, two bytes each
	Taken                  // from the node: how many bytes of Stdin were read, four bytes
	Stdout                 // from the node
	Stderr                 // from the node
	Used                   // from the node: a Usage as JSON
	StreamEnds             // from the node: an End as JSON
)

// How large a piece of a stream may be, and how much of Stdin may be under way.
const (
	MaxPiece = 32 << 10
	Window   = 256 << 10
)

var (
	errPiece     = errs.New(errs.Invalid, "malformed piece of a stream")
	errNoUpgrade = errs.New(errs.Invalid, "a stream needs a connection of its own")
)

// Line is one end of a stream. What is sent is told in order and whole, and waits while the other side
// takes nothing. One goroutine may receive; any may send.
type Line struct {
	rw     io.ReadWriteCloser
	in     *bufio.Reader
	buffer []byte

	mu    sync.Mutex // of what is sent
	out   []byte
	close sync.Once
	done  chan struct{}
}

// NewLine speaks pieces over rw, and shows the other side that it is alive until it is closed.
func NewLine(rw io.ReadWriteCloser) *Line {
	l := &Line{rw: rw, in: bufio.NewReaderSize(rw, MaxPiece+pieceHead), done: make(chan struct{})}
	go l.keepAlive() // until Close
	return l
}

const pieceHead = 5 // a kind and a length

func (l *Line) keepAlive() {
	tick := time.NewTicker(KeepAlive)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-tick.C:
			if l.Send(Alive, nil) != nil {
				l.Close()
				return
			}
		}
	}
}

// Send sends one piece of at most MaxPiece bytes.
func (l *Line) Send(k Kind, piece []byte) error {
	if len(piece) > MaxPiece {
		return fmt.Errorf("%w: %d bytes", errPiece, len(piece))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = append(l.out[:0], byte(k))
	l.out = binary.BigEndian.AppendUint32(l.out, uint32(len(piece)))
	l.out = append(l.out, piece...)
	_, err := l.rw.Write(l.out)
	return err
}

// Receive waits for the next piece that says something. What it returns is good until the next call. A line
// on which nothing comes for three keep-alive periods is closed.
func (l *Line) Receive() (Kind, []byte, error) {
	for {
		dead := time.AfterFunc(deadAfter, func() { l.Close() })
		k, piece, err := l.receive()
		dead.Stop()
		if err != nil || k != Alive {
			return k, piece, err
		}
	}
}

func (l *Line) receive() (Kind, []byte, error) {
	var head [pieceHead]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > MaxPiece {
		return 0, nil, fmt.Errorf("%w: %d bytes", errPiece, size)
	}
	if l.buffer == nil {
		l.buffer = make([]byte, MaxPiece)
	}
	_, err := io.ReadFull(l.in, l.buffer[:size])
	return Kind(head[0]), l.buffer[:size], err
}

// Close ends the line for both sides. What was sent before may still arrive.
func (l *Line) Close() error {
	var err error
	l.close.Do(func() {
		close(l.done)
		err = l.rw.Close()
	})
	return err
}

// upgrade is what a stream's connection is asked to become.
const upgrade = "slipway-stream"

const secretHeader = "Slipway-Stream-Secret"

// Stream is ControlPlane.Stream: it opens a connection of its own, which ends with ctx too.
func (c *Client) Stream(ctx context.Context, r StreamRequest) (io.ReadWriteCloser, error) {
	return c.become(ctx, "stream/"+r.ID, upgrade, http.Header{secretHeader: {r.Secret}})
}

// stream brings the connection of a node together with who waits for it.
func (h *handler) stream(w http.ResponseWriter, r *http.Request) {
	p, err := h.peer(r)
	if err == nil && r.Header.Get("Upgrade") != upgrade {
		err = errNoUpgrade
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	other, err := h.cp.Stream(r.Context(), StreamRequest{Node: p.Node, ID: r.PathValue("id"), Secret: r.Header.Get(secretHeader)})
	if err != nil {
		fail(w, r, err)
		return
	}
	defer other.Close()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fail(w, r, err)
		return
	}
	defer conn.Close()
	defer h.watch(r, conn)()
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+upgrade+"\r\n\r\n"); err != nil {
		return
	}
	join(conn, buffered.Reader, other)
}

// watch closes a line when its request ends, and when its node may not be there any more, until it is stopped.
func (h *handler) watch(r *http.Request, line io.Closer) (stop func()) {
	ctx, cancel := context.WithCancel(r.Context())
	go func() { // until stop
		defer line.Close()
		tick := time.NewTicker(KeepAlive)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if _, err := h.peer(r); errs.KindOf(err) == errs.Denied {
					return
				}
			}
		}
	}()
	return cancel
}

// join carries bytes both ways until one side ends, and then ends the other.
func join(conn io.WriteCloser, from io.Reader, other io.ReadWriteCloser) {
	var both sync.WaitGroup
	both.Go(func() {
		io.Copy(conn, other)
		conn.Close()
	})
	io.Copy(other, from)
	other.Close()
	both.Wait()
}
