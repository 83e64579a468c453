package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway/agent/endpoint"
	"slipway/nodeapi"
)

const (
	webRole = "arn:aws:iam::123456789012:role/web"
	// own is where a container finds its credentials, as SDKs put it together.
	own = "http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
)

// acting is a task with a role.
func acting(scripts ...string) nodeapi.Task {
	t := taskOf(scripts...)
	t.Role = webRole
	return t
}

// wantLine wants a line of what a container prints to hold all the words.
func (m *machine) wantLine(key string, line int, words ...string) {
	m.t.Helper()
	m.plane.until(fmt.Sprintf("%s has printed %d lines", key, line+1), func() bool {
		return m.plane.logs[key] != nil && len(m.plane.logs[key].lines) > line
	})
	for _, word := range words {
		if got := m.plane.lines(key)[line]; !strings.Contains(got, word) {
			m.t.Errorf("line %d of %s is %s, want %q in it", line, key, got, word)
		}
	}
}

func (m *machine) asked() []nodeapi.CredentialsRequest {
	m.plane.mu.Lock()
	defer m.plane.mu.Unlock()
	return m.plane.asked
}

func TestContainersActInTheRoleOfTheirTask(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(acting("get "+own+" then sleep 1h", "sleep 1m then get "+own+" then sleep 1h"))
		m.wantLine(taskID+"/a", 0, `"RoleArn":"`+webRole, `"AccessKeyId":"ASIA1"`, `"SecretAccessKey":"secret 1"`, `"Token":"token 1"`, `"Expiration":"2000-01-01T01:00:00Z"`)
		m.wantLine(taskID+"/b", 0, `"AccessKeyId":"ASIA1"`) // the same, from memory
		want := nodeapi.CredentialsRequest{Node: m.plane.hellos[0].Node, Session: planeSession, Task: taskID}
		if asked := m.asked(); len(asked) != 1 || asked[0] != want {
			m.t.Errorf("the control plane was asked %+v, want once %+v", asked, want)
		}
	})
}

// A container without the role of another task gets nothing of it, though it knows all but the address.
func TestContainersDoNotActInAnotherRole(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(acting("get " + own + " then sleep 1h"))
		m.wantLine(taskID+"/a", 0, "ASIA1")
		for i, role := range []string{"", webRole} {
			other := taskOf("get http://169.254.170.2"+m.uri(taskID)+" then sleep 1m then exit 0", "get "+own)
			other.ID, other.Role = strings.Repeat(fmt.Sprint(i), 32), role
			m.plane.run(other)
			m.wantLine(other.ID+"/a", 0, "NotFound")
		}
		m.wantLine(strings.Repeat("0", 32)+"/b", 0, "404") // it has no URI, and so asks for the root
		m.wantLine(strings.Repeat("1", 32)+"/b", 0, "ASIA2")
	})
}

// uri is the path at which a task of the machine finds its credentials.
func (m *machine) uri(task string) string {
	m.t.Helper()
	secret, err := nodeSecret(m.dir)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, variable := range endpoint.New(endpoint.Config{Secret: secret}).Env(endpoint.Container{Task: task, Role: true}) {
		if path, is := strings.CutPrefix(variable, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="); is {
			return path
		}
	}
	m.t.Fatal("a task has no way to its credentials")
	return ""
}

// A start waits for no credentials, and who never asks has none made.
func TestATaskThatAsksForNothingHasNothingMade(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(acting("sleep 30m then exit 0"))
		m.plane.untilStatus(taskID, nodeapi.Stopped)
		if asked := m.asked(); len(asked) != 0 {
			m.t.Errorf("the control plane was asked %+v", asked)
		}
	})
}

// An agent that is killed and started anew is none of the container's business: its way stays the same.
func TestAnAgentThatStartsAnewGivesCredentialsAgain(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(acting("get " + own + " then sleep 10m then get " + own + " then sleep 10m then get " + own + " then sleep 1h"))
		m.wantLine(taskID+"/a", 0, "ASIA1")
		time.Sleep(5 * time.Minute)
		m.kill()
		m.start()
		m.wantLine(taskID+"/a", 2, "ASIA2") // each answer ends in an empty line

		m.kill()
		m.plane.change(func() { m.plane.fault = func(string) (error, error) { return errAway, nil } })
		m.start()
		time.Sleep(11 * time.Minute) // in which it asks
		m.plane.change(func() { m.plane.fault = nil })
		m.wantLine(taskID+"/a", 4, "Try again")
		if got := m.plane.untilStatus(taskID, nodeapi.Running); got.Status != nodeapi.Running {
			m.t.Errorf("the task is %s", got.Status)
		}
	})
}

// What the control plane says of a role reaches who asks for it, and nothing secret reaches a disk.
func TestARefusedRoleIsToldToTheContainer(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.change(func() {
			m.plane.fault = func(call string) (before, after error) {
				if call == "Credentials" {
					return fmt.Errorf("%w: web", errNoRole), nil
				}
				return nil, nil
			}
		})
		m.plane.run(acting("get " + own + " then sleep 1h"))
		m.wantLine(taskID+"/a", 0, "AccessDenied", errNoRole.Error()+": web")
	})
}

func TestCredentialsAreOnNoDisk(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(acting("get "+own+" then wait", "sleep 1h"))
		m.wantLine(taskID+"/a", 0, "secret 1") // into the output it comes by the container's own doing
		files, _ := filepath.Glob(filepath.Join(m.dir, "*"))
		for _, file := range files {
			if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "secret 1") || strings.Contains(string(text), "token 1") {
				m.t.Errorf("%s holds %q (%v)", file, text, err)
			}
		}
		if len(files) == 0 {
			m.t.Error("looked at no file")
		}
	})
}
