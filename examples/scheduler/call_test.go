package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"slipway/server"
)

// asSlipway has the test's own program do what "slipway scheduler connect NAME" does, without the rest of slipway.
const asSlipway = "SCHEDULER_TEST_AS_SLIPWAY"

func TestMain(m *testing.M) {
	if os.Getenv(asSlipway) == "" {
		os.Exit(m.Run())
	}
	creds := server.Credentials{
		Endpoint: os.Getenv("AWS_ENDPOINT_URL"), Region: os.Getenv("AWS_REGION"),
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
	}
	line, err := call(context.Background(), creds, "ConnectScheduler", fmt.Sprintf(`{"name": %q}`, os.Args[len(os.Args)-1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(line)
}

// call makes a call of Slipway's own, which no SDK knows.
func call(ctx context.Context, creds server.Credentials, operation, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, creds.Endpoint, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "SlipwaySchedulers_20261121."+operation)
	who := aws.Credentials{AccessKeyID: creds.AccessKeyID, SecretAccessKey: creds.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(ctx, who, req, fmt.Sprintf("%x", sha256.Sum256([]byte(body))), "slipway", creds.Region, time.Now()); err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", operation, resp.Status, text)
	}
	return string(text), err
}

func (c *cloud) call(operation, body string) string {
	c.Helper()
	answer, err := call(c.Context(), c.creds, operation, body)
	if err != nil {
		c.Fatal(err)
	}
	return answer
}
