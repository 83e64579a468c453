package hooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"

	"slipway/store"
)

// Headers of a letter.
const (
	// HeaderSignature is "t=SECONDS,v1=HEX": HMAC-SHA256, under the hook's secret, of "SECONDS.BODY".
	HeaderSignature = "X-Slipway-Signature"
	HeaderEvent     = "X-Slipway-Event" // kind of the event
	HeaderID        = "X-Slipway-Id"    // number of the event
)

// sendTimeout is how long a try may take.
const sendTimeout = 10 * time.Second

// deliver has the letters of each hook that are due go out, each hook's on its own: one that does not
// answer holds up no other. It does not wait for them; running does.
func (c *Control) deliver(ctx context.Context, running *sync.WaitGroup) error {
	var due []string
	err := c.db.View(ctx, func(tx *store.Tx) error {
		due = nil
		return tx.Each(`select distinct hook from hooks_letters where dead = 0 and due <= $1`, []any{store.Micros(tx.Now)}, func(rows *sql.Rows) error {
			var hook string
			err := rows.Scan(&hook)
			due = append(due, hook)
			return err
		})
	})
	for _, hook := range due {
		if c.occupy(hook) {
			running.Go(func() {
				defer c.release(hook)
				if err := c.deliverAll(ctx, hook); err != nil && ctx.Err() == nil {
					slog.Warn("letters of a hook wait", "hook", hook, "error", err)
				}
			})
		}
	}
	return err
}

func (c *Control) occupy(hook string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[hook] {
		return false
	}
	c.busy[hook] = true
	return true
}

func (c *Control) release(hook string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, hook)
}

// deliverAll tries the letters of a hook that are due. A try that the end of ctx cut off is made again.
func (c *Control) deliverAll(ctx context.Context, hook string) error {
	for {
		l, err := c.next(ctx, hook)
		if err != nil || l == nil {
			return err
		}
		failure := c.send(ctx, l)
		if failure != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.done(context.WithoutCancel(ctx), l, failure); err != nil {
			return err
		}
	}
}

// send posts a letter. Any answer but a 2xx is a failure.
func (c *Control) send(ctx context.Context, l *sending) error {
	secret, err := c.secrets.Open(ctx, l.sealed, l.hook)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, bytes.NewReader([]byte(l.body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "slipway")
	req.Header.Set(HeaderEvent, l.kind)
	req.Header.Set(HeaderID, strconv.FormatInt(l.seq, 10))
	req.Header.Set(HeaderSignature, Sign(string(secret), time.Now(), []byte(l.body)))
	client := c.far
	if l.local {
		client = c.local
	}
	res, err := client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4<<10)) // what it says beyond its status is its own affair
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("it answered %s", res.Status)
	}
	return nil
}

// withoutURL is why a request failed: the URL may hold a token.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// Sign is the signature of a letter that is sent at a time.
func Sign(secret string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// newClient follows no redirects and asks no proxy: it calls the address that was checked, or nobody.
func newClient(check func(network, address string, _ syscall.RawConn) error) *http.Client {
	dialer := &net.Dialer{Timeout: sendTimeout, Control: check}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: sendTimeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// checkFar refuses to connect to addresses of this machine, whatever name led there.
func checkFar(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if isLocal(to.Addr()) {
		return fmt.Errorf("%w: %s", ErrAddress, to.Addr())
	}
	return nil
}

// isLocal reports whether an address is this machine's own or its link's, where clouds answer with
// credentials. Those of private networks are what a registry of one's own is there for.
func isLocal(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast()
}
