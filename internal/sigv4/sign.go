package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Credentials are what a client signs with.
type Credentials struct {
	AccessKeyID, Secret string
	SessionToken        string // "" for long-lived keys
}

// Sign adds headers to r that sign it and its body for a service in a region.
func Sign(r *http.Request, body []byte, with Credentials, region, service string, now time.Time) {
	now = now.UTC()
	r.Header.Set("X-Amz-Date", now.Format(timeLayout))
	if with.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", with.SessionToken)
	}
	c := &Claim{Time: now, Date: now.Format(dateLayout), Region: region, Service: service, headers: toSign(r)}
	signature := c.sign(r, body, with.Secret)
	r.Header.Set("Authorization", algorithm+" Credential="+with.AccessKeyID+"/"+c.scope()+
		", SignedHeaders="+strings.Join(c.headers, ";")+", Signature="+signature)
}

// Presign adds parameters to r's query that sign it, with its present headers, until now + expires.
func Presign(r *http.Request, body []byte, with Credentials, region, service string, now time.Time, expires time.Duration) {
	now = now.UTC()
	c := &Claim{Time: now, Date: now.Format(dateLayout), Region: region, Service: service, headers: toSign(r)}
	q := r.URL.Query()
	q.Set("X-Amz-Algorithm", algorithm)
	q.Set("X-Amz-Credential", with.AccessKeyID+"/"+c.scope())
	q.Set("X-Amz-Date", now.Format(timeLayout))
	q.Set("X-Amz-Expires", strconv.Itoa(int(expires/time.Second)))
	q.Set("X-Amz-SignedHeaders", strings.Join(c.headers, ";"))
	if with.SessionToken != "" {
		q.Set("X-Amz-Security-Token", with.SessionToken)
	}
	r.URL.RawQuery = q.Encode()
	r.URL.RawQuery += "&X-Amz-Signature=" + c.sign(r, body, with.Secret)
}

func (c *Claim) sign(r *http.Request, body []byte, secret string) string {
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	sum := sha256.Sum256(body)
	bodyHash := r.Header.Get("X-Amz-Content-Sha256")
	if bodyHash == "" {
		bodyHash = hex.EncodeToString(sum[:])
	}
	key := derive(secret, c)
	text := stringToSign(c, appendCanonical(nil, r, paths(r, c.Service)[0], c.headers, bodyHash))
	signature := mac(key[:], text)
	return hex.EncodeToString(signature[:])
}

// toSign names the headers worth signing: those that proxies leave alone.
func toSign(r *http.Request) []string {
	names := []string{"host"}
	for name := range r.Header {
		switch name = strings.ToLower(name); name {
		case "authorization", "user-agent", "expect", "x-amzn-trace-id", "transfer-encoding", "connection":
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
