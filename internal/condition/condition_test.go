package condition

import (
	"crypto/tls"
	"net/http/httptest"
	"testing"
	"time"
)

func TestKeysOfEveryRequest(t *testing.T) {
	http := httptest.NewRequest("POST", "/", nil)
	http.RemoteAddr = "[2001:db8::7]:1234"
	http.Header.Set("User-Agent", "docker/28")
	r := Request{HTTP: http, Time: time.Date(2026, 11, 21, 11, 0, 0, 0, time.FixedZone("", 3600)), Region: "eu-west-1", ResourceAccount: "123456789012"}
	want := map[string]string{
		"aws:sourceip": "2001:db8::7", "aws:useragent": "docker/28", "aws:securetransport": "false",
		"aws:currenttime": "2026-11-21T10:00:00Z", "aws:epochtime": "1795255200",
		"aws:requestedregion": "eu-west-1", "aws:viaawsservice": "false", "aws:resourceaccount": "123456789012",
	}
	for key, value := range want {
		if got, ok := r.Value(key); !ok || got != value {
			t.Errorf("%s is %q, %v, want %q", key, got, ok, value)
		}
	}
	for _, key := range []string{"aws:referer", "aws:SourceIp", "aws:principalarn", ""} {
		if got, ok := r.Value(key); ok {
			t.Errorf("%s is %q, and should not be there", key, got)
		}
	}
	http.TLS = &tls.ConnectionState{}
	http.Header.Set("Referer", "https://example.com/")
	for key, value := range map[string]string{"aws:securetransport": "true", "aws:referer": "https://example.com/"} {
		if got, ok := r.Value(key); !ok || got != value {
			t.Errorf("%s is %q, want %q", key, got, value)
		}
	}
}

func TestSourceAddress(t *testing.T) {
	for remote, want := range map[string]string{"192.0.2.7:80": "192.0.2.7", "@": "@", "": ""} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		if got := SourceAddress(r); got != want {
			t.Errorf("%q is of %q, want %q", remote, got, want)
		}
	}
}

func TestTag(t *testing.T) {
	tags := map[string]string{"Team": "first", "team": "second", "other": ""}
	for range 20 { // maps have no order
		if got, ok := Tag(tags, "team"); !ok || got[0] != "first" {
			t.Fatalf("%v, %v", got, ok)
		}
	}
	if got, ok := Tag(tags, "other"); !ok || got[0] != "" {
		t.Errorf("an empty value: %v, %v", got, ok)
	}
	if _, ok := Tag(tags, "none"); ok {
		t.Error("there is no such tag")
	}
}
