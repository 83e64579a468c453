package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"slipway/registry"
)

// What is said of the registry on the control socket, in the words of package registry.
type (
	Sweeping       = registry.Sweeping
	Swept          = registry.Swept
	SweepReport    = registry.SweepReport
	RegistryUsage  = registry.Usage
	RegistryQuota  = registry.Quota
	Mark           = registry.Mark
	Marking        = registry.Marking
	MarkCriteria   = registry.Criteria
	RegistryDigest = registry.Digest
)

// DefaultSweeping is how the registry is swept unless an operator says otherwise. As in ECR, images
// without tags stay until a lifecycle policy or somebody deletes them.
func DefaultSweeping() Sweeping {
	s := registry.DefaultSweeping
	s.Untagged = -time.Second
	return s
}

// runningTasks tells the registry which tasks run images.
func (s *Server) runningTasks(ctx context.Context) (all []registry.Task, err error) {
	if s.cluster == nil {
		return nil, nil // not yet
	}
	tasks, err := s.cluster.InUse(ctx)
	for _, t := range tasks {
		for _, image := range t.Images {
			if image.Digest != "" {
				all = append(all, registry.Task{ARN: t.ARN, Account: t.Account, Digest: registry.Digest(image.Digest)})
			}
		}
	}
	return all, err
}

// MarkRequest is a mark to be made.
type MarkRequest struct {
	Scope    string       `json:"scope"` // an account, or "" for all
	Criteria MarkCriteria `json:"criteria"`
	Reason   string       `json:"reason"`
}

// UsageOf is what an account uses, and may.
type UsageOf struct {
	RegistryUsage
	Quota RegistryQuota `json:"quota"`
}

// registryAnswer is what the control socket says about the registry.
type registryAnswer struct {
	Usage   []UsageOf `json:"usage,omitempty"`
	Marks   []Mark    `json:"marks,omitempty"`
	Marking *Marking  `json:"marking,omitempty"`
	failure
}

// handleRegistry lets the owner of the data folder see to the registry.
func (s *Server) handleRegistry(mux *http.ServeMux) {
	mux.HandleFunc("GET /registry/usage", answer(s.registryUsage))
	mux.HandleFunc("PUT /registry/quotas/{account}", answer(s.setRegistryQuota))
	mux.HandleFunc("GET /registry/marks", answer(func(r *http.Request) (a registryAnswer, err error) {
		a.Marks, err = s.registry.Marks(r.Context(), r.URL.Query().Get("account"))
		return a, err
	}))
	mux.HandleFunc("POST /registry/marks", answer(s.makeMark))
	mux.HandleFunc("DELETE /registry/marks/{id}", answer(func(r *http.Request) (a registryAnswer, err error) {
		m, err := s.registry.Unmark(r.Context(), "", r.PathValue("id"))
		a.Marks = []Mark{m}
		return a, err
	}))
	mux.HandleFunc("POST /registry/sweep", s.serveSweep)
	s.handleCustomerKeys(mux)
}

func (s *Server) registryUsage(r *http.Request) (a registryAnswer, err error) {
	var all []RegistryUsage
	if account := r.URL.Query().Get("account"); account != "" {
		u, err := s.registry.Usage(r.Context(), account)
		if err != nil {
			return a, err
		}
		all = []RegistryUsage{u}
	} else if all, err = s.registry.Usages(r.Context()); err != nil {
		return a, err
	}
	for _, u := range all {
		q, err := s.registry.QuotaOf(r.Context(), u.Account)
		if err != nil {
			return a, err
		}
		a.Usage = append(a.Usage, UsageOf{u, q})
	}
	return a, nil
}

func (s *Server) setRegistryQuota(r *http.Request) (a registryAnswer, err error) {
	var q RegistryQuota
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 4<<10)).Decode(&q); err != nil {
		return a, err
	}
	return a, s.registry.SetQuota(r.Context(), r.PathValue("account"), q)
}

