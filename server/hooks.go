package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"slipway/accounts"
	"slipway/hooks"
)

// Hook is who is told of which events.
type Hook = hooks.Hook

// HookLetter is an event that a hook did not take.
type HookLetter = hooks.Letter

// deadAtOnce is how many dead letters are shown.
const deadAtOnce = 1000

// hooksAnswer is what the control socket says about hooks.
type hooksAnswer struct {
	Hooks  []Hook       `json:"hooks,omitempty"`
	Secret string       `json:"secret,omitempty"` // of a hook that was made
	Dead   []HookLetter `json:"dead,omitempty"`
	Sent   int64        `json:"sent,omitempty"` // dead letters that are sent again
	failure
}

// handleHooks makes, lists and removes hooks for the owner of the data folder.
func (s *Server) handleHooks(mux *http.ServeMux) {
	mux.HandleFunc("GET /hooks", answer(func(r *http.Request) (a hooksAnswer, err error) {
		a.Hooks, err = s.hooks.Hooks(r.Context())
		return a, err
	}))
	mux.HandleFunc("POST /hooks", answer(func(r *http.Request) (a hooksAnswer, err error) {
		var h Hook
		if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 64<<10)).Decode(&h); err != nil {
			return a, err
		}
		if err := s.checkHookAccount(r.Context(), h.Account); err != nil {
			return a, err
		}
		h, a.Secret, err = s.hooks.Add(r.Context(), h)
		a.Hooks = []Hook{h}
		return a, err
	}))
	mux.HandleFunc("DELETE /hooks/{id}", answer(func(r *http.Request) (a hooksAnswer, err error) {
		return a, s.hooks.Remove(r.Context(), r.PathValue("id"))
	}))
	mux.HandleFunc("GET /hooks/dead", answer(func(r *http.Request) (a hooksAnswer, err error) {
		a.Dead, err = s.hooks.Dead(r.Context(), r.URL.Query().Get("hook"), deadAtOnce)
		return a, err
	}))
	mux.HandleFunc("POST /hooks/{id}/redeliver", answer(func(r *http.Request) (a hooksAnswer, err error) {
		a.Sent, err = s.hooks.Redeliver(r.Context(), r.PathValue("id"), r.URL.Query().Get("event"))
		return a, err
	}))
}

// checkHookAccount refuses a hook that would never be told of anything.
func (s *Server) checkHookAccount(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	a, err := s.accounts.Account(ctx, id)
	if err == nil && a.State != accounts.StateActive {
		err = fmt.Errorf("%w: %s", hooks.ErrStopped, id)
	}
	return err
}

// Hooks lists the hooks. It returns ErrNotRunning.
func (c *Control) Hooks(ctx context.Context) ([]Hook, error) {
	a, err := ask[hooksAnswer](ctx, c, http.MethodGet, "/hooks", nil)
	return a.Hooks, err
}

// AddHook makes a hook and returns it with the secret that signs its letters. It returns ErrNotRunning, or
// what is wrong with the hook.
func (c *Control) AddHook(ctx context.Context, h Hook) (made Hook, secret string, err error) {
	a, err := ask[hooksAnswer](ctx, c, http.MethodPost, "/hooks", h)
	if err != nil || len(a.Hooks) == 0 {
		return Hook{}, "", err
	}
	return a.Hooks[0], a.Secret, nil
}

// RemoveHook ends a hook. It returns ErrNotRunning, or that there is no such hook.
func (c *Control) RemoveHook(ctx context.Context, id string) error {
	_, err := ask[hooksAnswer](ctx, c, http.MethodDelete, "/hooks/"+url.PathEscape(id), nil)
	return err
}

// DeadLetters lists what a hook did not take, or all of them (""), the last first. It returns ErrNotRunning.
func (c *Control) DeadLetters(ctx context.Context, hook string) ([]HookLetter, error) {
	a, err := ask[hooksAnswer](ctx, c, http.MethodGet, "/hooks/dead?hook="+url.QueryEscape(hook), nil)
	return a.Dead, err
}

// RedeliverLetters has a dead letter of a hook sent again, or all of them (event ""), and returns how many
// there are. It returns ErrNotRunning, or that there is no such hook or letter.
func (c *Control) RedeliverLetters(ctx context.Context, hook, event string) (int64, error) {
	a, err := ask[hooksAnswer](ctx, c, http.MethodPost, "/hooks/"+url.PathEscape(hook)+"/redeliver?event="+url.QueryEscape(event), nil)
	return a.Sent, err
}
