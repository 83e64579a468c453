package nodeapi

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// How long the client waits before it holds the line for dead, and how large a
// frame may be: the whole of what is wanted of one node.
const (
	deadAfter = 3 * KeepAlive
	callLimit = 30 * time.Second
	maxFrame  = 64 << 20
)

// Client speaks to a control plane over HTTP as if it were in this process.
// A line that fails is an error of kind errs.Unavailable; what the other side
// answers keeps its kind.
type Client struct {
	url  string
	http *http.Client
}

var _ ControlPlane = (*Client)(nil)

// NewClient reaches the control plane at url ("https://10.0.0.1:4602") by way of transport, which
// shows who the node is: an Identity's.
func NewClient(url string, transport http.RoundTripper) *Client {
	return &Client{url: strings.TrimSuffix(url, "/") + "/node/v1/", http: &http.Client{Transport: transport}}
}

// Session is ControlPlane.Session. It also ends when nothing has come for three keep-alive periods.
func (c *Client) Session(ctx context.Context, hello Hello, recv func(Frame) error) error {
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	dead := time.AfterFunc(deadAfter, func() { cut(fmt.Errorf("%w for %s", errDeadLine, deadAfter)) })
	defer dead.Stop()

	body, err := c.post(ctx, "session", hello)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxFrame)
	for lines.Scan() {
		dead.Stop() // while recv works the line is not at fault
		if err := receive(lines.Bytes(), recv); err != nil {
			return err
		}
		dead.Reset(deadAfter)
	}
	return unreachable(ctx, cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
}

func receive(line []byte, recv func(Frame) error) error {
	var f frameLine
	if err := json.Unmarshal(line, &f); err != nil {
		return fmt.Errorf("%w: malformed frame: %s", errUnreachable, err)
	}
	switch {
	case f.Error != nil:
		return f.Error.asError()
	case f.Welcome == nil && !f.Complete && len(f.Tasks)+len(f.Streams) == 0 && f.Prefetch == nil:
		return nil // only shows that the line is alive
	}
	return recv(f.Frame)
}

// Report is ControlPlane.Report.
func (c *Client) Report(ctx context.Context, r Report) (ReportAck, error) {
	var ack ReportAck
	err := c.call(ctx, "report", r, &ack)
	return ack, err
}

// Output is ControlPlane.Output.
func (c *Client) Output(ctx context.Context, node string, o Output) (OutputAck, error) {
	var ack OutputAck
	err := c.call(ctx, "output", outputRequest{node, o}, &ack)
	return ack, err
}

// Credentials is ControlPlane.Credentials.
func (c *Client) Credentials(ctx context.Context, r CredentialsRequest) (Credentials, error) {
	var given Credentials
	err := c.call(ctx, "credentials", r, &given)
	return given, err
}

// Secrets is ControlPlane.Secrets.
func (c *Client) Secrets(ctx context.Context, r CredentialsRequest) (Secrets, error) {
	var given Secrets
	err := c.call(ctx, "secrets", r, &given)
	return given, err
}

func (c *Client) call(ctx context.Context, path string, in, out any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, callLimit, fmt.Errorf("%w for %s", errDeadLine, callLimit))
	defer cancel()
	body, err := c.post(ctx, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return unreachable(ctx, err)
	}
	io.Copy(io.Discard, body) // to its end, so that the connection serves again
	return nil
}

// post returns the body of a good answer, or the error that a bad one carries.
func (c *Client) post(ctx context.Context, path string, in any) (io.ReadCloser, error) {
	var body bytes.Buffer
	if err := encode(&body, in); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, &body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, refused(resp)
}

// refused reads the error out of an answer. One that is not of our making, such as
// a proxy's, is worth another try.
func refused(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var e wireError
	if json.Unmarshal(text, &e) != nil || e.Kind == "" {
		return fmt.Errorf("%w: it answers %s", errUnreachable, resp.Status)
	}
	return e.asError()
}

// unreachable tells a failed line from a caller who has had enough.
func unreachable(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return fmt.Errorf("%w: %w", errUnreachable, err)
	case errors.Is(cause, errDeadLine):
		return cause
	default:
		return ctx.Err()
	}
}
