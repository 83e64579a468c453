package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"slipway/internal/sigv4"
)

const payload = `{"key":"value"}`

// way is one way to the handler.
type way struct {
	name     string
	pid      int                           // of who answers, but for the function itself
	function func() (time.Duration, error) // of processors, that functions have used so far; nil: who answers is the function
	request  func() (*http.Request, error)
}

// call makes a call and reads all of the answer.
func (w *way) call() error {
	r, err := w.request()
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || answer.Header.Get("X-Amz-Function-Error") != "") {
		err = fmt.Errorf("%s answers %s: %s", w.name, answer.Status, text)
	}
	return err
}

// ways are all of them: the floor first. end takes away what they need.
func ways(ctx context.Context, s *slipway) (all []*way, end func(), err error) {
	name := "warm"
	if _, err := s.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name}); err != nil {
		if err := s.create(ctx, name, ""); err != nil {
			return nil, nil, err
		}
	}
	address, pid, end, err := serveDirectly(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	at, err := s.address(ctx, name)
	if err != nil {
		end()
		return nil, nil, err
	}
	return []*way{
		{"plain HTTP to the handler", pid, nil, func() (*http.Request, error) { return post("http://"+address, "") }},
		{"Invoke, signed", s.cmd.Process.Pid, s.sandboxes, s.signed(name)},
		{"function URL", s.cmd.Process.Pid, s.sandboxes, func() (*http.Request, error) { return post(s.Endpoint, at) }},
	}, end, nil
}

func post(to, host string) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodPost, to, bytes.NewReader([]byte(payload)))
	if err == nil && host != "" {
		r.Host = host
	}
	return r, err
}

// signed asks for calls as the SDK does, without its weight.
func (s *slipway) signed(name string) func() (*http.Request, error) {
	keys := sigv4.Credentials{AccessKeyID: s.AccessKeyID, Secret: s.SecretAccessKey}
	return func() (*http.Request, error) {
		r, err := post(s.Endpoint+"/2015-03-31/functions/"+name+"/invocations", "")
		if err == nil {
			sigv4.Sign(r, []byte(payload), keys, s.Region, "lambda", time.Now())
		}
		return r, err
	}
}

// serveDirectly runs the handler as a plain HTTP server, on the machine itself.
func serveDirectly(ctx context.Context, s *slipway) (address string, pid int, end func(), err error) {
	if address, err = freeAddress(); err != nil {
		return "", 0, nil, err
	}
	cmd := exec.Command(filepath.Join(s.dir, "root", handler), address)
	if err := cmd.Start(); err != nil {
		return "", 0, nil, err
	}
	end = func() { cmd.Process.Kill(); cmd.Wait() }
	err = s.poll(ctx, func(context.Context) (bool, error) {
		answer, err := http.Get("http://" + address)
		if err != nil {
			return false, nil
		}
		return true, answer.Body.Close()
	})
	if err != nil {
		end()
	}
	return address, cmd.Process.Pid, end, err
}

// address is the host of the function's URL, which everybody may call.
func (s *slipway) address(ctx context.Context, name string) (string, error) {
	known, err := s.lambda.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: &name})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return s.newAddress(ctx, name)
	}
	if err != nil {
		return "", err
	}
	return hostOf(*known.FunctionUrl)
}

func (s *slipway) newAddress(ctx context.Context, name string) (string, error) {
	made, err := s.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{FunctionName: &name, AuthType: types.FunctionUrlAuthTypeNone})
	if err != nil {
		return "", err
	}
	for _, in := range []lambda.AddPermissionInput{
		{StatementId: aws.String("all"), Action: aws.String("lambda:InvokeFunctionUrl"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone},
		{StatementId: aws.String("invoke"), Action: aws.String("lambda:InvokeFunction"), InvokedViaFunctionUrl: aws.Bool(true)},
	} {
		in.FunctionName, in.Principal = &name, aws.String("*")
		if _, err := s.lambda.AddPermission(ctx, &in); err != nil {
			return "", err
		}
	}
	return hostOf(*made.FunctionUrl)
}

func hostOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	return u.Host, nil
}

// warm measures the ways with so many clients as the plan says. A request is signed once for a measurement and
// sent again and again, for wrk cannot sign: Slipway takes it for five minutes, and verifies each as if it were new.
func warm(ctx context.Context, out io.Writer, s *slipway, p plan) error {
	all, end, err := ways(ctx, s)
	if err != nil {
		return err
	}
	defer end()
	for i, text := range strings.Split(p.clients, ",") {
		clients, err := strconv.Atoi(text)
		if err != nil || clients < 1 {
			return fmt.Errorf("%q is no number of clients", text)
		}
		if i == 0 { // sandboxes come as they are needed
			for _, w := range all {
				_, _ = w.load(ctx, s.dir, clients, p.seconds)
			}
		}
		if err := compare(ctx, out, s, all, clients, p); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// compare measures all ways in turns, so that what else the machine does meets all alike.
func compare(ctx context.Context, out io.Writer, s *slipway, all []*way, clients int, p plan) error {
	results := make([][]result, len(all))
	for range p.rounds {
		for i, w := range all {
			if err := w.call(); err != nil {
				return err
			}
			r, err := w.load(ctx, s.dir, clients, p.seconds)
			if err != nil {
				return err
			}
			results[i] = append(results[i], r)
		}
	}
	printWays(out, clients, all, results)
	return nil
}

// printWays prints medians, and how far each way is from the first. Microseconds of processors are those for a call: of
// who answers it (Slipway with its node, or the handler itself), of the function's sandboxes, of wrk, and of all three.
func printWays(out io.Writer, clients int, all []*way, results [][]result) {
	const name = "%-30s"
	fmt.Fprintf(out, "\n"+name+"%10s%10s%10s%10s%10s%10s%10s%10s%10s%10s\n", fmt.Sprintf("Warm calls, clients: %d", clients), "calls/s", "p50 ms", "p99", "p99.9", "+p50 ms", "x p50", "CPU us", "function", "client", "all")
	floor := medians(results[0])
	for i, w := range all {
		r := medians(results[i])
		fmt.Fprintf(out, name+"%10.0f%10.2f%10.2f%10.2f%10.2f%10.1f%10.0f%10.0f%10.0f%10.0f\n", w.name, r.rate, r.p50, r.p99, r.p999, r.p50-floor.p50, r.p50/floor.p50, r.cpu, r.function, r.client, r.cpu+r.function+r.client)
	}
}
