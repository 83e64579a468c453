package ingress

import (
	"regexp"
	"slices"
	"strings"

	"slipway/ingress/proxy"
	"slipway/ingress/route"
	"slipway/internal/errs"
	"slipway/store"
)

// The types of actions.
const (
	Forward  = "forward"
	Redirect = "redirect"
	Fixed    = "fixed-response"
)

// Action is what a listener or a rule does with a request.
type Action struct {
	Type     string          `json:"type"`
	Order    int             `json:"order,omitempty"`
	Groups   []Share         `json:"groups,omitempty"`
	Redirect *route.Redirect `json:"redirect,omitempty"`
	Fixed    *FixedResponse  `json:"fixed,omitempty"`
}

// Share is the weight that a target group has in an action.
type Share struct {
	Group  string `json:"group"` // ARN
	Weight int    `json:"weight"`
}

// FixedResponse is an answer that no target gives.
type FixedResponse struct {
	Status int    `json:"status"`
	Type   string `json:"type,omitempty"`
	Body   string `json:"body,omitempty"`
}

// groupsOf are the target groups that actions forward to.
func groupsOf(actions []Action) (names []string) {
	for _, a := range actions {
		for _, share := range a.Groups {
			names = append(names, share.Group)
		}
	}
	return names
}

var (
	redirectPort = regexp.MustCompile(`^(#\{port\}|[1-9][0-9]{0,4})$`)
	fixedTypes   = []string{"", "text/plain", "text/css", "text/html", "application/javascript", "application/json"}
)

// checkActions refuses what cannot be served, for a listener of a protocol. Target groups must be the account's.
func checkActions(tx *store.Tx, account, protocol string, actions []Action) error {
	if len(actions) != 1 {
		return errs.Say(ErrAction, "Exactly one action is needed: forward, redirect or fixed-response")
	}
	a := actions[0]
	switch {
	case protocol == TCP && a.Type != Forward:
		return errs.Say(ErrAction, "Actions of type '%s' are not valid for listeners of protocol TCP", a.Type)
	case a.Type == Forward:
		return checkForward(tx, account, protocol, a.Groups)
	case a.Type == Redirect:
		return checkRedirect(a.Redirect)
	case a.Type == Fixed:
		return checkFixed(a.Fixed)
	}
	return errs.Say(ErrAction, "Actions of type '%s' are not supported by Slipway: want forward, redirect or fixed-response", a.Type)
}

func checkForward(tx *store.Tx, account, protocol string, shares []Share) error {
	if len(shares) == 0 || protocol == TCP && len(shares) > 1 {
		return errs.Say(ErrAction, "A forward action must have a target group")
	}
	if len(shares) > MaxActions {
		return errs.Say(ErrTooManyActions, "A forward action can have up to %d target groups", MaxActions)
	}
	for _, share := range shares {
		r, err := groups.one(tx, account, share.Group)
		if err != nil {
			return err
		}
		g, err := groupOf(r)
		if err != nil {
			return err
		}
		if share.Weight < 0 || share.Weight > 999 {
			return errs.Say(ErrInput, "The weight '%d' of a target group must be between 0 and 999", share.Weight)
		}
		if (protocol == TCP) != (g.Protocol == TCP) {
			return errs.Say(ErrIncompatible, "Listener protocol '%s' is not supported with target group protocol '%s'", protocol, g.Protocol)
		}
	}
	return nil
}

func checkRedirect(r *route.Redirect) error {
	switch {
	case r == nil || r.Status != 301 && r.Status != 302:
		return errs.Say(ErrAction, "A redirect action must have a status code of HTTP_301 or HTTP_302")
	case !slices.Contains([]string{"HTTP", "HTTPS", "#{protocol}"}, r.Protocol):
		return errs.Say(ErrAction, "The redirect protocol '%s' is not one of [HTTP, HTTPS, #{protocol}]", r.Protocol)
	case !redirectPort.MatchString(r.Port):
		return errs.Say(ErrAction, "The redirect port '%s' must be between 1 and 65535, or #{port}", r.Port)
	case !strings.HasPrefix(r.Path, "/") || strings.ContainsAny(r.Path+r.Host+r.Query, "\r\n "):
		return errs.Say(ErrAction, "The redirect path '%s' must begin with a '/' character", r.Path)
	case *r == route.Redirect{Protocol: "#{protocol}", Host: "#{host}", Port: "#{port}", Path: "/#{path}", Query: r.Query, Status: r.Status}:
		return errs.Say(ErrAction, "A redirect action must change at least one of protocol, host, port and path, or it is a loop")
	}
	return nil
}

func checkFixed(f *FixedResponse) error {
	switch {
	case f == nil || f.Status < 200 || f.Status > 599 || f.Status/100 == 3:
		return errs.Say(ErrAction, "A fixed-response action must have a status code of 2XX, 4XX or 5XX")
	case !slices.Contains(fixedTypes, f.Type):
		return errs.Say(ErrAction, "The content type '%s' is not one of [text/plain, text/css, text/html, application/javascript, application/json]", f.Type)
	case len(f.Body) > 1024:
		return errs.Say(ErrAction, "The message body can have up to 1024 characters")
	}
	return nil
}

// plan is an action as the data path takes it.
func (a Action) plan() proxy.Action {
	made := proxy.Action{Redirect: a.Redirect}
	if a.Fixed != nil {
		made.Fixed = &proxy.Fixed{Status: a.Fixed.Status, Type: a.Fixed.Type, Body: a.Fixed.Body}
	}
	for _, share := range a.Groups {
		made.Forward = append(made.Forward, proxy.Share{Group: share.Group, Weight: share.Weight})
	}
	return made
}
