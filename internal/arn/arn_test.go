package arn_test

import (
	"testing"

	"slipway/internal/arn"
)

func TestRoundTrip(t *testing.T) {
	for _, s := range []string{
		"arn:aws:ecs:us-east-1:123456789012:task/web/0123",
		"arn:aws:iam::123456789012:root",
		"arn:aws:logs:us-east-1:123456789012:log-group:/app:*",
	} {
		a, err := arn.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if a.String() != s {
			t.Errorf("%s came back as %s", s, a)
		}
	}
}

func TestResourceID(t *testing.T) {
	a, _ := arn.Parse("arn:aws:ecs:us-east-1:123456789012:task/web/0123")
	if kind, id := a.ResourceID(); kind != "task" || id != "web/0123" {
		t.Errorf("ResourceID = %q, %q", kind, id)
	}
}

func TestMalformed(t *testing.T) {
	for _, s := range []string{"", "web", "arn:", "arn:aws:ecs", "arn:aws:ecs:r:a:", "arn:aws::r:a:x", "urn:aws:ecs:r:a:x"} {
		if a, err := arn.Parse(s); err == nil {
			t.Errorf("%q parsed as %+v", s, a)
		}
	}
}
