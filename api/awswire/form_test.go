package awswire

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func TestFormsAreReadAsBrowsersWriteThem(t *testing.T) {
	for _, text := range []string{"", "a=1", "a=1&b=2&a=3", "a", "a=", "=b", "a=b=c", "&a=1&&b=2&", "a%20b=%2B+c", "a=1;b=2", "a=%zz", "%zz=a", "ü=ä"} {
		want, wantErr := url.ParseQuery(text)
		got, err := parseForm(text)
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v, want %v, %v", text, got, err, want, wantErr)
		}
	}
}

// Lists of AWS inputs are longer than what net/url reads.
func TestFormsAreLong(t *testing.T) {
	pair := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "&p%d=x", i)
		}
		return b.String()[1:]
	}
	if got, err := parseForm(pair(maxParameters)); err != nil || len(got) != maxParameters {
		t.Errorf("%d parameters: read %d, %v", maxParameters, len(got), err)
	}
	if _, err := parseForm(pair(maxParameters + 1)); err == nil || err.Error() != "it has more than 100000 parameters" {
		t.Errorf("one more: %v", err)
	}
}
