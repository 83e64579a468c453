package lambda_test

import (
	"context"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	door "slipway/api/lambda"
	"slipway/functions"
)

// stage answers calls as a test says, and remembers them. It is the room as far as calls go.
type stage struct {
	play func(context.Context, functions.Invoke) (functions.Answer, error)
	urls map[string]functions.URL

	mu    sync.Mutex
	calls []functions.Invoke
}

// Invoke plays.
func (s *stage) Invoke(ctx context.Context, i functions.Invoke) (functions.Answer, error) {
	s.mu.Lock()
	s.calls = append(s.calls, i)
	s.mu.Unlock()
	return s.play(ctx, i)
}

// FindURL finds one of the stage's.
func (s *stage) FindURL(_ context.Context, id string) (functions.URL, error) {
	u, ok := s.urls[id]
	if !ok {
		return u, functions.ErrNoSetting
	}
	return u, nil
}

// last is the call that was made last.
func (s *stage) last() functions.Invoke {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[len(s.calls)-1]
}

// answering is a stage on which every call has the same answer.
func answering(a functions.Answer) *stage {
	return &stage{play: func(context.Context, functions.Invoke) (functions.Answer, error) { return a, nil }}
}

// failing is a stage on which no call is made.
func failing(err error) *stage {
	return &stage{play: func(context.Context, functions.Invoke) (functions.Answer, error) { return functions.Answer{}, err }}
}

// client is the genuine SDK before the door.
func client(t testing.TB, s *stage) *lambda.Client {
	t.Helper()
	return lambda.NewFromConfig(wiretest.Serve(t, awswire.Config{Access: everybody{}}, door.NewOver(s, new(functions.Control), wiretest.Region)))
}

// everybody may do everything, who asks for something that there can be.
type everybody struct{}

// Authorize allows.
func (everybody) Authorize(context.Context, *awswire.Request) error { return nil }
