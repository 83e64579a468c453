package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// call makes a call of Slipway's own, which no SDK knows.
func (c *cloud) call(operation, body string) string {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), http.MethodPost, c.creds.Endpoint, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "SlipwaySchedulers_20261121."+operation)
	who := aws.Credentials{AccessKeyID: c.creds.AccessKeyID, SecretAccessKey: c.creds.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(c.Context(), who, req, fmt.Sprintf("%x", sha256.Sum256([]byte(body))), "slipway", c.creds.Region, time.Now()); err != nil {
		c.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.Fatalf("%s: %s %s, error %v", operation, resp.Status, text, err)
	}
	return string(text)
}
