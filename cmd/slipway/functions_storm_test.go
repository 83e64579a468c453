package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"slipway/server"
)

var callTroubles = flag.Int("calls.troubles", 4, "how many troubles TestEventCallsInTheStorm makes")

// The control plane, the agents of two machines and their containerds are killed with -9, in random order, while calls are
// sent that nobody waits for. Each that was accepted ends once, as its function did, and its destination is told.
func TestEventCallsInTheStorm(t *testing.T) {
	t.Logf("go test ./cmd/slipway -run TestEventCallsInTheStorm -calls.troubles %d -chaos.seed %d", *callTroubles, *chaosSeed)
	dice := rand.New(rand.NewPCG(*chaosSeed, 0))
	l := newLan(t, 2)
	c := l.startHead()
	s := &callStorm{functions: newFunctions(t, c), lan: l, accepted: map[string]string{}}
	for i := range l.machines {
		s.agents = append(s.agents, l.join(c, i))
	}
	within(t, "two machines to be there", func() bool { return c.here("default") == 2 })
	s.create("told", nil)
	s.create("work", nil)
	s.configure()
	s.again("work")
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for worker := range 2 {
		workers.Go(func() { s.send(stop, rand.New(rand.NewPCG(*chaosSeed, uint64(10+worker)))) })
	}
	for range *callTroubles {
		time.Sleep(time.Duration(300+dice.IntN(1700)) * time.Millisecond)
		s.trouble(dice)
	}
	time.Sleep(time.Second)
	close(stop)
	workers.Wait()
	t.Logf("%d troubles; %d calls were accepted", *callTroubles, len(s.accepted))
	if len(s.accepted) == 0 {
		t.Fatal("nothing was accepted: the test shows nothing")
	}
	s.check(t)
}

// callStorm sends calls to a function on machines that are in trouble.
type callStorm struct {
	*functions
	lan    *lan
	agents []*agentProcess

	mu       sync.Mutex
	accepted map[string]string // how calls are to end, by their ids
}

// configure has the function called once more, and another told how each call ended.
func (s *callStorm) configure() {
	s.t.Helper()
	told, err := s.lambda().GetFunctionConfiguration(s.t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("told")})
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = s.lambda().PutFunctionEventInvokeConfig(s.t.Context(), &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: aws.String("work"), MaximumRetryAttempts: aws.Int32(0),
		DestinationConfig: &types.DestinationConfig{
			OnSuccess: &types.OnSuccess{Destination: told.FunctionArn}, OnFailure: &types.OnFailure{Destination: told.FunctionArn},
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// send sends calls, of which some fail. What is not answered may have been accepted or not.
func (s *callStorm) send(stop <-chan struct{}, dice *rand.Rand) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(20+dice.IntN(60)) * time.Millisecond):
		}
		end, payload := "Success", fmt.Sprintf(`{"sleep":"%dms"}`, dice.IntN(200))
		if dice.IntN(5) == 0 {
			end, payload = "RetriesExhausted", `{"fail":"no"}`
		}
		out, err := s.lambda().Invoke(s.t.Context(), &lambda.InvokeInput{FunctionName: aws.String("work"), InvocationType: types.InvocationTypeEvent, Payload: []byte(payload)})
		if err != nil {
			continue
		}
		id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata)
		s.mu.Lock()
		s.accepted[id] = end
		s.mu.Unlock()
	}
}

// trouble makes one, and mends it after a while.
func (s *callStorm) trouble(dice *rand.Rand) {
	s.t.Helper()
	i, while := dice.IntN(len(s.agents)), time.Duration(dice.IntN(2000))*time.Millisecond
	switch dice.IntN(4) {
	case 0:
		s.kill()
		time.Sleep(while / 4)
		s.restart()
	case 1:
		s.agents[i].kill()
		time.Sleep(while)
		s.agents[i].start()
	case 2:
		if pid := runningContainerd(s.agents[i].data); pid != 0 {
			syscall.Kill(pid, syscall.SIGKILL) // it may be gone by now
		}
	case 3:
		s.lan.cut(i)
		time.Sleep(while)
		s.lan.mend(i)
	}
}

// check waits until all calls have ended, and looks how.
func (s *callStorm) check(t *testing.T) {
	var ends map[string][]string
	within(t, "each call to end", func() bool {
		ends = s.ends()
		for id := range s.accepted {
			if len(ends[id]) == 0 {
				return false
			}
		}
		return true
	})
	counts := map[string]int{}
	for id, all := range ends {
		want := s.accepted[id]
		if len(all) != 1 || want != "" && all[0] != want {
			t.Errorf("call %s ended as %v, want %s", id, all, want)
		}
		counts[all[0]]++
	}
	t.Logf("they ended as %v", counts)
}

// ends are how calls of the function ended, by their ids: each end is in the event log.
func (s *callStorm) ends() map[string][]string {
	ends := map[string][]string{}
	q := server.EventQuery{Type: "function.event.*"}
	err := server.NewControl(s.data).Events(s.t.Context(), &q, func(e server.Event) error {
		var data struct{ Request, Condition, Destination string }
		err := json.Unmarshal(e.Data, &data)
		if data.Destination != "" { // those of the destination have none
			ends[data.Request] = append(ends[data.Request], data.Condition)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return ends
}

// runningContainerd is the containerd of a node's data folder; 0: none runs, for it was killed a moment ago.
func runningContainerd(data string) int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, _ := os.ReadFile(file)
		if strings.Contains(string(line), filepath.Join(data, "containerd.toml")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			return pid
		}
	}
	return 0
}
