package server

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/s3"
	"slipway/audit"
	"slipway/internal/arn"
	"slipway/oci"
)

// isData tells calls of functions, and of objects, from calls that manage something. There may be thousands of them a second, and how they
// went is in the events. Source: AWS CloudTrail User Guide, "Logging data events": trails have none of them unless asked.
func isData(service, operation string) bool {
	return service == "lambda" && strings.HasPrefix(operation, "Invoke") || service == "s3" && s3.IsData(operation)
}

// record satisfies awswire.Config.Record: it hands a call to the audit. Of calls of functions and objects only those are in it that
// were denied.
func (s *Server) record(_ context.Context, c *awswire.Call) error {
	if isData(c.Service, c.Operation) && (c.Fault == nil || c.Status != http.StatusForbidden) {
		return nil
	}
	e := audit.Entry{
		Account: cmp.Or(c.Who.Account, s.root.Owner.Account), Principal: s.caller(c),
		Service: c.Service, Operation: c.Operation, ReadOnly: audit.ReadOnly(c.Operation),
		Source: c.SourceAddress, UserAgent: c.UserAgent, Region: s.config.Region, RequestID: c.RequestID,
	}
	for _, asked := range c.Asked {
		e.Resources = append(e.Resources, audit.Resource{ARN: asked.Resource})
	}
	if c.Fault != nil {
		e.ErrorCode, e.ErrorMessage = c.Fault.Shape, c.Fault.Message
	} else {
		e.Owner = ownerOf(e.Resources, e.Account)
	}
	if last := len(c.Asked) - 1; last >= 0 {
		e.Action = c.Asked[last].Action
	}
	_, err := s.audit.Record(e)
	return err
}

// caller is who is known to have called, or the access key that nobody is proven to hold.
func (s *Server) caller(c *awswire.Call) audit.Principal {
	if p, proven := c.Who.Principal.(*accounts.Principal); proven {
		return principalOf(p, c.Who.AccessKeyID)
	}
	return audit.Principal{Type: audit.PrincipalUnknown, AccessKeyID: c.Claimed}
}

func principalOf(p *accounts.Principal, key string) audit.Principal {
	known := audit.Principal{Type: audit.PrincipalRoot, ARN: p.ARN, UserID: p.UserID, AccessKeyID: key}
	switch p.Type {
	case accounts.TypeUser:
		known.Type = audit.PrincipalUser
	case accounts.TypeRole:
		known.Type = audit.PrincipalRole
	}
	if s := p.Session; s != nil {
		known.SessionStart = s.Created
		if p.Type == accounts.TypeRole {
			known.IssuerARN, known.IssuerID = s.Issuer, p.Entity
		}
	}
	return known
}

// ownerOf is the first account but the caller's that a resource belongs to, or "".
func ownerOf(resources []audit.Resource, caller string) string {
	for _, r := range resources {
		if a, err := arn.Parse(r.ARN); err == nil && len(a.Account) == len(caller) && a.Account != caller {
			return a.Account
		}
	}
	return ""
}

// recordImages satisfies oci.Config.Record.
func (s *Server) recordImages(ctx context.Context, c *oci.Call) error {
	service, operation, _ := strings.Cut(cmp.Or(c.Action, "ecr:"+c.Method), ":")
	e := audit.Entry{
		Account: c.Who.Account, Principal: audit.Principal{Type: audit.PrincipalService, ARN: c.Who.ARN, UserID: c.Who.UserID},
		Service: service, Operation: operation, ReadOnly: c.Method == http.MethodGet || c.Method == http.MethodHead,
		Source: c.SourceAddress, UserAgent: c.UserAgent, Region: s.config.Region, RequestID: c.RequestID,
		ErrorCode: c.ErrorCode, ErrorMessage: c.ErrorMessage,
	}
	for _, asked := range c.Asked {
		e.Resources = append(e.Resources, audit.Resource{ARN: asked.Resource})
	}
	if c.ErrorCode == "" {
		e.Owner = ownerOf(e.Resources, e.Account)
	}
	if p, err := (registryAccess{s.accounts}).principal(ctx, c.Who); err == nil {
		e.Principal = principalOf(&p, c.Who.AccessKeyID)
	}
	_, err := s.audit.Record(e)
	return err
}

// ready satisfies awswire.Config.Ready: what changes something is not begun while it could not be
// recorded.
func (s *Server) ready(operation string) error {
	if audit.ReadOnly(operation) || isData("lambda", operation) || isData("s3", operation) {
		return nil
	}
	return s.audit.Ready()
}
