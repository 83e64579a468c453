package awswire

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// acceptsJSON reports whether our reader takes the body for one well-formed value.
func acceptsJSON(body string) bool {
	r, err := readJSON(body)
	if err != nil {
		return false
	}
	return r.skip() == nil && r.end() == nil
}

// FuzzJSONReader: encoding/json is the oracle of what is JSON and of what a string says.
func FuzzJSONReader(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a": [1, -2.5e+3, true, false, null, "x\n\u00e9\ud83d\ude00\ud800"]}`, `[`, `{"a":}`, `{"a":1,}`, `01`, `1.`, `1e`, `-`, `"\x"`,
		`"a` + "\n" + `"`, `"\u12"`, `nul`, `tru`, ` { "a" : 1 } x`, "\"\xff\"", `"\ud800\u0041"`, `""`, `[[[[]]]]`, `.5`, `+1`, `1 2`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if strings.TrimSpace(body) == "" || !utf8.ValidString(body) || strings.Count(body, "[")+strings.Count(body, "{") > maxDepth {
			return // where we mean to differ
		}
		if got, want := acceptsJSON(body), json.Valid([]byte(body)); got != want {
			t.Fatalf("%q: accepted %v, want %v", body, got, want)
		}
		var want string
		if json.Unmarshal([]byte(body), &want) != nil || !strings.HasPrefix(strings.TrimSpace(body), `"`) {
			return
		}
		r, _ := readJSON(body)
		if got, err := r.text(); err != nil || got != want {
			t.Errorf("%q reads %q, %v, want %q", body, got, err, want)
		}
	})
}

// FuzzJSONText: whatever a handler answers arrives.
func FuzzJSONText(f *testing.F) {
	for _, seed := range []string{"", "plain", "a\"b\\c\n\t\x00\x1f", "é😀\u2028", "bad \xff\xc3", "<&>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w := &jsonWriter{}
		w.text(text)
		var got string
		if err := json.Unmarshal(w.out, &got); err != nil {
			t.Fatalf("%q is written as %s, which is not JSON: %v", text, w.out, err)
		}
		if utf8.ValidString(text) && got != text {
			t.Errorf("%q arrives as %q", text, got)
		}
	})
}

func TestDepthIsBounded(t *testing.T) {
	if !acceptsJSON(strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)) {
		t.Errorf("%d levels are refused", maxDepth)
	}
	if acceptsJSON(strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)) {
		t.Errorf("%d levels are accepted", maxDepth+1)
	}
	r := readCBOR(strings.Repeat("\xc1", 1<<20) + "\x00") // a million tags around a zero
	if err := r.skip(); err != nil {
		t.Error(err)
	}
	if err := readCBOR(strings.Repeat("\x81", maxDepth+1) + "\x00").skip(); err == nil {
		t.Errorf("%d arrays in arrays are accepted", maxDepth+1)
	}
}
