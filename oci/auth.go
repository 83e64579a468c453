package oci

import (
	"net/http"
	"strconv"
	"strings"

	"slipway/registry"
)

// authenticate settles who calls, and whose registry is meant.
func (d *door) authenticate(c *call) (err error) {
	token, found := tokenOf(c.r)
	if !found {
		return problemf(http.StatusUnauthorized, "UNAUTHORIZED", "log in first: aws ecr get-login-password | docker login --username AWS --password-stdin %s", c.r.Host)
	}
	if c.login, err = d.registry.Verify(token); err != nil {
		return err
	}
	c.who = Caller{Account: c.login.Account, ARN: c.login.Principal, UserID: c.login.UserID, AccessKeyID: c.login.Key}
	if err := d.config.Access.Check(c.r.Context(), c.who); err != nil {
		return err
	}
	c.account = c.login.Registry()
	if account, ok := hostAccount(c.r.Host); ok {
		c.account = account
	}
	return nil
}

// tokenOf finds the login token: a password, a bearer token, or in the link to a blob that the registry gave out.
func tokenOf(r *http.Request) (string, bool) {
	if _, password, ok := r.BasicAuth(); ok {
		return password, true
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return token, true
	}
	token := r.URL.Query().Get(registry.LinkParameter)
	return token, token != "" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// hostAccount reads the account of a host name such as 123456789012.dkr.ecr.us-east-1.example.com.
func hostAccount(host string) (string, bool) {
	account, rest, _ := strings.Cut(host, ".")
	if len(account) != 12 || strings.Trim(account, "0123456789") != "" || !strings.HasPrefix(rest, "dkr.ecr.") {
		return "", false
	}
	return account, true
}

// challenge is how a client learns that it has to log in.
func challenge(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return "Basic realm=" + strconv.Quote(scheme+"://"+r.Host+"/") + `,service="ecr.amazonaws.com"`
}
