package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"slipway/audit"
)

// AuditChain is what there is to say of the records of one account.
type AuditChain struct {
	Account string    `json:"account"`
	Records int64     `json:"records"` // those that were looked at
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Tip     string    `json:"tip"`              // noted elsewhere, it proves later that nothing was cut off since
	Broken  string    `json:"broken,omitempty"` // what was altered behind our back; "": all is as it was written
}

// verifyAudit walks the records of every account.
func (s *Server) verifyAudit(ctx context.Context) ([]AuditChain, error) {
	names, err := s.audit.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	chains := make([]AuditChain, len(names))
	for i, name := range names {
		seen, err := s.audit.Verify(ctx, name)
		chains[i] = AuditChain{Account: name, Records: seen.Records, First: seen.First, Last: seen.Last, Tip: seen.Tip}
		if errors.Is(err, audit.ErrBroken) {
			chains[i].Broken = err.Error()
		} else if err != nil {
			return nil, err
		}
	}
	return chains, nil
}

// VerifyAudit has the server walk the records of the audit, account by account. It returns ErrNotRunning.
func (c *Control) VerifyAudit(ctx context.Context) ([]AuditChain, error) {
	return read[[]AuditChain](c.call(ctx, http.MethodGet, "/audit", nil))
}
