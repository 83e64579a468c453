package taskdef_test

import (
	"strings"
	"testing"

	"slipway/cluster/taskdef"
)

func TestReferences(t *testing.T) {
	for text, want := range map[string]taskdef.Ref{"web": {Family: "web"}, "web:3": {Family: "web", Revision: 3}} {
		got, err := taskdef.ParseRef(text)
		if err != nil || got != want {
			t.Errorf("%s is %v, error %v", text, got, err)
		}
	}
	for _, text := range []string{"web:0", "web:-1", "web:x", "web:1:2", "web:99999999999", "web:"} {
		_, err := taskdef.ParseRef(text)
		wantText(t, err, taskdef.ErrRequest, strings.TrimPrefix(text, "web:"))
	}
	for _, text := range []string{"", "a b", ":1"} {
		_, err := taskdef.ParseRef(text)
		wantErr(t, err, taskdef.ErrNotFound)
	}
}
