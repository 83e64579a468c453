package nodeapi

import (
	"context"
	"io"
	"net/http"
)

// Relay is a FunctionPlane that is one of several control planes, each of which uses the sandboxes of other nodes.
type Relay interface {
	// Relay has another control plane use the sandboxes at the other end of a line, until that ends or ctx does. It
	// returns false at once where this one is to use them.
	Relay(ctx context.Context, node string, line io.ReadWriteCloser) (elsewhere bool, err error)
}

// NewRelayed serves fp to other control planes, which pass on the lines of nodes that have come to them, at the path at
// which it is served to nodes. Who gets by to it is believed which node it passes on.
func NewRelayed(fp FunctionPlane) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /node/v1/sandboxes", func(w http.ResponseWriter, r *http.Request) {
		node := r.Header.Get("Slipway-Node")
		acceptLine(w, r, func(ctx context.Context, line *lineConn) error { return useLine(ctx, line, node, fp) })
	})
	return mux
}

// PassOn passes the line of a node on to the control plane that the client reaches, until one of both ends or ctx does.
// Nothing of it is read on the way. It returns an error where that control plane does not take it.
func (c *Client) PassOn(ctx context.Context, node string, line io.ReadWriteCloser) error {
	there, err := c.become(ctx, "sandboxes", upgradeSandboxes, http.Header{"Slipway-Node": {node}})
	if err != nil {
		return err
	}
	over := make(chan struct{}, 2)
	pass := func(to, from io.ReadWriteCloser) {
		io.Copy(to, from) // how a line ends tells nothing
		over <- struct{}{}
	}
	go pass(there, line)
	go pass(line, there)
	stop := context.AfterFunc(ctx, func() { there.Close(); line.Close() })
	<-over
	stop()
	there.Close()
	line.Close()
	<-over
	return nil
}
