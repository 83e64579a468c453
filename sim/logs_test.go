package sim

import (
	"context"
	"strings"
	"sync"

	"slipway/nodeapi"
)

// logs keep what containers print, each byte once, by task and container. They outlive the server.
type logs struct {
	mu   sync.Mutex
	kept map[string]*stream
}

type stream struct {
	next int64
	text strings.Builder
}

// Write implements cluster.Logs.
func (l *logs) Write(_ context.Context, _ string, o nodeapi.Output) (next int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.kept[o.Task+"-"+o.Container]
	if s == nil {
		s = &stream{next: o.Offset}
		l.kept[o.Task+"-"+o.Container] = s
	}
	if o.Offset != s.next {
		return s.next, nil
	}
	for _, e := range o.Events {
		s.text.WriteString(e.Message + "\n")
	}
	s.next = o.Next
	return s.next, nil
}

func (l *logs) of(container string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.kept[container]; s != nil {
		return s.text.String()
	}
	return ""
}
