package taskdef_test

import (
	"errors"
	"strings"
	"testing"
)

const region = "us-east-1"

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// wantText fails unless err is of that cause and its text contains what it should name.
func wantText(t *testing.T, err, cause error, text string) {
	t.Helper()
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one of %q that says %q", err, cause, text)
	}
}
