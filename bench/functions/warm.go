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
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"slipway/internal/sigv4"
)

const payload = `{"key":"value"}`

// way is one way to the handler.
type way struct {
	name    string
	request func() (*http.Request, error)
}

// client keeps as many connections as there may be callers.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// call makes a call and reads all of the answer.
func (w *way) call() error {
	r, err := w.request()
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
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
	address, end, err := serveDirectly(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	at, err := s.address(ctx, name)
	if err != nil {
		end()
		return nil, nil, err
	}
	return []*way{
		{"plain HTTP to the handler", func() (*http.Request, error) { return post("http://"+address, "") }},
		{"Invoke, signed", s.signed(name)},
		{"function URL", func() (*http.Request, error) { return post(s.Endpoint, at) }},
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
func serveDirectly(ctx context.Context, s *slipway) (address string, end func(), err error) {
	if address, err = freeAddress(); err != nil {
		return "", nil, err
	}
	cmd := exec.Command(filepath.Join(s.dir, "root", handler), address)
	if err := cmd.Start(); err != nil {
		return "", nil, err
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
	return address, end, err
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
	_, err = s.lambda.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: &name, StatementId: aws.String("all"), Principal: aws.String("*"),
		Action: aws.String("lambda:InvokeFunctionUrl"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone,
	})
	if err != nil {
		return "", err
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

// warm measures calls one after the other, the ways in turns.
func warm(ctx context.Context, out io.Writer, s *slipway, p plan) error {
	all, end, err := ways(ctx, s)
	if err != nil {
		return err
	}
	defer end()
	took := make([]series, len(all))
	for i, w := range all {
		took[i].name = w.name
	}
	for n := -50; n < p.calls && ctx.Err() == nil; n++ { // the first warm all up
		for i, w := range all {
			began := time.Now()
			if err := w.call(); err != nil {
				return err
			}
			if n >= 0 {
				took[i].add(time.Since(began))
			}
		}
	}
	printSeries(out, "Calls one after the other", took, true)
	return ctx.Err()
}

// rates measures how many calls there are in a second.
func rates(ctx context.Context, out io.Writer, s *slipway, p plan) error {
	all, end, err := ways(ctx, s)
	if err != nil {
		return err
	}
	defer end()
	fmt.Fprintf(out, "\n%-42s%12s%12s%12s\n", "Calls a second", "1 client", "16 clients", "64 clients")
	for _, w := range all {
		fmt.Fprintf(out, "%-42s", w.name)
		for _, clients := range []int{1, 16, 64} {
			w.load(clients, time.Second) // sandboxes come as they are needed
			n, err := w.load(clients, p.seconds)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%12.0f", float64(n)/p.seconds.Seconds())
		}
		fmt.Fprintln(out)
	}
	return ctx.Err()
}

// load calls with so many clients at a time and counts the answers.
func (w *way) load(clients int, d time.Duration) (calls int64, err error) {
	var all sync.WaitGroup
	var n atomic.Int64
	var failure atomic.Value
	for end := time.Now().Add(d); clients > 0; clients-- {
		all.Go(func() {
			for time.Now().Before(end) && failure.Load() == nil {
				if err := w.call(); err != nil {
					failure.Store(err.Error())
					return
				}
				n.Add(1)
			}
		})
	}
	all.Wait()
	if said := failure.Load(); said != nil {
		err = errors.New(said.(string))
	}
	return n.Load(), err
}
