// Package archive reads files from URLs that strangers name: whoever writes a task definition. So it
// goes to no address by which this machine alone is reached, unless it was told that it may, and its
// files are bound in bytes and in time.
//
// It knows nothing of what is in them.
package archive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"slipway/internal/errs"
)

// Why a file is not read.
var (
	ErrAddress = errs.New(errs.Denied, "the address is this machine's own, or its link's, and the node was not told that files may come from there (--archive-from)")
	ErrAnswer  = errs.New(errs.Invalid, "the server does not give it")
	ErrSize    = errs.New(errs.Invalid, "it is too large")
	ErrBroken  = errs.New(errs.Invalid, "it did not come to its end")
	ErrLost    = errs.New(errs.Invalid, "the server cannot be reached")
)

// The bounds of one file.
const (
	maxBytes     = 32 << 30
	maxTime      = 2 * time.Hour
	maxSilence   = time.Minute // between one piece and the next
	maxRedirects = 5
	dialTime     = 10 * time.Second
)

// Source reads files. Its methods may be called at the same time.
type Source struct {
	client  *http.Client
	near    []netip.Prefix
	known   known
	bytes   int64
	silence time.Duration
}

// Login opens a server that asks for a name and a password. It is told to the host of the URL alone.
type Login struct{ Username, Password string }

// New makes a source. What is in near may be called although it is this machine's own.
func New(near []netip.Prefix) *Source {
	s := &Source{near: near, bytes: maxBytes, silence: maxSilence}
	dialer := &net.Dialer{Timeout: dialTime, Control: s.check}
	s.client = &http.Client{
		// No proxy: it would be asked for addresses that nobody has checked.
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: maxSilence,
			MaxResponseHeaderBytes: 64 << 10, DisableCompression: true, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 1,
		},
		CheckRedirect: redirect,
	}
	return s
}

// Open begins to read a file. It returns ErrAddress, ErrAnswer, ErrSize or ErrLost; Read of what it gives
// ErrSize or ErrBroken. What follows the path of a URL is told in no error.
func (s *Source) Open(ctx context.Context, location string, login Login) (*File, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	f, err := s.open(ctx, location, login)
	if err != nil {
		cancel()
		return nil, err
	}
	f.end = cancel
	f.alarm = time.AfterFunc(s.silence, cancel)
	f.alarm.Stop()
	return f, nil
}

func (s *Source) open(ctx context.Context, location string, login Login) (*File, error) {
	resp, err := s.ask(ctx, location, login, "")
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode != http.StatusOK:
		err = fmt.Errorf("%w: %s", ErrAnswer, answer(resp.StatusCode))
	case resp.ContentLength > s.bytes:
		err = fmt.Errorf("%w: it has %d bytes, %d are allowed", ErrSize, resp.ContentLength, s.bytes)
	}
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	return &File{body: resp.Body, tag: tagOf(resp), left: s.bytes, bytes: s.bytes, silence: s.silence}, nil
}

// ask begins a request: for the file if it is not the one with the tag.
func (s *Source) ask(ctx context.Context, location string, login Login, tag string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	req.Header.Set("User-Agent", "slipway")
	if tag != "" {
		req.Header.Set("If-None-Match", tag)
	}
	if login.Username != "" {
		req.SetBasicAuth(login.Username, login.Password)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, explain(err)
	}
	return resp, nil
}

// answer is a status in the words of the standard, for those of the server may be anything.
func answer(status int) string {
	text := fmt.Sprintf("it answered %d %s", status, http.StatusText(status))
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		text = "access denied: " + text
	}
	return text
}

// explain is why a request failed, without the URL.
func explain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if errors.Is(err, ErrAddress) || errors.Is(err, ErrAnswer) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// redirect follows few steps, and none from https to http. What was said to one server is not told to the next.
func redirect(req *http.Request, via []*http.Request) error {
	first, last := via[0].URL, via[len(via)-1].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("%w: it leads elsewhere more than %d times", ErrAnswer, maxRedirects)
	case req.URL.Scheme != "https" && (req.URL.Scheme != "http" || last.Scheme == "https"):
		return fmt.Errorf("%w: it leads from %s to %s, at %s", ErrAnswer, last.Scheme, req.URL.Scheme, req.URL.Host)
	}
	req.Header.Del("Referer")
	if req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		req.Header.Del("Authorization")
	}
	return nil
}

// check refuses to connect to addresses of this machine, whatever name or redirect led there.
func (s *Source) check(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := to.Addr().Unmap().WithZone("")
	for _, p := range s.near {
		if p.Contains(ip) {
			return nil
		}
	}
	own, err := isOwn(ip)
	if err == nil && (own || isNear(ip)) {
		err = fmt.Errorf("%w: %s", ErrAddress, ip)
	}
	return err
}

// metadata is where clouds answer their machines, with credentials among other things, beside the link's addresses.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("192.0.0.0/24"),       // IETF, and Oracle's
	netip.MustParsePrefix("0.0.0.0/8"),          // this machine
	netip.MustParsePrefix("64:ff9b::/96"),       // IPv4 by another name
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("::/96"),
}

// isNear reports whether an address is loopback, the link's, or a cloud's for its machines. Those of private
// networks are not: a store of one's own has one.
func isNear(ip netip.Addr) bool {
	if ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return true
	}
	for _, p := range metadata {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// isOwn reports whether an interface of this machine has the address.
func isOwn(ip netip.Addr) (bool, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false, err
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == ip {
			return true, nil
		}
	}
	return false, nil
}
