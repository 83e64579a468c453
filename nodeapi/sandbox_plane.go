package nodeapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"
)

var _ FunctionPlane = (*Client)(nil)

// handleFunctions serves what a node's sandboxes need of the control plane.
func (h *handler) handleFunctions(mux *http.ServeMux, fp FunctionPlane) {
	mux.HandleFunc("POST /node/v1/sandboxes", h.sandboxes(fp))
	mux.HandleFunc("POST /node/v1/code", h.code(fp))
	mux.HandleFunc("POST /node/v1/printed", call(h, maxOutput, func(p printedRequest) string { return p.Node },
		func(ctx context.Context, p printedRequest) (nothing, error) {
			return nothing{}, fp.Printed(ctx, p.Node, p.Printed)
		}))
}

// printedRequest is Printed on the wire: it says whose it is as well.
type printedRequest struct {
	Node    string    `json:"node"`
	Printed []Printed `json:"printed"`
}

// Printed is FunctionPlane.Printed.
func (c *Client) Printed(ctx context.Context, node string, p []Printed) error {
	return c.call(ctx, "printed", printedRequest{node, p}, &nothing{})
}

// Code is FunctionPlane.Code. It ends with ctx.
func (c *Client) Code(ctx context.Context, r CodeRequest) (io.ReadCloser, error) {
	return c.post(ctx, "code", r)
}

// code sends an archive as it is.
func (h *handler) code(fp FunctionPlane) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in CodeRequest
		p, err := h.peer(r)
		if err == nil {
			err = read(w, r, maxRequest, &in)
		}
		if err == nil {
			err = p.itself(in.Node)
		}
		if err != nil {
			fail(w, r, err)
			return
		}
		body, err := fp.Code(r.Context(), in)
		if err != nil {
			fail(w, r, err)
			return
		}
		defer body.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		if _, err := io.Copy(w, &inTime{body, http.NewResponseController(w)}); err != nil {
			slog.Warn("code was not sent to a node, or not all of it", "node", p.Node, "error", err)
			panic(http.ErrAbortHandler) // what has come is not taken for all
		}
	}
}

// inTime has whoever is sent what is read take each part of it in time.
type inTime struct {
	io.Reader
	out *http.ResponseController
}

// Read satisfies io.Reader.
func (r *inTime) Read(p []byte) (int, error) {
	r.out.SetWriteDeadline(time.Now().Add(sendLimit))
	return r.Reader.Read(p)
}
