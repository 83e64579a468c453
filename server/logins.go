package server

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"slipway/registry"
)

// loginPrefix is what the names of logins begin with in ARNs, where AWS asks for it.
const loginPrefix = "ecr-pullthroughcache/"

// RegistryLogin is a login of another registry, which pull-through cache rules name by its ARN.
type RegistryLogin struct {
	Account string `json:"account"` // "": the account that manages the others
	Name    string `json:"name"`
	ARN     string `json:"arn,omitempty"`
}

// loginRequest is a login that is to be kept, on its way through the control socket.
type loginRequest struct {
	RegistryLogin
	registry.UpstreamSecret
}

// Format satisfies fmt.Formatter: no verb shows the token.
func (l loginRequest) Format(f fmt.State, _ rune) { io.WriteString(f, "login "+l.Name) }

// loginsAnswer is what the control socket says about logins.
type loginsAnswer struct {
	Logins []RegistryLogin `json:"logins,omitempty"`
	failure
}

// handleLogins keeps, lists and removes logins of other registries for the owner of the data folder.
func (s *Server) handleLogins(mux *http.ServeMux) {
	mux.HandleFunc("GET /logins", answer(func(r *http.Request) (loginsAnswer, error) {
		return s.logins(r.Context(), r.URL.Query().Get("account"))
	}))
	mux.HandleFunc("POST /logins", answer(func(r *http.Request) (a loginsAnswer, err error) {
		var l loginRequest
		if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 64<<10)).Decode(&l); err != nil {
			return a, err
		}
		a.Logins = []RegistryLogin{s.login(l.Account, l.Name)}
		return a, s.registry.SetUpstreamSecret(r.Context(), a.Logins[0].Account, loginPrefix+l.Name, l.UpstreamSecret)
	}))
	mux.HandleFunc("DELETE /logins", answer(func(r *http.Request) (loginsAnswer, error) {
		q := r.URL.Query()
		l := s.login(q.Get("account"), q.Get("name"))
		return loginsAnswer{}, s.registry.DeleteUpstreamSecret(r.Context(), l.Account, loginPrefix+l.Name)
	}))
}

func (s *Server) login(account, name string) RegistryLogin {
	account = cmp.Or(account, s.root.Owner.Account)
	return RegistryLogin{account, name, s.registry.SecretARN(account, loginPrefix+name)}
}

func (s *Server) logins(ctx context.Context, account string) (a loginsAnswer, err error) {
	names, err := s.registry.UpstreamSecrets(ctx, cmp.Or(account, s.root.Owner.Account))
	for _, name := range names {
		a.Logins = append(a.Logins, s.login(account, strings.TrimPrefix(name, loginPrefix)))
	}
	return a, err
}

// RegistryLogins lists the logins of an account; "" is the one that manages the others. It returns
// ErrNotRunning.
func (c *Control) RegistryLogins(ctx context.Context, account string) ([]RegistryLogin, error) {
	a, err := ask[loginsAnswer](ctx, c, http.MethodGet, "/logins?account="+url.QueryEscape(account), nil)
	return a.Logins, err
}

// KeepRegistryLogin keeps a login, in place of the one by that name, and returns it with its ARN. It returns
// ErrNotRunning, or what is wrong with the login.
func (c *Control) KeepRegistryLogin(ctx context.Context, l RegistryLogin, username, token string) (kept RegistryLogin, err error) {
	a, err := ask[loginsAnswer](ctx, c, http.MethodPost, "/logins", loginRequest{l, registry.UpstreamSecret{Username: username, AccessToken: token}})
	if err != nil || len(a.Logins) == 0 {
		return RegistryLogin{}, err
	}
	return a.Logins[0], nil
}

// RemoveRegistryLogin forgets a login. It returns ErrNotRunning, or that there is no such login.
func (c *Control) RemoveRegistryLogin(ctx context.Context, l RegistryLogin) error {
	query := url.Values{"account": {l.Account}, "name": {l.Name}}
	_, err := ask[loginsAnswer](ctx, c, http.MethodDelete, "/logins?"+query.Encode(), nil)
	return err
}
