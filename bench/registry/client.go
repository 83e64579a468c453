package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// push is what docker does with a layer.
func (p *peer) push(ctx context.Context, l *layer) error {
	location, err := p.upload(ctx, http.MethodPost, p.url+"/v2/"+repository+"/blobs/uploads/", nil, http.StatusAccepted)
	if err == nil {
		location, err = p.upload(ctx, http.MethodPatch, location, l, http.StatusAccepted)
	}
	if err == nil {
		_, err = p.upload(ctx, http.MethodPut, with(location, "digest", l.digest), nil, http.StatusCreated)
	}
	return err
}

// with adds a parameter to a URL.
func with(location, name, value string) string {
	u, err := url.Parse(location)
	if err != nil {
		return location // the request will say what is wrong with it
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// upload makes one request of a push and returns where the next one goes.
func (p *peer) upload(ctx context.Context, method, target string, l *layer, want int) (string, error) {
	var body io.Reader
	var size int64
	if l != nil {
		body, size = l.reader(), l.size
	}
	res, err := p.do(ctx, method, target, "application/octet-stream", body, size, want)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, res.Body)
	next, locationErr := res.Location()
	if err := errors.Join(err, locationErr, res.Body.Close()); err != nil {
		return "", err
	}
	return next.String(), nil
}

var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// pull reads a layer and throws it away.
func (p *peer) pull(ctx context.Context, l *layer) error {
	res, err := p.do(ctx, http.MethodGet, p.url+"/v2/"+repository+"/blobs/"+l.digest, "", nil, 0, http.StatusOK)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	buffer := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buffer)
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, buffer[:])
	if err == nil && n != l.size {
		err = fmt.Errorf("%d bytes came of %d", n, l.size)
	}
	return err
}

// ask makes a request whose answer is of no interest but for its status.
func (p *peer) ask(ctx context.Context, method, path, contentType, body string, want int) error {
	res, err := p.do(ctx, method, p.url+path, contentType, strings.NewReader(body), int64(len(body)), want)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close())
}

func (p *peer) do(ctx context.Context, method, target, contentType string, body io.Reader, size int64, want int) (*http.Response, error) {
	if size == 0 {
		body = http.NoBody
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if strings.Contains(target, "/manifests/") {
		req.Header.Set("Accept", manifestType)
	}
	if p.password != "" {
		req.SetBasicAuth("AWS", p.password)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != want {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		res.Body.Close()
		return nil, fmt.Errorf("%s %s: %s %s", method, target, res.Status, bytes.TrimSpace(text))
	}
	return res, nil
}
