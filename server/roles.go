package server

import (
	"context"
	"net"
	"net/url"
	"path"

	"slipway/accounts"
	"slipway/nodeapi"
)

// tasksService is whom a role has to trust, for a task to act in it. Source: Amazon ECS Developer
// Guide, "Task IAM role".
const tasksService = "ecs-tasks.amazonaws.com"

// roles lets the cluster's tasks act in the roles of their accounts.
type roles struct{ accounts *accounts.Control }

// Issue satisfies cluster.Roles. As in ECS, the session has the task's id for its name.
func (r roles) Issue(ctx context.Context, account, role, task string) (nodeapi.Credentials, error) {
	given, err := r.accounts.IssueFor(ctx, account, role, task, path.Base(task), tasksService)
	if err != nil {
		return nodeapi.Credentials{}, err
	}
	return nodeapi.Credentials{
		Role: role, AccessKeyID: given.AccessKeyID, SecretAccessKey: given.Secret, SessionToken: given.Token, Expires: given.Expires,
	}, nil
}

// Revoke satisfies cluster.Roles.
func (r roles) Revoke(ctx context.Context, task string) error {
	return r.accounts.Revoke(ctx, task)
}

// API is where the node in the same process leads its containers to.
func (s *Server) API() *url.URL {
	return &url.URL{Scheme: "http", Host: reachable(s.api.Addr().(*net.TCPAddr))}
}
