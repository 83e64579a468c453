package ids_test

import (
	"regexp"
	"testing"

	"slipway/internal/ids"
)

func TestForms(t *testing.T) {
	for range 200 {
		for _, c := range []struct{ name, got, form string }{
			{"Hex", ids.Hex(16), `^[0-9a-f]{32}$`},
			{"UUID", ids.UUID(), `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
			{"Base32", ids.Base32(16), `^[A-Z2-7]{16}$`},
			{"Secret", ids.Secret(40), `^[A-Za-z0-9+/]{40}$`},
			{"Digits", ids.Digits(12), `^[1-9][0-9]{11}$`},
		} {
			if !regexp.MustCompile(c.form).MatchString(c.got) {
				t.Fatalf("%s = %q, want the form %s", c.name, c.got, c.form)
			}
		}
	}
}
