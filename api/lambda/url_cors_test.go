package lambda_test

import (
	"testing"

	"slipway/functions"
)

func TestPreflights(t *testing.T) {
	page := []string{"Origin: https://www.example.com", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a,x-b"}
	for _, c := range []struct {
		name string
		cors functions.CORS
		want string // headers; "function": the function is asked
	}{
		{"not said", functions.CORS{}, "function"},
		{"listed", functions.CORS{Origins: []string{"https://other.example", "https://www.example.com"}, Methods: []string{"GET", "PUT"}, Headers: []string{"x-a", "x-b"}, MaxAge: new(60)},
			"Access-Control-Allow-Origin=https://www.example.com Access-Control-Allow-Methods=GET,PUT Access-Control-Allow-Headers=x-a,x-b Access-Control-Max-Age=60 Vary=Origin Access-Control-Allow-Credentials="},
		{"all", functions.CORS{Origins: []string{"*"}, Methods: []string{"*"}, Headers: []string{"*"}},
			"Access-Control-Allow-Origin=* Access-Control-Allow-Methods=* Access-Control-Allow-Headers=* Vary="},
		{"all, with credentials", functions.CORS{Origins: []string{"*"}, Methods: []string{"*"}, Headers: []string{"*"}, Credentials: new(true)},
			"Access-Control-Allow-Origin=https://www.example.com Access-Control-Allow-Methods=PUT Access-Control-Allow-Headers=x-a,x-b Access-Control-Allow-Credentials=true Vary=Origin"},
		{"a part of a host", functions.CORS{Origins: []string{"https://*.example.com"}, Methods: []string{"PUT"}},
			"Access-Control-Allow-Origin=https://www.example.com"},
		{"another origin", functions.CORS{Origins: []string{"https://www.example.com.evil.example"}, Methods: []string{"*"}}, "Access-Control-Allow-Origin= Access-Control-Allow-Methods="},
		{"another method", functions.CORS{Origins: []string{"*"}, Methods: []string{"GET"}}, "Access-Control-Allow-Origin= Access-Control-Allow-Methods="},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, answering(functions.Answer{Payload: []byte(`"function"`)}), functions.URLSettings{Auth: functions.AuthNone, CORS: c.cors})
			res := s.do(t, "OPTIONS", host, "/", "", page...)
			body := read(t, res)
			if asked := len(s.calls) > 0; res.StatusCode != 200 || asked != (c.want == "function") || asked != (body != "") {
				t.Errorf("%d %q, and the function was asked %d times", res.StatusCode, body, len(s.calls))
			}
			if c.want != "function" {
				checkHeaders(t, res, c.want)
			}
		})
	}
}

// What a URL says goes before what its function says; without a page that calls, neither says anything of its own.
func TestAnswersToPages(t *testing.T) {
	answer := functions.Answer{Payload: []byte(`{"statusCode":200,"headers":{"access-control-allow-origin":"https://function.example","vary":"Accept"}}`)}
	cors := functions.CORS{Origins: []string{"https://www.example.com"}, Expose: []string{"x-a", "x-b"}, Credentials: new(true)}
	s := newSite(t, answering(answer), functions.URLSettings{Auth: functions.AuthNone, CORS: cors})
	checkHeaders(t, s.do(t, "GET", host, "/", "", "Origin: https://www.example.com"),
		"Access-Control-Allow-Origin=https://www.example.com Access-Control-Expose-Headers=x-a,x-b Access-Control-Allow-Credentials=true Vary=Accept,Origin")
	checkHeaders(t, s.do(t, "GET", host, "/", "", "Origin: https://evil.example"), "Access-Control-Allow-Origin= Vary=Accept")
	checkHeaders(t, s.do(t, "GET", host, "/", ""), "Access-Control-Allow-Origin=")
	s = newSite(t, answering(answer), functions.URLSettings{Auth: functions.AuthNone})
	checkHeaders(t, s.do(t, "GET", host, "/", "", "Origin: https://www.example.com"), "Access-Control-Allow-Origin=https://function.example")
	s = newSite(t, failing(functions.ErrLost), functions.URLSettings{Auth: functions.AuthNone, CORS: cors})
	checkHeaders(t, s.do(t, "GET", host, "/", "", "Origin: https://www.example.com"), "Access-Control-Allow-Origin=https://www.example.com")
}
