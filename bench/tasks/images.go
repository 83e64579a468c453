package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway/internal/loop"
)

// host is where the registry is, as references to images name it.
func (s *slipway) host() string { return strings.TrimPrefix(s.Endpoint, "http://") }

// password is that of the user AWS of the registry.
func (s *slipway) password(ctx context.Context) (string, error) {
	out, err := s.ecr.GetAuthorizationToken(ctx, nil)
	if err != nil {
		return "", err
	}
	plain, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	return strings.TrimPrefix(string(plain), "AWS:"), err
}

// copyImage brings an image of Slipway's registry into another one, as it is.
func (s *slipway) copyImage(ctx context.Context, repository, host string) error {
	password, err := s.password(ctx)
	if err != nil {
		return err
	}
	from, err := name.ParseReference(s.host() + "/" + repository)
	if err != nil {
		return err
	}
	to, err := name.ParseReference(host + "/" + repository)
	if err != nil {
		return err
	}
	login := remote.WithAuth(&authn.Basic{Username: "AWS", Password: password})
	image, err := remote.Image(from, login, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	return remote.Write(to, image, remote.WithContext(ctx))
}

// dockerRegistry is Debian's docker-registry, which keeps what it has on the same disk.
type dockerRegistry struct {
	host string
	cmd  *exec.Cmd
}

func startDockerRegistry(ctx context.Context, dir string) (*dockerRegistry, error) {
	if _, err := exec.LookPath("docker-registry"); err != nil {
		return nil, err
	}
	host, err := freeAddress()
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"+
		"storage: {cache: {blobdescriptor: inmemory}, filesystem: {rootdirectory: %s}}\nhttp: {addr: %s}\n", dir, host)
	config := filepath.Join(dir, "config.yml")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(config, []byte(text), 0o600)); err != nil {
		return nil, err
	}
	r := &dockerRegistry{host: host, cmd: exec.Command("docker-registry", "serve", config)}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	if err := r.await(ctx); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

func (r *dockerRegistry) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if answer, err := http.Get("http://" + r.host + "/v2/"); err == nil {
			return answer.Body.Close()
		}
		if err := loop.Pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("docker-registry does not answer: %w", err)
		}
	}
}

func (r *dockerRegistry) stop() error {
	err := r.cmd.Process.Signal(syscall.SIGTERM)
	_ = r.cmd.Wait() // how it ends is of no interest
	return err
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