func (s *Server) makeMark(r *http.Request) (a registryAnswer, err error) {
	var m MarkRequest
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 64<<10)).Decode(&m); err != nil {
		return a, err
	}
	made, err := s.registry.Mark(r.Context(), m.Scope, m.Criteria, m.Reason)
	a.Marking = &made
	return a, err
}

// sweepRequest asks for a sweep.
type sweepRequest struct {
	DryRun bool `json:"dryRun"`
}

// sweepLine is one line of the answer: what went, or the end.
type sweepLine struct {
	Swept  *Swept       `json:"swept,omitempty"`
	Report *SweepReport `json:"report,omitempty"`
	Failed string       `json:"failed,omitempty"`
}

// serveSweep sweeps for as long as whoever asked listens. What is left the next sweep takes.
func (s *Server) serveSweep(w http.ResponseWriter, r *http.Request) {
	var request sweepRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	report, err := s.registry.Sweep(r.Context(), request.DryRun, func(what Swept) { lines.Encode(sweepLine{Swept: &what}) })
	if err != nil {
		slog.Error("sweep that was asked for", "error", err)
		lines.Encode(sweepLine{Failed: err.Error()})
		return
	}
	lines.Encode(sweepLine{Report: &report})
}

// RegistryUsage is what each account uses of the registry that uses anything, or one account. It returns
// ErrNotRunning.
func (c *Control) RegistryUsage(ctx context.Context, account string) ([]UsageOf, error) {
	a, err := ask[registryAnswer](ctx, c, http.MethodGet, "/registry/usage?account="+url.QueryEscape(account), nil)
	return a.Usage, err
}

// SetRegistryQuota bounds what an account may have in the registry. It returns ErrNotRunning.
func (c *Control) SetRegistryQuota(ctx context.Context, account string, q RegistryQuota) error {
	_, err := ask[registryAnswer](ctx, c, http.MethodPut, "/registry/quotas/"+url.PathEscape(account), q)
	return err
}

// Marks lists the marks that hold in an account, or all (""). It returns ErrNotRunning.
func (c *Control) Marks(ctx context.Context, account string) ([]Mark, error) {
	a, err := ask[registryAnswer](ctx, c, http.MethodGet, "/registry/marks?account="+url.QueryEscape(account), nil)
	return a.Marks, err
}

// Mark makes a mark. It returns ErrNotRunning, or what is wrong with the request.
func (c *Control) Mark(ctx context.Context, r MarkRequest) (Marking, error) {
	a, err := ask[registryAnswer](ctx, c, http.MethodPost, "/registry/marks", r)
	if err != nil || a.Marking == nil {
		return Marking{}, err
	}
	return *a.Marking, nil
}

// Unmark takes a mark away. It returns ErrNotRunning, or that there is no such mark.
func (c *Control) Unmark(ctx context.Context, id string) error {
	_, err := ask[registryAnswer](ctx, c, http.MethodDelete, "/registry/marks/"+url.PathEscape(id), nil)
	return err
}

// Sweep has the server sweep its registry, and passes on what goes. The sweep ends with ctx. It returns
// ErrNotRunning, or why the sweep ended.
func (c *Control) Sweep(ctx context.Context, dryRun bool, say func(Swept)) (SweepReport, error) {
	body, err := c.call(ctx, http.MethodPost, "/registry/sweep", sweepRequest{dryRun})
	if err != nil {
		return SweepReport{}, err
	}
	defer body.Close()
	for lines := json.NewDecoder(bufio.NewReader(body)); ; {
		var line sweepLine
		switch err := lines.Decode(&line); {
		case err != nil:
			return SweepReport{}, fmt.Errorf("the server ended before the sweep did: %w", err)
		case line.Failed != "":
			return SweepReport{}, errors.New(line.Failed)
		case line.Report != nil:
			return *line.Report, nil
		case line.Swept != nil:
			say(*line.Swept)
		}
	}
}
