package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

var swapSeconds = flag.Float64("swap.seconds", 12, "how long TestSwapsUnderLoad calls functions that are updated")

// Functions of each staleness policy are called all the time while their code is updated again and again; every third
// update of the one that may go on with its old code does not start. No call fails, and every answer is of code that the
// policy allows: the answer says which it is.
func TestSwapsUnderLoad(t *testing.T) {
	f := newFunctions(t, startCloud(t))
	lines := []*swapped{
		{functions: f, name: "any", policy: "allow-old", broken: true},
		{functions: f, name: "aged", policy: "max-age=2", age: 2 * time.Second},
		{functions: f, name: "strict", policy: "strict"},
	}
	for _, s := range lines {
		arn := f.create(s.name, nil)
		if _, err := f.lambda().TagResource(t.Context(), &lambda.TagResourceInput{Resource: &arn, Tags: map[string]string{"slipway:staleness": s.policy}}); err != nil {
			t.Fatal(err)
		}
		s.update(0)
	}
	end := time.Now().Add(time.Duration(*swapSeconds * float64(time.Second)))
	var all sync.WaitGroup
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	for _, s := range lines {
		all.Go(func() { s.updatesUntil(end) })
		for i := range 2 {
			all.Go(func() { s.calls(ctx.Done(), i) })
		}
	}
	all.Wait()
	for _, s := range lines {
		s.check(t)
	}
}

// swapped is a function that is called while it is updated.
type swapped struct {
	*functions
	name, policy string
	age          time.Duration // for which code may answer after an update; of policies that say it
	broken       bool          // some updates do not start

	mu      sync.Mutex
	changes []swapUpdate
	answers []swapAnswer
}

// swapUpdate is an update: when the call for it had returned, and when it was in service.
type swapUpdate struct {
	mark            int
	returned, ready time.Time
}

// swapAnswer is a call: when it began and ended, whose it was, and which code answered.
type swapAnswer struct {
	began, ended time.Time
	caller       int
	mark         int
	err          error
}

// updatesUntil updates the function every few seconds, by code that bears the number of the update.
func (s *swapped) updatesUntil(end time.Time) {
	for mark := 1; time.Now().Before(end); mark++ {
		if s.broken && mark%3 == 2 {
			s.breakIt()
		} else {
			s.update(mark)
		}
		time.Sleep(2 * time.Second)
	}
}

func (s *swapped) update(mark int) { s.updateBy(mark, s.zip(strconv.Itoa(mark))) }

func (s *swapped) updateBy(mark int, code []byte) {
	s.t.Helper()
	_, err := s.lambda().UpdateFunctionCode(s.t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &s.name, ZipFile: code})
	u := swapUpdate{mark: mark, returned: time.Now()}
	if err != nil {
		s.t.Errorf("update of %s: %v", s.name, err)
		return
	}
	if status := s.updated(); status != types.LastUpdateStatusSuccessful {
		s.t.Errorf("update %d of %s ended as %s", mark, s.name, status)
	}
	u.ready = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes = append(s.changes, u)
}

// breakIt updates the function by code that does not start.
func (s *swapped) breakIt() {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	head := &zip.FileHeader{Name: "bootstrap"}
	head.SetMode(0o755)
	w, err := z.CreateHeader(head)
	if err == nil {
		_, err = w.Write([]byte("no program"))
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		_, err = s.lambda().UpdateFunctionCode(s.t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &s.name, ZipFile: b.Bytes()})
	}
	if err != nil {
		s.t.Errorf("broken update of %s: %v", s.name, err)
		return
	}
	if status := s.updated(); status != types.LastUpdateStatusFailed {
		s.t.Errorf("a broken update of %s ended as %s", s.name, status)
	}
}

// updated waits until an update has ended, and tells how.
func (s *swapped) updated() (status types.LastUpdateStatus) {
	within(s.t, "the update of "+s.name+" to end", func() bool {
		out, err := s.lambda().GetFunctionConfiguration(s.t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &s.name})
		if err != nil {
			s.t.Errorf("%s: %v", s.name, err)
			return true
		}
		status = out.LastUpdateStatus
		return status != types.LastUpdateStatusInProgress
	})
	return status
}

// calls calls the function, again and again.
func (s *swapped) calls(stop <-chan struct{}, caller int) {
	for {
		a := swapAnswer{began: time.Now(), caller: caller}
		a.mark, a.err = s.call()
		a.ended = time.Now()
		s.mu.Lock()
		s.answers = append(s.answers, a)
		s.mu.Unlock()
		select {
		case <-stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *swapped) call() (mark int, err error) {
	out, err := s.lambda().Invoke(context.WithoutCancel(s.t.Context()), &lambda.InvokeInput{FunctionName: &s.name, Payload: []byte(`{"read":"/var/task/mark"}`)})
	if err != nil {
		return 0, err
	}
	if out.FunctionError != nil {
		return 0, fmt.Errorf("%s: %s", aws.ToString(out.FunctionError), out.Payload)
	}
	var text string
	if err := json.Unmarshal(out.Payload, &text); err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// least is the oldest code that may answer a call.
func (s *swapped) least(began time.Time) int {
	least := 0
	for _, u := range s.changes {
		from := u.ready
		if s.policy != "allow-old" && u.returned.Add(s.age).Before(from) {
			from = u.returned.Add(s.age)
		}
		if began.After(from) {
			least = max(least, u.mark)
		}
	}
	return least
}

func (s *swapped) check(t *testing.T) {
	failed, stale := 0, 0
	for _, a := range s.answers {
		switch least := s.least(a.began); {
		case a.err != nil:
			failed++
			t.Errorf("a call of %s failed: %v", s.name, a.err)
		case a.mark < least:
			stale++
			t.Errorf("a call of %s was answered by update %d after update %d", s.name, a.mark, least)
		}
	}
	t.Logf("%s (%s): %d calls over %d updates, %d failed, %d too old", s.name, s.policy, len(s.answers), len(s.changes), failed, stale)
	if len(s.answers) == 0 || len(s.changes) < 2 {
		t.Errorf("%s was hardly called", s.name)
	}
}
