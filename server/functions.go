package server

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"slipway/accounts"
	"slipway/events"
	"slipway/functions"
	"slipway/functions/fleet"
	"slipway/nodeapi"
	"slipway/store"
)

// functionsService is whom a role has to trust, for a function to act in it. Source: Lambda Developer Guide,
// "Defining Lambda function permissions with an execution role".
const functionsService = "lambda.amazonaws.com"

// DefaultFunctionConcurrency is how many calls at a time the functions of an account may be in where nothing else is said.
const DefaultFunctionConcurrency = functions.DefaultConcurrency

// openFunctions opens the room of functions and the fleet that runs them.
func (s *Server) openFunctions(ctx context.Context) error {
	code, err := s.openBeside(ctx, "code")
	if err != nil {
		return err
	}
	s.fleet = fleet.New(fleet.Config{
		Room:    functionRoom{s.cluster},
		Records: func(r []fleet.Record) { s.functions.Record(r) },
		Tell:    s.tellFleet,
		HardCPU: s.config.FunctionCPULimit,
	})
	s.meters.registry.MustRegister(newFleetMeter(s.fleet))
	if err := s.openPeers(ctx); err != nil {
		return err
	}
	s.functions, err = functions.New(ctx, s.db, s.keys, code, functions.Config{
		Region:      s.config.Region,
		Images:      functionImages{s.clusterImages(), s.root.Owner.Account},
		Roles:       functionRoles{s.accounts, s.config.Region},
		Fleet:       s.fleet,
		Objects:     functionObjects{s.objects},
		Homes:       s.homes,
		Peers:       s.peers,
		CheckPolicy: readsPolicies,
		Advertise:   s.config.Advertise,
		Domain:      s.config.FunctionDomain,
		Concurrency: s.config.FunctionConcurrency,
	})
	return err
}

// tellFleet writes down what happens in the fleet.
func (s *Server) tellFleet(h fleet.Happening) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	subject := h.Function
	if subject == "" {
		subject = h.Node
	}
	err := s.db.UpdateSoon(ctx, func(tx *store.Tx) error {
		return events.Append(tx, h.Account, "function."+h.Kind, subject, happeningFact(h))
	})
	if err != nil {
		slog.Warn("what happened to functions is not in the events", "kind", h.Kind, "function", h.Function, "error", err)
	}
}

func happeningFact(h fleet.Happening) map[string]string {
	fact := map[string]string{}
	for key, value := range map[string]string{"version": h.Version, "release": h.Release, "line": h.Line, "sandbox": h.Sandbox, "machine": h.Node, "reason": h.Reason} {
		if value != "" {
			fact[key] = value
		}
	}
	return fact
}

// functionRoles lets functions act in the roles of their accounts.
type functionRoles struct {
	accounts *accounts.Control
	region   string
}

// Check satisfies functions.Roles.
func (r functionRoles) Check(ctx context.Context, account, role string) error {
	_, err := r.accounts.ActingFor(ctx, account, role, r.arn(account, "*"), "check", functionsService)
	return roleError(err)
}

// Issue satisfies functions.Roles. As on AWS the session has the function's name, which the given name of the session
// begins with. What accounts issue to services lasts longer than a sandbox does.
func (r functionRoles) Issue(ctx context.Context, account, role, session string, _ time.Duration) (nodeapi.Credentials, error) {
	name := session
	if i := strings.LastIndexByte(session, '-'); i > 0 {
		name = session[:i]
	}
	given, err := r.accounts.IssueFor(ctx, account, role, r.arn(account, name), name, functionsService)
	if err != nil {
		return nodeapi.Credentials{}, roleError(err)
	}
	return nodeapi.Credentials{
		Role: role, AccessKeyID: given.AccessKeyID, SecretAccessKey: given.Secret, SessionToken: given.Token, Expires: given.Expires,
	}, nil
}

func (r functionRoles) arn(account, name string) string {
	return "arn:aws:lambda:" + r.region + ":" + account + ":function:" + name
}

// calling says that calls of functions are under way.
func (s *Server) calling() bool { return s.fleet.Stats().Running > 0 }

// runFunctions makes calls until ctx ends and all that are under way have ended, ends the sandboxes then, and leaves the
// fleets to other servers.
func (s *Server) runFunctions(ctx context.Context) {
	sandboxes, end := context.WithCancel(context.WithoutCancel(ctx))
	homes, leave := context.WithCancel(context.WithoutCancel(ctx))
	var running, keeping sync.WaitGroup
	keeping.Go(func() { s.homes.Run(homes) })
	running.Go(func() { s.fleet.Run(sandboxes) })
	s.functions.Run(ctx)
	s.homes.Closing()
	end()
	running.Wait()
	leave()
	keeping.Wait()
	giving, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := s.homes.Leave(giving); err != nil {
		slog.Warn("functions are called by other servers somewhat later", "error", err)
	}
}
