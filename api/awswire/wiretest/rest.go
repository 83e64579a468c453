package wiretest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"slipway/api/awswire"
)

// message is a request, unsigned.
type message struct {
	method, path string
	header       http.Header
	body         string
}

// rest puts members where restJson1 has them: in the path, the query, headers and the body.
func rest(t testing.TB, api *awswire.API, operation string, members map[string]any) message {
	t.Helper()
	op, ok := api.Served(operation)
	if !ok {
		t.Fatalf("%s does not serve %s", api.Name, operation)
	}
	path, fixed, _ := strings.Cut(op.URI, "?")
	query, err := url.ParseQuery(fixed)
	if err != nil {
		t.Fatal(err)
	}
	m := message{method: op.Method, path: path, header: http.Header{"Content-Type": {"application/json"}}}
	body := map[string]any{}
	for i := range op.Input.NumField() {
		options := strings.Split(op.Input.Field(i).Tag.Get("aws"), ",")
		if value, has := members[options[0]]; has && !m.place(options, value, query) {
			body[options[0]] = value
		}
	}
	if len(query) > 0 {
		m.path += "?" + query.Encode()
	}
	if len(body) > 0 {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		m.body = string(text)
	}
	return m
}

// place puts a value where its member's tag says, and reports whether that is outside of the body.
func (m *message) place(options []string, value any, query url.Values) bool {
	for _, option := range options[1:] {
		where, key, _ := strings.Cut(option, "=")
		switch where {
		case "uri":
			m.path = strings.NewReplacer("{"+key+"}", url.PathEscape(fmt.Sprint(value)), "{"+key+"+}", fmt.Sprint(value)).Replace(m.path)
		case "querystring":
			query[key] = texts(value)
		case "header":
			m.header.Set(key, strings.Join(texts(value), ","))
		case "payload":
			m.body = payload(value)
		default:
			continue
		}
		return true
	}
	return false
}

func texts(value any) []string {
	list, ok := value.([]any)
	if !ok {
		return []string{fmt.Sprint(value)}
	}
	var all []string
	for _, v := range list {
		all = append(all, fmt.Sprint(v))
	}
	return all
}

// payload is a body that is one member: bytes, which a Sample has in base64, or text.
func payload(value any) string {
	text := fmt.Sprint(value)
	if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
		return string(plain)
	}
	return text
}
