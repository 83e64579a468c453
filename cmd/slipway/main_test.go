package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestExitCodes(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	canceled := fmt.Errorf("reading: %w", context.Canceled)
	tests := []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), nil, 0},
		{t.Context(), exitCode(7), 7},
		{t.Context(), errors.New("no such thing"), 1},
		{t.Context(), canceled, 1},
		{ended, canceled, codeInterrupted},
		{ended, errors.New("no such thing"), 1},
		{ended, nil, 0},
	}
	for _, test := range tests {
		if got := codeOf(test.ctx, test.err); got != test.want {
			t.Errorf("%v: %d, want %d", test.err, got, test.want)
		}
	}
}
