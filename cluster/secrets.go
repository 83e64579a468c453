package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/cluster/taskdef"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
)

// Vault reads what task definitions name by reference, as their execution roles may. An error that is
// neither errs.Internal nor errs.Unavailable is final: its text says why, and becomes the task's.
type Vault interface {
	// Value returns what valueFrom stands for: a parameter of the reader's account, or a secret.
	Value(ctx context.Context, as Reader, valueFrom string) (string, error)
	// File returns the object that an ARN names, if it has no more than limit bytes.
	File(ctx context.Context, as Reader, object string, limit int64) ([]byte, error)
	// Files fails where no file can be read for an account, and says why.
	Files(account string) error
}

// Reader is for whom something is read.
type Reader struct {
	Account string
	Role    string // ARN of the execution role
	Task    string // ARN
}

const (
	readLimit     = 20 * time.Second // for all that one task is given
	maxEnvFile    = 256 << 10        // bytes
	maxSecretText = 1 << 20          // bytes that one task is given in all
)

// Secrets reads what the definition of a task on the node whose session asks names by reference. It
// fails with ErrNoCredentials where the task is over or is another node's, with an error worth
// another try when the session is no longer the node's, and with ErrSecrets or ErrEnvFiles.
// Nothing of it is written down.
func (c *Control) Secrets(ctx context.Context, r nodeapi.CredentialsRequest) (nodeapi.Secrets, error) {
	var t Task
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		if err := checkSession(tx, r.Node, r.Session); err != nil {
			return err
		}
		t, err = taskOnNode(tx, r.Node, r.Task)
		if errors.Is(err, ErrNoTask) || err == nil && t.StoppingOrOver() {
			return ErrNoCredentials
		}
		return err
	})
	if err != nil {
		return nodeapi.Secrets{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	reading := reading{vault: c.config.Vault, region: c.config.Region, as: Reader{t.Account, t.roleARN(t.Spec.ExecutionRole), c.taskARN(t)}, known: map[string]string{}}
	return reading.all(ctx, t.Spec)
}

// reading is one reading for one task. Values that are named twice are read once.
type reading struct {
	vault  Vault
	region string
	as     Reader
	known  map[string]string
	size   int
}

func (r *reading) all(ctx context.Context, s taskdef.Spec) (nodeapi.Secrets, error) {
	given := nodeapi.Secrets{Env: map[string][]string{}, Logins: map[string]nodeapi.Login{}}
	for _, container := range s.Containers {
		env, err := r.environment(ctx, container)
		if err != nil {
			return nodeapi.Secrets{}, err
		}
		if len(env) > 0 {
			given.Env[container.Name] = env
		}
		if container.RegistryLogin == "" {
			continue
		}
		if given.Logins[container.Name], err = r.login(ctx, container.RegistryLogin); err != nil {
			return nodeapi.Secrets{}, err
		}
	}
	return given, nil
}

// environment is what a container's environment has beyond what the definition says in the open, which
// goes before it; secrets go before files, and the first of several files wins.
func (r *reading) environment(ctx context.Context, c taskdef.Container) (env []string, err error) {
	have := map[string]bool{}
	for _, v := range c.Env {
		have[v.Name] = true
	}
	add := func(name, value string) {
		if !have[name] {
			have[name] = true
			env = append(env, name+"="+value)
		}
	}
	for _, secret := range c.Secrets {
		value, err := r.value(ctx, secret.From)
		if err != nil {
			return nil, err
		}
		add(secret.Name, value)
	}
	for _, file := range c.EnvFiles {
		variables, err := r.file(ctx, file.ARN)
		if err != nil {
			return nil, err
		}
		for _, v := range variables {
			add(v.Name, v.Value)
		}
	}
	return env, nil
}

func (r *reading) value(ctx context.Context, from string) (string, error) {
	if value, known := r.known[from]; known {
		return value, nil
	}
	if r.vault == nil {
		return "", fmt.Errorf("%w: there is no place for secrets", ErrSecrets)
	}
	value, err := r.vault.Value(ctx, r.as, from)
	if err != nil {
		return "", worded(ErrSecrets, err)
	}
	if strings.Contains(value, "\x00") {
		return "", fmt.Errorf("%w: the value of %s holds a NUL byte", ErrSecrets, from)
	}
	if r.size += len(value); r.size > maxSecretText {
		return "", fmt.Errorf("%w: the values of the task are larger than %d bytes", ErrSecrets, maxSecretText)
	}
	r.known[from] = value
	return value, nil
}

func (r *reading) file(ctx context.Context, object string) ([]taskdef.Variable, error) {
	if r.vault == nil {
		return nil, fmt.Errorf("%w: there is no place for files", ErrEnvFiles)
	}
	text, err := r.vault.File(ctx, r.as, object, maxEnvFile)
	if err != nil {
		return nil, worded(ErrEnvFiles, err)
	}
	if r.size += len(text); r.size > maxSecretText {
		return nil, fmt.Errorf("%w: the values of the task are larger than %d bytes", ErrEnvFiles, maxSecretText)
	}
	variables, err := taskdef.ParseEnvFile(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrEnvFiles, object, err)
	}
	return variables, nil
}

// login reads {"username": ..., "password": ...}. Source: Amazon ECS Developer Guide, "Using non-AWS
// container images in Amazon ECS".
func (r *reading) login(ctx context.Context, secret string) (login nodeapi.Login, err error) {
	text, err := r.value(ctx, taskdef.SecretARN(r.region, r.as.Account, secret))
	if err != nil {
		return login, err
	}
	var pair struct{ Username, Password string }
	if err := json.Unmarshal([]byte(text), &pair); err != nil || pair.Username == "" || pair.Password == "" {
		return login, fmt.Errorf("%w: unable to retrieve registry auth: %s is not a JSON object with username and password", ErrSecrets, secret) // err may repeat the value
	}
	return nodeapi.Login{Username: pair.Username, Password: pair.Password}, nil
}

// worded is an error in ECS's words. One that may pass stays what it is.
func worded(cause, err error) error {
	switch {
	case errs.KindOf(err) == errs.Internal, errs.KindOf(err) == errs.Unavailable:
		return fmt.Errorf("read what a definition names: %w", err)
	case strings.HasPrefix(err.Error(), initialization):
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// checkFiles refuses files of variables where there is nowhere to read them from.
func (c *Control) checkFiles(account string, s taskdef.Spec) error {
	for i, container := range s.Containers {
		if len(container.EnvFiles) == 0 {
			continue
		}
		if c.config.Vault == nil {
			return errs.Say(taskdef.ErrInvalid, "containerDefinitions[%d].environmentFiles is not supported by Slipway.", i)
		}
		if err := c.config.Vault.Files(account); err != nil {
			return errs.Say(taskdef.ErrInvalid, "containerDefinitions[%d].environmentFiles: %s", i, err)
		}
	}
	return nil
}
