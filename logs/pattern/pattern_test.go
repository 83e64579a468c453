package pattern

import (
	"errors"
	"strings"
	"testing"
)

// The examples of the CloudWatch Logs User Guide, and what is beside them.
func TestPatterns(t *testing.T) {
	const (
		access = `127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`
		event  = `{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
			"objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null, "cluster.name": "c", "user": {"name": "John", "ok": true}, "n": -1.5e3, "port": "80"}`
	)
	for _, c := range []struct {
		pattern string
		message string
		fits    bool
	}{
		{"", "anything", true},
		{"ERROR", "[ERROR 400] BAD REQUEST", true}, {"ERROR", "error", false},
		{"ERROR ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST", false}, {"ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true},
		{`"INTERNAL SERVER ERROR"`, "[ERROR 500] INTERNAL SERVER ERROR", true},
		{"?ERROR ?ARGUMENTS", "[ERROR 400] BAD", true}, {"?ERROR ?ARGUMENTS", "fine", false},
		{"ERROR -ARGUMENTS", "[ERROR 400]", true}, {"ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", false},
		{`"400] BAD"`, "[ERROR 400] BAD REQUEST", true}, {`?"ERROR 400" ?INFO`, "[ERROR 400]", true}, {`-"ERROR 400"`, "[ERROR 400]", false}, {"  a \t b  ", "b a", true}, {"ERROR ?WARN -400", "ERROR WARN 500", true},
		{`"say \"hi\" \\ \n"`, `say "hi" \ \n`, true}, {`"say \"hi\""`, `they say "hi" there`, true}, {`"a\\b"`, `a\b`, true},
		{"%ERROR [45]0[0-9]%", "x ERROR 404 y", true}, {"%ERROR [45]0[0-9]%", "x ERROR 604 y", false}, {"-%^a%", "ba", true}, {"-%^a%", "ab", false},

		{"[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", access, true},
		{"[ip, user, username, timestamp, request, status_code = 5*, bytes]", access, false},
		{"[ip, user, username, timestamp, request, status_code, bytes > 1000]", access, true},
		{"[ip, user, username, timestamp, request, status_code, bytes > 2000]", access, false},
		{"[..., status_code = 404, bytes]", access, true}, {"[ip, ..., bytes = 1534]", access, true}, {"[..., x=404]", access, false},
		{"[ip, user]", access, false}, {"[ip, user, ...]", access, true},
		{"[..., status_code = 404 || status_code = 410, bytes]", access, true}, {"[ip != 127.*, ...]", access, false},
		{"[ip = %127\\.0\\.0\\.[0-9]{1,3}%, ...]", access, true}, {`[ip, u = "Prod", ...]`, access, true},
		{"[w1 = ERROR && w1 != WARN, w2]", "ERROR now", true}, {"[w1=ERROR, w2]", "ERROR right now", false}, {"[w=x]", "", false},
		{"[(w1 = a || w1 = b) && w1 != b, w2]", "b now", false}, {"[w1 = ?]", "x", false}, {"[a >= 2]", "two", false}, {"[a != 2]", "two", true},

		{`{ $.eventType = "UpdateTrail" }`, event, true}, {`{ $.eventType = UpdateTrail }`, event, true}, {`{ $.eventType = "Update*" }`, event, true}, {`{$.eventType="x"}`, event, false},
		{`{ $.sourceIPAddress != 123.123.* }`, event, true}, {`{ $.sourceIPAddress != 111.111.* }`, event, false},
		{`{ $.arrayKey[0] = "value" }`, event, true}, {`{ $.arrayKey[1] = "value" }`, event, false}, {`{ $.arrayKey[*] = "another*" }`, event, true}, {`{ $.arrayKey[7] = "x" }`, event, false},
		{`{ $.objectList[1].id = 2 }`, event, true}, {`{ $.objectList[*].id > 2 }`, event, false}, {`{ $.user.* = "John" }`, event, true}, {`{ $["cluster.name"] = c }`, event, true},
		{`{ $.SomeObject IS NULL }`, event, true}, {`{ $.Other IS NULL }`, event, false}, {`{ $.SomeOtherObject NOT EXISTS }`, event, true}, {`{ $.user NOT EXISTS }`, event, false}, {`{ $.user EXISTS }`, event, true},
		{`{ $.user.ok IS TRUE }`, event, true}, {`{ $.user.ok IS FALSE }`, event, false}, {`{ $.user.name is true }`, event, false},
		{`{ $.n < -1000 }`, event, true}, {`{ $.n >= -1500 && $.n <= -1500 }`, event, true}, {`{ $.n = -1500 }`, event, true}, {`{ $.n > 0 }`, event, false}, {`{ $.port > 79 }`, event, true}, {`{ $.eventType > 1 }`, event, false},
		{`{ ($.user.name = "Jane") || ($.n < 0 && $.port = 80) }`, event, true}, {`{ ($.user.name = "Jane" || $.n < 0) && $.port = 81 }`, event, false},
		{`{ $.user.name = %^J.hn$% }`, event, true}, {`{ $.user.name != %^J.hn$% }`, event, false}, {`{ $.missing != "x" }`, event, false},
		{`{ $.a = 1 }`, `not json`, false}, {`{ $.a = 1 }`, `[1]`, false}, {`{ $.a = 1 }`, `null`, false}, {`{ $.a NOT EXISTS }`, `{}`, true},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := p.Match(c.message); got != c.fits {
			t.Errorf("%s on %.60s: %v, want %v", c.pattern, c.message, got, c.fits)
		}
	}
}

func TestWhatIsNoPatternSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		`"open`: "byte 1", `a "open\"`: "byte 3", "a ?": "want a word", "- b": "want a word",
		"%open": "does not end", "%%": "is empty", "%(%": "missing closing", "{": "want a property", "{ $.a }": "want one of",
		"{ $. = 1 }": "name of a property", "{ $ = 1 }": "name of a property", "{ $.a = }": "want a value", "{ $.a = 1": "want a value", "{ $.a > x }": "want a number",
		"{ $.a = 1 } x": "nothing may come", "{ $.a IS x }": "want NULL", "{ $.a NOT x }": "want EXISTS", "{ ($.a = 1 }": "closing parenthesis", "{ $.a[x] = 1 }": "want a number, *",
		"{ $.a[1 = 1 }": "want a number, *", `{ $["a] = 1 }`: "quote does not end", "[": "closing bracket", "[]": "at least one", "[a, ..., ...]": "once", "[a b]": "want one of", "[a =]": "want a value", "[a > x]": "want a number", "[a": "want one of", "[a] x": "nothing may come",
		"{ " + strings.Repeat("(", 100) + "$.a = 1 }": "nested", strings.Repeat("a ", 200): "conditions", strings.Repeat("a", 1025): "1025 bytes",
	} {
		if _, err := Parse(text); !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", text, err, want)
		}
	}
}

// FuzzParse: whatever a stranger sends is parsed or refused, and what is parsed can be looked for.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"a -b ?c", `{ $.a[*].b = "x*" && ($.c IS NULL || $.d > 1) }`, "[a, b = 4*, ...]", "%a[b]+%", `"`} {
		f.Add(text, `{"a":[{"b":"xy"}],"c":null}`)
	}
	f.Fuzz(func(_ *testing.T, text, message string) {
		if p, err := Parse(text); err == nil {
			p.Match(message)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	const message = `{"level":"error","user":{"name":"ann","id":17},"took":12.5,"tags":["a","b"]}`
	for _, text := range []string{"error -debug", "%err[o]r%", `{ $.level = "error" && $.took > 10 }`} {
		b.Run(text, func(b *testing.B) {
			p, err := Parse(text)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				p.Match(message)
			}
		})
	}
}
