package functions

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"sync"
	"testing"

	"slipway/nodeapi"
	"slipway/store"
	"slipway/store/storetest"
)

// harbour is one bucket, which takes nothing for the first times.
type harbour struct {
	mu      sync.Mutex
	trouble int
	gone    bool
	objects map[string]string // by key
}

const harbourARN = "arn:aws:s3:::harbour"

func (*harbour) Open(context.Context, string, Object) (Zip, error) { return nil, ErrObject }

func (h *harbour) Own(_ context.Context, account, bucket string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if account != callAccount || bucket != "harbour" || h.gone {
		return ErrBucket
	}
	return nil
}

func (h *harbour) Put(ctx context.Context, account, bucket, key string, document []byte) error {
	if err := h.Own(ctx, account, bucket); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.trouble--; h.trouble >= 0 {
		return errors.New("the disk is full")
	}
	h.objects[key] = string(document)
	return nil
}

func (h *harbour) has() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]string{}
	for key, text := range h.objects {
		all[key] = text
	}
	return all
}

// A failure is told to a bucket, by an object that comes there though the bucket is in trouble for a while.
func TestFailuresAreToldToABucket(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db)
		bucket := &harbour{trouble: 2, objects: map[string]string{}}
		h.config.Objects = bucket
		h.create("greet")
		h.host.Run = func(context.Context, nodeapi.Assignment, nodeapi.Invocation) nodeapi.Outcome {
			return nodeapi.Outcome{Error: &nodeapi.FunctionError{Type: "errorString", Message: "no", Payload: []byte(`{"errorMessage":"no"}`)}}
		}
		fail := func() string {
			t.Helper()
			a, err := h.Invoke(t.Context(), Invoke{Account: callAccount, Function: "greet", Type: EventCall, Payload: []byte(`"hello"`)})
			check(t, err)
			return a.Request
		}
		_, err := h.SetEventConfig(t.Context(), Ref{Account: callAccount, Name: "greet"}, true, func(e *EventConfig) { e.Retries, e.OnFailure = new(0), harbourARN })
		check(t, err)
		id := fail()
		h.wait(func() bool { return len(bucket.has()) == 1 })
		form := regexp.MustCompile(`^aws/lambda/async/greet/\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f]{8}-[0-9a-f-]{27}$`)
		for key, text := range bucket.has() {
			var r record
			check(t, json.Unmarshal([]byte(text), &r))
			if !form.MatchString(key) || r.RequestContext.RequestID != id || r.RequestContext.Condition != RetriesExhausted || string(r.ResponsePayload) != `{"errorMessage":"no"}` {
				t.Errorf("%s is %s", key, text)
			}
		}
		bucket.mu.Lock()
		bucket.gone = true
		bucket.mu.Unlock()
		fail()
		h.wait(func() bool {
			dead, _, err := h.DeadCalls(t.Context(), Ref{Account: callAccount}, "", 10)
			check(t, err)
			return len(dead) == 1 && dead[0].Function == harbourARN && dead[0].Reason == ErrBucket.Error()
		})
	})
}

func TestBucketsThatAreNoDestinations(t *testing.T) {
	b := benchOf(t)
	web := b.function("web", 0)
	set := func(to string, onSuccess bool) error {
		_, err := b.SetEventConfig(b.Context(), web, true, func(e *EventConfig) {
			if e.OnFailure = to; onSuccess {
				e.OnSuccess, e.OnFailure = to, ""
			}
		})
		return err
	}
	says(t, set(harbourARN, false), ErrInput, "The destination arn:aws:s3:::harbour is not supported by Slipway: there are no buckets")
	b.config.Objects = &harbour{}
	says(t, set(harbourARN, true), ErrInput, "The destination arn:aws:s3:::harbour is not supported for OnSuccess")
	says(t, set("arn:aws:s3:::another", false), ErrInput, "The destination ARN arn:aws:s3:::another is invalid.")
	says(t, set(harbourARN+"/key", false), ErrInput, "is not supported by Slipway")
	if err := set(harbourARN, false); err != nil {
		t.Error(err)
	}
}
