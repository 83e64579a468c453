package sandbox

import (
	"net"
	"os"
	"strings"
	"testing"

	"slipway/internal/ids"
	"slipway/nodeapi"
)

// answer makes a call that is to go well, and gives what the function answered.
func (w *world) answer(sandbox string, request wants) string {
	w.Helper()
	outcome := w.call(sandbox, nil, request)
	if outcome.Error != nil {
		return "error: " + outcome.Error.Message
	}
	return strings.Trim(string(outcome.Payload), `"`)
}

func TestWhatFunctionsMayDo(t *testing.T) {
	w := newWorld(t)
	id := w.assigned()
	for _, row := range []struct {
		name    string
		request wants
		want    string // is in the answer
	}{
		{"its user", wants{"identity": true}, "993:990"},
		{"its environment", wants{"environ": "GREETING"}, "hello"},
		{"our environment", wants{"environ": "HOME"}, ""},
		{"its code can be read", wants{"read": "/proc/self/comm"}, "bootstrap"},
		{"its names", wants{"read": "/etc/hosts"}, `127.0.0.1\tsandbox.localdomain`},
		{"its code cannot be written to", wants{"write": "/var/task/x"}, "read-only file system"},
		{"its root cannot be written to", wants{"write": "/x"}, "read-only file system"},
		{"nor can its memory files", wants{"write": "/dev/shm/x"}, "no such file or directory"},
		{"nor its devices", wants{"write": "/dev/x"}, "permission denied"},
		{"/tmp can", wants{"write": "/tmp/x", "bytes": 1 << 20}, ""},
		{"but for more than it has", wants{"write": "/tmp/y", "bytes": 100 << 20}, "no space left on device"},
		{"capabilities", wants{"read": "/proc/self/status"}, `CapEff:\t0000000000000000\nCapBnd:\t0000000000000000`},
		{"new privileges", wants{"read": "/proc/self/status"}, `NoNewPrivs:\t1`},
		{"the process that holds it", wants{"read": "/proc/1/environ"}, `permission denied`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := w.answer(id, row.request); !strings.Contains(got, row.want) || row.want == "" && got != "" {
				t.Errorf("it got %q, want %q", got, row.want)
			}
		})
	}
}

// A function reaches no sandbox but its own, nothing of its node and no metadata of a cloud; what is on the network it does.
func TestWhatFunctionsReach(t *testing.T) {
	w := newWorld(t)
	first, second := w.assigned(), w.assigned()
	b, err := w.host.find(second)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	theirs := b.held.Address()
	w.answer(second, wants{"listen": ":8080"})
	gateway := theirs[:strings.LastIndex(theirs, ".")] + ".1"
	for name, row := range map[string]struct {
		address string
		reaches bool
	}{
		"its own runtime API":              {"127.0.0.1:9001", true},
		"another's runtime API":            {net.JoinHostPort(theirs, "9001"), false},
		"what another listens to":          {net.JoinHostPort(theirs, "8080"), false},
		"its node":                         {net.JoinHostPort(gateway, port), false},
		"its node by loopback":             {net.JoinHostPort("127.0.0.1", port), false},
		"the API that only roles may call": {"169.254.170.2:4600", false},
		"metadata of a cloud":              {"169.254.169.254:80", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := w.answer(first, wants{"dial": row.address}); (got == "connected") != row.reaches {
				t.Errorf("%s: %s", row.address, got)
			}
		})
	}
}

// Nothing of a former life is left when the next begins.
func TestSandboxesOfAFormerLife(t *testing.T) {
	w := newWorld(t)
	id := w.assigned()
	b, err := w.host.find(id)
	if err != nil {
		t.Fatal(err)
	}
	output := b.held.Output()
	former := w.host
	w.begin() // beside the former, as if that had been killed
	if err := w.host.Start(t.Context(), nodeapi.Sandbox{ID: "sb-" + ids.Hex(16), Account: "123456789012", Image: w.image, Memory: 128, Disk: 64}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(output); !os.IsNotExist(err) {
		t.Errorf("the output of a former sandbox: %v", err)
	}
	if err := former.Stop(t.Context(), id); err != nil {
		t.Error(err)
	}
}
