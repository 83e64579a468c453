package server

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"slipway/registry"
)

// CustomerKey is a key of an account, with which repositories of its registry are encrypted.
type CustomerKey = registry.CustomerKey

// How long a key waits until it is deleted.
const (
	MinKeyWait     = registry.MinKeyWait
	DefaultKeyWait = registry.DefaultKeyWait
)

// keyRequest names a key, and says what is to become of it.
type keyRequest struct {
	Account string        `json:"account"` // "": the account that manages the others
	Name    string        `json:"name"`    // id, ARN or alias; of a new key its alias, or ""
	Wait    time.Duration `json:"wait,omitempty"`
}

// customerKeysAnswer is what the control socket says about customer keys. The keys themselves never leave the
// registry.
type customerKeysAnswer struct {
	Keys []CustomerKey `json:"keys,omitempty"`
	failure
}

// handleCustomerKeys makes, lists and changes customer keys for the owner of the data folder.
func (s *Server) handleCustomerKeys(mux *http.ServeMux) {
	mux.HandleFunc("GET /registry/keys", answer(func(r *http.Request) (a customerKeysAnswer, err error) {
		a.Keys, err = s.registry.CustomerKeys(r.Context(), cmp.Or(r.URL.Query().Get("account"), s.root.Owner.Account))
		return a, err
	}))
	mux.HandleFunc("POST /registry/keys/create", s.changeKey(func(ctx context.Context, k keyRequest) (CustomerKey, error) {
		return s.registry.CreateCustomerKey(ctx, k.Account, k.Name)
	}))
	mux.HandleFunc("POST /registry/keys/disable", s.changeKey(func(ctx context.Context, k keyRequest) (CustomerKey, error) {
		return s.registry.DisableCustomerKey(ctx, k.Account, k.Name)
	}))
	mux.HandleFunc("POST /registry/keys/enable", s.changeKey(func(ctx context.Context, k keyRequest) (CustomerKey, error) {
		return s.registry.EnableCustomerKey(ctx, k.Account, k.Name)
	}))
	mux.HandleFunc("POST /registry/keys/delete", s.changeKey(func(ctx context.Context, k keyRequest) (CustomerKey, error) {
		return s.registry.DeleteCustomerKey(ctx, k.Account, k.Name, k.Wait)
	}))
}

func (s *Server) changeKey(change func(context.Context, keyRequest) (CustomerKey, error)) http.HandlerFunc {
	return answer(func(r *http.Request) (a customerKeysAnswer, err error) {
		var k keyRequest
		if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 4<<10)).Decode(&k); err != nil {
			return a, err
		}
		k.Account = cmp.Or(k.Account, s.root.Owner.Account)
		key, err := change(r.Context(), k)
		a.Keys = []CustomerKey{key}
		return a, err
	})
}

// CustomerKeys lists the customer keys of an account; "" is the one that manages the others. It returns
// ErrNotRunning.
func (c *Control) CustomerKeys(ctx context.Context, account string) ([]CustomerKey, error) {
	a, err := ask[customerKeysAnswer](ctx, c, http.MethodGet, "/registry/keys?account="+url.QueryEscape(account), nil)
	return a.Keys, err
}

// CreateCustomerKey makes a customer key, with an alias if that is not "". It returns ErrNotRunning, or what
// is wrong with the alias.
func (c *Control) CreateCustomerKey(ctx context.Context, account, alias string) (CustomerKey, error) {
	return c.askKey(ctx, "create", keyRequest{Account: account, Name: alias})
}

// DisableCustomerKey has nothing be read or written with a key, which goes by its id, ARN or alias. It returns
// ErrNotRunning, or that there is no such key.
func (c *Control) DisableCustomerKey(ctx context.Context, account, name string) (CustomerKey, error) {
	return c.askKey(ctx, "disable", keyRequest{Account: account, Name: name})
}

// EnableCustomerKey lets a key be used again, also one that is to be deleted. It returns ErrNotRunning, or
// that there is no such key.
func (c *Control) EnableCustomerKey(ctx context.Context, account, name string) (CustomerKey, error) {
	return c.askKey(ctx, "enable", keyRequest{Account: account, Name: name})
}

// DeleteCustomerKey has a key be deleted after a wait. It returns ErrNotRunning, what is wrong with the wait,
// or that there is no such key.
func (c *Control) DeleteCustomerKey(ctx context.Context, account, name string, wait time.Duration) (CustomerKey, error) {
	return c.askKey(ctx, "delete", keyRequest{Account: account, Name: name, Wait: wait})
}

func (c *Control) askKey(ctx context.Context, what string, k keyRequest) (CustomerKey, error) {
	a, err := ask[customerKeysAnswer](ctx, c, http.MethodPost, "/registry/keys/"+what, k)
	if err != nil || len(a.Keys) == 0 {
		return CustomerKey{}, err
	}
	return a.Keys[0], nil
}
