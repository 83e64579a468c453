package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"slipway/internal/loop"
	"slipway/server"
)

// slipway is a "slipway up" that runs, and how long it took to.
type slipway struct {
	program string
	data    string
	cmd     *exec.Cmd
	agent   *exec.Cmd // nil: the node is in the same process
	log     *bytes.Buffer
	ended   chan error

	ready  time.Duration // until /readyz said so
	joined time.Duration // until its node was connected

	server.Credentials
	ecs  *ecs.Client
	ecr  *ecr.Client
	logs *cloudwatchlogs.Client

	containerd int // pid
	socket     string
}

// startSlipway starts a Slipway of its own address on a data folder.
func startSlipway(ctx context.Context, p programs, data string) (*slipway, error) {
	s, began, err := launch(p, data, "up")
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, began); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// launch starts a control plane. The limits of how often one may call are off: we are all its clients.
func launch(p programs, data string, args ...string) (s *slipway, began time.Time, err error) {
	s = &slipway{program: p.slipway, data: data, log: &bytes.Buffer{}, ended: make(chan error, 1)}
	if err := os.Remove(filepath.Join(data, "credentials.json")); err != nil && !os.IsNotExist(err) {
		return nil, began, err // the new ones tell where it listens
	}
	s.cmd = s.background(append(args, "--data", data, "--listen", "127.0.0.1:0", "--admin", "off", "--throttle", "off")...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	began = time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, began, err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	return s, began, nil
}

// background is a command of slipway that does not end by a Ctrl-C, which is for us: then we stop it.
func (s *slipway) background(args ...string) *exec.Cmd {
	cmd := exec.Command(s.program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func (s *slipway) await(ctx context.Context, began time.Time) error {
	if err := s.poll(ctx, s.isReady); err != nil {
		return err
	}
	s.ready = time.Since(began)
	s.connect()
	return s.awaitNode(ctx, began)
}

// connect makes the clients of its APIs.
func (s *slipway) connect() {
	keys := credentials.NewStaticCredentialsProvider(s.AccessKeyID, s.SecretAccessKey, "")
	s.ecs = ecs.New(ecs.Options{Region: s.Region, BaseEndpoint: &s.Endpoint, Credentials: keys})
	s.ecr = ecr.New(ecr.Options{Region: s.Region, BaseEndpoint: &s.Endpoint, Credentials: keys})
	s.logs = cloudwatchlogs.New(cloudwatchlogs.Options{Region: s.Region, BaseEndpoint: &s.Endpoint, Credentials: keys})
}

func (s *slipway) awaitNode(ctx context.Context, began time.Time) error {
	if err := s.poll(ctx, s.hasNode); err != nil {
		return err
	}
	s.joined = time.Since(began)
	return s.findContainerd()
}

// poll asks again and again until the answer is yes.
func (s *slipway) poll(ctx context.Context, ask func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		select {
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("slipway up has ended: %v", err)
		default:
		}
		if yes, err := ask(ctx); yes || err != nil {
			return err
		}
		if err := loop.Pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

func (s *slipway) isReady(ctx context.Context) (bool, error) {
	var err error
	if s.Credentials, err = server.ReadCredentials(s.data); err != nil {
		return false, nil // not written yet
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/readyz", nil)
	if err != nil {
		return false, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, nil
	}
	return response.StatusCode == http.StatusOK, response.Body.Close()
}

func (s *slipway) hasNode(ctx context.Context) (bool, error) {
	listed, err := s.ecs.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{})
	if err != nil || len(listed.ContainerInstanceArns) == 0 {
		return false, err
	}
	described, err := s.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{ContainerInstances: listed.ContainerInstanceArns})
	if err != nil {
		return false, err
	}
	return described.ContainerInstances[0].AgentConnected, nil
}

// findContainerd finds the process by its command line, and its socket by its configuration.
func (s *slipway) findContainerd() error {
	data, err := filepath.EvalSymlinks(s.data)
	if err != nil {
		return err
	}
	config := filepath.Join(data, "agent", "containerd.toml")
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	address := regexp.MustCompile(`address = "(.*)"`).FindSubmatch(text)
	if address == nil {
		return fmt.Errorf("%s names no address", config)
	}
	s.socket = string(address[1])
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	for _, file := range files {
		line, _ := os.ReadFile(file) // processes come and go
		if strings.Contains(string(line), config) {
			s.containerd, err = strconv.Atoi(filepath.Base(filepath.Dir(file)))
			return err
		}
	}
	return fmt.Errorf("no process runs with %s", config)
}

// stop stops every task and then Slipway, and tells what it said if it did not end well.
func (s *slipway) stop() (err error) {
	if s.joined > 0 {
		err = s.command(context.Background(), "stop", "--all", "--wait")
		err = errors.Join(err, loop.Pause(context.Background(), settle)) // tasks that are over are cleared away yet
	}
	if s.agent != nil {
		err = errors.Join(err, s.agent.Process.Signal(syscall.SIGTERM), s.agent.Wait())
	}
	if signalErr := s.cmd.Process.Signal(syscall.SIGTERM); signalErr != nil && !errors.Is(signalErr, os.ErrProcessDone) {
		err = errors.Join(err, signalErr)
	}
	if err = errors.Join(err, <-s.ended); err != nil {
		return fmt.Errorf("%w; slipway up said: %s", err, s.log)
	}
	return nil
}

// command runs a command of slipway against it.
func (s *slipway) command(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, append(args, "--data", s.data)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.data} // no settings that lead elsewhere
	return do(cmd)
}

// do runs a program that has nothing to tell but why it fails.
func do(cmd *exec.Cmd) error {
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, bytes.TrimSpace(said))
	}
	return nil
}
