package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// usageSessions asks for the sessions that tell what tasks of a cluster use. No SDK knows the call, for it is
// Slipway's own.
func (c *client) usageSessions(ctx context.Context, cluster string, tasks []string) ([]types.Session, error) {
	var out struct {
		Sessions []struct{ SessionID, StreamURL, TokenValue string }
	}
	in := map[string]any{"cluster": cluster, "tasks": tasks, "period": int(usagePeriod.Seconds())}
	if err := c.call(ctx, "Slipway_20261121.DescribeTaskUsage", in, &out); err != nil {
		return nil, explain(err, c)
	}
	var all []types.Session
	for _, s := range out.Sessions {
		all = append(all, types.Session{SessionId: &s.SessionID, StreamUrl: &s.StreamURL, TokenValue: &s.TokenValue})
	}
	return all, nil
}

// call makes a call of Slipway's own service, signed as the SDKs sign.
func (c *client) call(ctx context.Context, target string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", target)
	credentials, err := c.config.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	if err := v4.NewSigner().SignHTTP(ctx, credentials, req, fmt.Sprintf("%x", sha256.Sum256(body)), "slipway", c.config.Region, time.Now()); err != nil {
		return err
	}
	resp, err := c.config.HTTPClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var answer struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if json.Unmarshal(text, &answer) != nil || answer.Type == "" {
			return fmt.Errorf("Slipway at %s answers %s", c.endpoint, resp.Status)
		}
		return refused(answer.Type, answer.Message)
	}
	return json.Unmarshal(text, out)
}
