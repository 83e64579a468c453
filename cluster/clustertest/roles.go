package clustertest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"slipway/nodeapi"
)

// Roles issues credentials that are good for an hour, and keeps them until they are revoked.
type Roles struct {
	// Issuing, where it is set, is called before credentials of a task are made; its error is Issue's.
	Issuing func(role, task string) error
	// Revoking, where it is set, is called before those of a task are ended; its error is Revoke's.
	Revoking func(task string) error

	Vault *Vault // opened by execution roles

	mu     sync.Mutex
	issued int
	live   map[string]int // by task
}

// NewRoles returns Roles that have issued nothing.
func NewRoles() *Roles { return &Roles{Vault: &Vault{}, live: map[string]int{}} }

// Issue implements cluster.Roles.
func (r *Roles) Issue(_ context.Context, _, role, task string) (nodeapi.Credentials, error) {
	if r.Issuing != nil {
		if err := r.Issuing(role, task); err != nil {
			return nodeapi.Credentials{}, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.issued++
	r.live[task]++
	return nodeapi.Credentials{
		Role: role, AccessKeyID: fmt.Sprintf("ASIA%016d", r.issued), SecretAccessKey: fmt.Sprint("secret ", r.issued),
		SessionToken: fmt.Sprint("token ", r.issued), Expires: time.Now().Add(time.Hour),
	}, nil
}

// Revoke implements cluster.Roles.
func (r *Roles) Revoke(_ context.Context, task string) error {
	if r.Revoking != nil {
		if err := r.Revoking(task); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, task)
	return nil
}

// Live counts the credentials of a task that were not revoked.
func (r *Roles) Live(task string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[task]
}
