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

// peer is a server that runs as a process of its own, with a folder of its own.
type peer struct {
	name     string
	url      string
	dir      string
	password string // of the user AWS; "" for no login
	client   *http.Client
	cmd      *exec.Cmd
	log      *os.File
}

// build makes the program of this tree.
func build(ctx context.Context, dir string) (program string, err error) {
	program = filepath.Join(dir, "slipway")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", program, "slipway/cmd/slipway") // as "make build" does
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, said)
	}
	return program, nil
}

func startSlipway(ctx context.Context, program, dir string) (*peer, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := start(ctx, "slipway", address, "/readyz", dir, program, "server", "--data", dir, "--listen", address, "--admin", "off", "--throttle", "off", "--log-level", "error")
	if err != nil {
		return nil, err
	}
	if p.password, err = login(ctx, dir); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// Where layers go, and where they are mounted.
const repository, other = "bench/layers", "bench/mounts"

// login makes the repositories and returns the password of docker login.
func login(ctx context.Context, data string) (string, error) {
	c, err := server.ReadCredentials(data)
	if err != nil {
		return "", err
	}
	client := ecr.New(ecr.Options{
		Region: c.Region, BaseEndpoint: &c.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
	})
	for _, name := range []string{repository, other} {
		if _, err := client.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String(name)}); err != nil {
			return "", err
		}
	}
	out, err := client.GetAuthorizationToken(ctx, nil)
	if err != nil {
		return "", err
	}
	plain, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	return strings.TrimPrefix(string(plain), "AWS:"), err
}

func startDockerRegistry(ctx context.Context, dir string) (*peer, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {cache: {blobdescriptor: inmemory}, filesystem: {rootdirectory: %s}}\nhttp: {addr: %s}\n", dir, address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return start(ctx, "docker-registry", address, "/v2/", dir, "docker-registry", "serve", config)
}

// start runs a server and waits until it answers. What it has to say goes into a file beside its folder.
func start(ctx context.Context, name, address, ready, dir, program string, args ...string) (*peer, error) {
	log, err := os.Create(dir + ".log")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	transport := &http.Transport{WriteBufferSize: 256 << 10, ReadBufferSize: 256 << 10, DisableCompression: true, MaxIdleConnsPerHost: 1000}
	p := &peer{name: name, url: "http://" + address, dir: dir, client: &http.Client{Transport: transport}, cmd: cmd, log: log}
	if err := awaitReady(ctx, p.url+ready); err != nil {
		p.stop()
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%s: %w\n%s", program, err, said)
	}
	return p, nil
}

// stop ends the server and takes away what it kept.
func (p *peer) stop() {
	p.client.CloseIdleConnections()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait() // how it ends is of no interest: it was measured
	_ = p.log.Close()
	_ = os.RemoveAll(p.dir)
}

// peak is how much memory the server has had at most, in MB.
func (p *peer) peak() float64 {
	var kilobytes float64
	_, _ = fmt.Sscan(fact(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid), "VmHWM"), &kilobytes) // 0 says that it is not known
	return kilobytes / 1000
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
