package schedulers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"slipway/schedulers/wire"
)

// silence is how long nothing may come on a line before it counts as dead: Slipway says something every two seconds.
const silence = 20 * time.Second

// dialer opens lines to one server.
type dialer struct {
	endpoint    string
	region      string
	credentials aws.CredentialsProvider
	cluster     string
	name        string
	log         *slog.Logger
}

func (c Config) dialers(ctx context.Context) (all []*dialer, err error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	if err != nil {
		return nil, err
	}
	endpoints := c.Endpoints
	if len(endpoints) == 0 && cfg.BaseEndpoint != nil {
		endpoints = []string{*cfg.BaseEndpoint}
	}
	if len(endpoints) == 0 {
		return nil, errors.New("no Slipway to be a scheduler of: AWS_ENDPOINT_URL is not set")
	}
	region := cmp.Or(c.Region, cfg.Region)
	if region == "" {
		return nil, errors.New("AWS_REGION is not set")
	}
	for _, endpoint := range endpoints {
		all = append(all, &dialer{endpoint, region, cfg.Credentials, cmp.Or(c.Cluster, "default"), c.Name, cmp.Or(c.Log, slog.Default())})
	}
	return all, nil
}

// RefusedError is what Slipway says to a scheduler that it does not admit, or to an answer.
type RefusedError struct {
	Status int
	Code   string // "SchedulerNotFoundException"; "": it said none
	Text   string
}

func (e *RefusedError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, e.Code)) + ": " + e.Text
}

// isFinal tells whether trying again is no use.
func isFinal(err error) bool {
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok {
		return false
	}
	switch refused.Code {
	case "SchedulerNotFoundException", "ClusterNotFoundException", "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException":
		return true
	}
	return false
}

// admitted is what ConnectScheduler answers.
type admitted struct{ StreamURL, AnswerURL, Token string }

// connect asks to be admitted, signed as the SDKs sign.
func (d *dialer) connect(ctx context.Context) (a admitted, err error) {
	body, err := json.Marshal(map[string]string{"cluster": d.cluster, "name": d.name})
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.endpoint, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "SlipwaySchedulers_20261121.ConnectScheduler")
	credentials, err := d.credentials.Retrieve(ctx)
	if err != nil {
		return a, err
	}
	if err := v4.NewSigner().SignHTTP(ctx, credentials, req, fmt.Sprintf("%x", sha256.Sum256(body)), "slipway", d.region, time.Now()); err != nil {
		return a, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	if err := refused(resp); err != nil {
		return a, err
	}
	return a, json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&a)
}

// refused is why a request was refused; nil: it was not.
func refused(resp *http.Response) error {
	if resp.StatusCode < 300 {
		return nil
	}
	var said struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what cannot be read says nothing
	if json.Unmarshal(text, &said) != nil {
		said.Message = resp.Status
	}
	return &RefusedError{resp.StatusCode, said.Type, said.Message}
}

// line is admitted, opens a line, and answers what is asked on it until it ends.
func (d *dialer) line(ctx context.Context, decide Decide) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dead := time.AfterFunc(silence, cancel)
	defer dead.Stop()
	a, err := d.connect(ctx)
	if err != nil {
		return err
	}
	resp, err := d.do(ctx, http.MethodGet, a.StreamURL, a.Token, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := refused(resp); err != nil {
		return err
	}
	d.log.Info("connected", "endpoint", d.endpoint, "cluster", d.cluster, "scheduler", d.name)
	state := &State{}
	for messages := json.NewDecoder(resp.Body); ; {
		var m wire.Message
		if err := messages.Decode(&m); err != nil {
			return err
		}
		dead.Reset(silence)
		switch m.Type {
		case wire.TypeEnd:
			return fmt.Errorf("Slipway ended it: %s", m.Reason)
		case wire.TypeQuestion:
			d.answer(ctx, a, m.Question.ID, decide(state, *m.Question))
		default:
			if err := state.Apply(m); err != nil {
				return err
			}
		}
	}
}

// answer sends an answer. What is wrong with it, or with the way to Slipway, is worth a word and no more.
func (d *dialer) answer(ctx context.Context, a admitted, question string, answer Answer) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err) // strings always can
	}
	resp, err := d.do(ctx, http.MethodPost, a.AnswerURL+question, a.Token, body)
	if err == nil {
		err = refused(resp)
		resp.Body.Close()
	}
	if err != nil && ctx.Err() == nil {
		d.log.Warn("an answer was not taken", "question", question, "why", err)
	}
}

func (d *dialer) do(ctx context.Context, method, url, token string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return http.DefaultClient.Do(req)
}
