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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"slipway/server"
)

// peer is a registry that runs as a process of its own.
type peer struct {
	name     string
	url      string
	password string // of the user AWS; "" for no login
	client   *http.Client
	buffer   []byte // that pulled bytes go through
	stop     func()
}

func newPeer(name, address string, stop func()) *peer {
	transport := &http.Transport{WriteBufferSize: 256 << 10, ReadBufferSize: 256 << 10, DisableCompression: true}
	return &peer{
		name: name, url: "http://" + address,
		client: &http.Client{Transport: transport},
		buffer: make([]byte, 256<<10),
		stop:   stop,
	}
}

// startSlipway builds the control plane of this tree and starts it.
func startSlipway(ctx context.Context, dir string) (*peer, error) {
	program, data := filepath.Join(dir, "slipway"), filepath.Join(dir, "data")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "slipway/cmd/slipway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", build, err, said)
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	stop, err := start(ctx, "http://"+address+"/readyz", data, program, "server", "--data", data, "--listen", address, "--admin", "off", "--log-level", "error")
	if err != nil {
		return nil, err
	}
	p := newPeer("slipway", address, stop)
	if p.password, err = login(ctx, data); err != nil {
		stop()
		return nil, err
	}
	return p, nil
}

// login makes the repository and returns the password of docker login.
func login(ctx context.Context, data string) (string, error) {
	c, err := server.ReadCredentials(data)
	if err != nil {
		return "", err
	}
	client := ecr.New(ecr.Options{
		Region: c.Region, BaseEndpoint: &c.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
	})
	if _, err := client.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("bench/layers")}); err != nil {
		return "", err
	}
	out, err := client.GetAuthorizationToken(ctx, nil)
	if err != nil {
		return "", err
	}
	plain, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	return strings.TrimPrefix(string(plain), "AWS:"), err
}

func startDockerRegistry(ctx context.Context, data string) (*peer, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	config := filepath.Join(data, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {cache: {blobdescriptor: inmemory}, filesystem: {rootdirectory: %s}}\nhttp: {addr: %s}\n", data, address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	stop, err := start(ctx, "http://"+address+"/v2/", data, "docker-registry", "serve", config)
	if err != nil {
		return nil, err
	}
	return newPeer("docker-registry", address, stop), nil
}

// start runs a server and waits until it answers. What it has to say goes into a file in its folder.
func start(ctx context.Context, ready, data, program string, args ...string) (stop func(), err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	log, err := os.Create(data + ".log")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // how it ends is of no interest: it was measured
		_ = log.Close()
	}
	if err := awaitReady(ctx, ready); err != nil {
		stop()
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%s: %w\n%s", program, err, said)
	}
	return stop, nil
}

// awaitReady waits until the server answers with success.
func awaitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(res.Status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready after a minute: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
