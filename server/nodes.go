package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"slipway/accounts"
	"slipway/internal/errs"
	"slipway/nodes"
)

// Node is a machine that may join.
type Node = nodes.Node

// Invitation lets nodes come.
type Invitation = nodes.Invitation

// nodesAnswer is what the control socket says about nodes.
type nodesAnswer struct {
	Nodes       []Node       `json:"nodes,omitempty"`
	Invitations []Invitation `json:"invitations,omitempty"`
	Token       string       `json:"token,omitempty"` // of an invitation that was made
	failure
}

// invite asks for an invitation.
type invite struct {
	Invitation
	Life time.Duration `json:"life"`
}

// handleNodes invites, lists and removes nodes for the owner of the data folder.
func (s *Server) handleNodes(mux *http.ServeMux) {
	mux.HandleFunc("GET /nodes", answer(func(r *http.Request) (a nodesAnswer, err error) {
		a.Nodes, err = s.nodes.Nodes(r.Context())
		return a, err
	}))
	mux.HandleFunc("DELETE /nodes/{id}", answer(func(r *http.Request) (a nodesAnswer, err error) {
		return a, s.removeNode(r.Context(), r.PathValue("id"), r.URL.Query().Has("force"))
	}))
	mux.HandleFunc("GET /invitations", answer(func(r *http.Request) (a nodesAnswer, err error) {
		a.Invitations, err = s.nodes.Invitations(r.Context())
		return a, err
	}))
	mux.HandleFunc("POST /invitations", answer(func(r *http.Request) (a nodesAnswer, err error) {
		var in invite
		if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 4<<10)).Decode(&in); err != nil {
			return a, err
		}
		if s.wire == nil {
			return a, errNoWire
		}
		if in.Account == "" {
			in.Account = s.root.Owner.Account
		}
		if err := s.checkNodeAccount(r.Context(), in.Account); err != nil {
			return a, err
		}
		made, token, err := s.nodes.Invite(r.Context(), in.Invitation, in.Life)
		a.Invitations, a.Token = []Invitation{made}, token
		return a, err
	}))
	mux.HandleFunc("DELETE /invitations/{id}", answer(func(r *http.Request) (a nodesAnswer, err error) {
		return a, s.nodes.Withdraw(r.Context(), r.PathValue("id"))
	}))
}

// What the owner of the data folder is told.
var (
	errNoWire   = errs.New(errs.Conflict, `this server takes no machines in, so nobody could join by the token: start it with --nodes ADDRESS, as "slipway server --nodes 0.0.0.0:4602"`)
	errNodeBusy = errs.New(errs.Conflict, "tasks are on the machine")
)

// removeNode takes a machine's right to join away. One that has tasks keeps it, unless forced: nobody would hear of them
// any more, while they go on.
func (s *Server) removeNode(ctx context.Context, id string, force bool) error {
	if !force {
		n, err := s.cluster.LiveTasks(ctx, id)
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf(`%w: %d; "aws ecs deregister-container-instance --force" stops them and removes it, --force removes it and leaves them running, unheard of`, errNodeBusy, n)
		}
	}
	return s.nodes.Remove(ctx, id)
}

// checkNodeAccount refuses an invitation for an account that has nothing to run.
func (s *Server) checkNodeAccount(ctx context.Context, id string) error {
	a, err := s.accounts.Account(ctx, id)
	switch {
	case err != nil:
		return err
	case a.State != accounts.StateActive:
		return fmt.Errorf("%w: account %s is closed", nodes.ErrInvitation, id)
	}
	return nil
}

// Nodes lists the machines that may join. It returns ErrNotRunning.
func (c *Control) Nodes(ctx context.Context) ([]Node, error) {
	a, err := ask[nodesAnswer](ctx, c, http.MethodGet, "/nodes", nil)
	return a.Nodes, err
}

// RemoveNode takes a node's right to join away. It returns ErrNotRunning, that there is no such node or, unless
// forced, that it has tasks.
func (c *Control) RemoveNode(ctx context.Context, id string, force bool) error {
	path := "/nodes/" + url.PathEscape(id)
	if force {
		path += "?force"
	}
	_, err := ask[nodesAnswer](ctx, c, http.MethodDelete, path, nil)
	return err
}

// Invitations lists those by which nodes may still come. It returns ErrNotRunning.
func (c *Control) Invitations(ctx context.Context) ([]Invitation, error) {
	a, err := ask[nodesAnswer](ctx, c, http.MethodGet, "/invitations", nil)
	return a.Invitations, err
}

// Invite makes an invitation and returns its token, which nobody can learn later. Account "" is the managing
// one. It returns ErrNotRunning, or what is wrong with it.
func (c *Control) Invite(ctx context.Context, i Invitation, life time.Duration) (made Invitation, token string, err error) {
	a, err := ask[nodesAnswer](ctx, c, http.MethodPost, "/invitations", invite{i, life})
	if err != nil || len(a.Invitations) == 0 {
		return Invitation{}, "", err
	}
	return a.Invitations[0], a.Token, nil
}

// Withdraw ends an invitation. It returns ErrNotRunning, or that there is no such invitation.
func (c *Control) Withdraw(ctx context.Context, id string) error {
	_, err := ask[nodesAnswer](ctx, c, http.MethodDelete, "/invitations/"+url.PathEscape(id), nil)
	return err
}
