package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"slipway/server"
)

// slipway is a "slipway up" that runs.
type slipway struct {
	dir, data string
	admin     string // address of its metrics
	cmd       *exec.Cmd
	log       bytes.Buffer
	ended     chan error
	role      string
	code      []byte // a zip of the handler

	server.Credentials
	lambda *lambda.Client
}

func startSlipway(ctx context.Context, dir string) (*slipway, error) {
	s := &slipway{dir: dir, data: filepath.Join(dir, "data"), ended: make(chan error, 1)}
	var err error
	if s.admin, err = freeAddress(); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(filepath.Join(dir, "slipway"), "up", "--data", s.data, "--listen", "127.0.0.1:0", "--admin", s.admin, "--throttle", "off")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a Ctrl-C is for us
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// prepare waits until it answers, and makes what functions need.
func (s *slipway) prepare(ctx context.Context) error {
	if err := s.poll(ctx, s.isReady); err != nil {
		return err
	}
	keys := credentials.NewStaticCredentialsProvider(s.AccessKeyID, s.SecretAccessKey, "")
	s.lambda = lambda.New(lambda.Options{Region: s.Region, BaseEndpoint: &s.Endpoint, Credentials: keys, Retryer: aws.NopRetryer{}})
	role, err := iam.New(iam.Options{Region: s.Region, BaseEndpoint: &s.Endpoint, Credentials: keys}).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 aws.String("bench"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	if err != nil {
		return err
	}
	s.role = *role.Role.Arn
	s.code, err = zipped(filepath.Join(s.dir, "root", handler))
	return err
}

func zipped(program string) ([]byte, error) {
	text, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	head := &zip.FileHeader{Name: handler, Method: zip.Deflate}
	head.SetMode(0o755)
	w, err := z.CreateHeader(head)
	if err != nil {
		return nil, err
	}
	if _, err = w.Write(text); err == nil {
		err = z.Close()
	}
	return out.Bytes(), err
}

// poll asks again and again until the answer is yes.
func (s *slipway) poll(ctx context.Context, ask func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		select {
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("slipway up has ended: %v", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
		if yes, err := ask(ctx); yes || err != nil {
			return err
		}
	}
}

func (s *slipway) isReady(context.Context) (bool, error) {
	var err error
	if s.Credentials, err = server.ReadCredentials(s.data); err != nil {
		return false, nil // not written yet
	}
	answer, err := http.Get(s.Endpoint + "/readyz")
	if err != nil {
		return false, nil
	}
	return answer.StatusCode == http.StatusOK, answer.Body.Close()
}

func (s *slipway) stop() error {
	err := s.cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	if err = errors.Join(err, <-s.ended); err != nil {
		return fmt.Errorf("%w; slipway up said: %s", err, s.log.String())
	}
	return nil
}

// poolIsFull waits until a sandbox of the warming pool is there for the next function that is called first.
func (s *slipway) poolIsFull(ctx context.Context) error {
	return s.poll(ctx, func(context.Context) (bool, error) {
		answer, err := http.Get("http://" + s.admin + "/metrics")
		if err != nil {
			return false, err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return bytes.Contains(text, []byte("slipway_functions_sandboxes{state=\"warm\"}")), err
	})
}

// create makes a function of the handler and waits until it can be called. An image is of its own; "": none.
func (s *slipway) create(ctx context.Context, name, image string) error {
	in := &lambda.CreateFunctionInput{FunctionName: &name, Role: &s.role, Timeout: aws.Int32(30)}
	if image != "" {
		in.PackageType, in.Code = types.PackageTypeImage, &types.FunctionCode{ImageUri: &image}
	} else {
		in.Runtime, in.Handler, in.Code = types.RuntimeProvidedal2023, aws.String(handler), &types.FunctionCode{ZipFile: s.code}
	}
	if _, err := s.lambda.CreateFunction(ctx, in); err != nil {
		return err
	}
	return lambda.NewFunctionActiveV2Waiter(s.lambda).Wait(ctx, &lambda.GetFunctionInput{FunctionName: &name}, 2*time.Minute)
}

// call makes a call by the SDK, which must succeed.
func (s *slipway) call(ctx context.Context, name string) error {
	out, err := s.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Payload: []byte(payload)})
	if err == nil && out.FunctionError != nil {
		err = fmt.Errorf("%s fails: %s", name, out.Payload)
	}
	return err
}

const repository = "bench-functions"

// push brings the handler into the registry as an image, and names it.
func (s *slipway) push(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.dir, "slipway"), "push", filepath.Join(s.dir, "root"), repository, "--data", s.data)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.data}
	return strings.TrimPrefix(s.Endpoint, "http://") + "/" + repository + ":latest", do(cmd)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
