package endpoint

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"slipway/engine"
)

// v4 is where a container finds its metadata.
func (n *node) v4(container string) string { return metadataPrefix + n.idOf(container) }

func (n *node) wantNamed(w *httptest.ResponseRecorder, name string) {
	n.Helper()
	var got ContainerMetadata
	if err := json.Unmarshal(w.Body.Bytes(), &got); w.Code != 200 || err != nil || got.Name != name {
		n.Errorf("%d %s, want the metadata of %s", w.Code, w.Body, name)
	}
}

func TestAContainerIsToldOfItself(t *testing.T) {
	story(t, func(n *node) {
		n.wantNamed(n.get(webAddress, n.v4(web+"-a")), "a")
		n.wantNamed(n.get(webAddress, n.v4(web+"-b")), "b")
		n.wantNamed(n.get(webAddress, n.v4(web+"-b")+"/"), "b")
		known := acting(web, webAddress)
		known.Metadata.KnownStatus, known.Metadata.TaskTags = "RUNNING", map[string]string{"team": "x"}
		n.Admit(known)
		var plain, tagged TaskMetadata
		for path, into := range map[string]*TaskMetadata{"/task": &plain, "/taskWithTags": &tagged} {
			w := n.get(webAddress, n.v4(web+"-a")+path)
			if err := json.Unmarshal(w.Body.Bytes(), into); w.Code != 200 || err != nil {
				n.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		if !reflect.DeepEqual(tagged, known.Metadata) {
			n.Errorf("told %+v, want %+v", tagged, known.Metadata)
		}
		if tagged.TaskTags = nil; !reflect.DeepEqual(plain, tagged) {
			n.Errorf("told %+v, want the same without tags: %+v", plain, tagged)
		}
		n.wantAsked(0)
	})
}

func TestMetadataReadsAsDocumented(t *testing.T) {
	at, code, restarts := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), 3, 0
	told, err := json.Marshal(TaskMetadata{
		Cluster: "default", TaskARN: "arn", Family: "web", Revision: "7", DesiredStatus: "RUNNING", KnownStatus: "RUNNING",
		Limits: &TaskLimits{CPU: 0.25, Memory: 512}, PullStartedAt: &at, LaunchType: "EC2",
		Containers: []ContainerMetadata{{
			DockerID: "t-a", Name: "a", DockerName: "a", Image: "i", ImageID: "sha256:1", Labels: map[string]string{"l": "v"},
			DesiredStatus: "RUNNING", KnownStatus: "STOPPED", ExitCode: &code, Limits: ContainerLimits{CPU: 10, Memory: 128},
			StartedAt: &at, Type: "NORMAL", Health: &Health{Status: "HEALTHY", Since: &at}, Volumes: []Volume{{Source: "/s", Destination: "/d"}},
			LogDriver: "awslogs", LogOptions: map[string]string{"awslogs-group": "g"}, ContainerARN: "c",
			Networks: []Network{{NetworkMode: "awsvpc", IPv4Addresses: []string{"10.0.0.2"}}}, Ports: []Port{{80, "tcp", 8080}}, RestartCount: &restarts,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Cluster":"default","TaskARN":"arn","Family":"web","Revision":"7","DesiredStatus":"RUNNING","KnownStatus":"RUNNING",` +
		`"Limits":{"CPU":0.25,"Memory":512},"PullStartedAt":"2026-01-02T03:04:05.000000006Z","LaunchType":"EC2","Containers":[` +
		`{"DockerId":"t-a","Name":"a","DockerName":"a","Image":"i","ImageID":"sha256:1","Labels":{"l":"v"},"DesiredStatus":"RUNNING",` +
		`"KnownStatus":"STOPPED","ExitCode":3,"Limits":{"CPU":10,"Memory":128},"StartedAt":"2026-01-02T03:04:05.000000006Z","Type":"NORMAL",` +
		`"Health":{"status":"HEALTHY","statusSince":"2026-01-02T03:04:05.000000006Z"},"Volumes":[{"Source":"/s","Destination":"/d"}],` +
		`"LogDriver":"awslogs","LogOptions":{"awslogs-group":"g"},"ContainerARN":"c","Networks":[{"NetworkMode":"awsvpc","IPv4Addresses":["10.0.0.2"]}],` +
		`"Ports":[{"ContainerPort":80,"Protocol":"tcp","HostPort":8080}],"RestartCount":0}]}`
	if string(told) != want {
		t.Errorf("told\n%s, want\n%s", told, want)
	}
}

// What is another's looks like what is not there.
func TestAContainerIsToldOfNobodyElse(t *testing.T) {
	story(t, func(n *node) {
		stranger := n.get("10.87.0.4", n.v4(web+"-a"))
		for name, w := range map[string]*httptest.ResponseRecorder{
			"another's id":       n.get(webAddress, n.v4(job+"-a")),
			"another's address":  n.get(jobAddress, n.v4(web+"-a")),
			"the task of it":     n.get(jobAddress, n.v4(web+"-a")+"/task"),
			"and its statistics": n.get(jobAddress, n.v4(web+"-a")+"/task/stats"),
			"a wrong id":         n.get(webAddress, n.v4(web+"-a")+"0"),
			"the engine's id":    n.get(webAddress, metadataPrefix+web+"-a"),
			"the credentials'":   n.get(webAddress, metadataPrefix+strings.TrimPrefix(n.path(web), pathPrefix)),
			"and the other way":  n.get(webAddress, pathPrefix+n.idOf(web+"-a")),
			"no such thing":      n.get(webAddress, n.v4(web+"-a")+"/secrets"),
			"a stranger":         stranger,
		} {
			if w.Code != 404 || w.Body.String() != stranger.Body.String() {
				n.Errorf("%s: %d %s, want what a stranger gets: %d %s", name, w.Code, w.Body, stranger.Code, stranger.Body)
			}
		}
	})
}

// A task without a role has metadata, and nothing else.
func TestATaskWithoutARoleHasNoCredentialsAndNoAPI(t *testing.T) {
	story(t, func(n *node) {
		roleless := acting(web, webAddress)
		roleless.Role = false
		n.Admit(roleless)
		n.wantNamed(n.get(webAddress, n.v4(web+"-a")), "a")
		n.wantRefused(n.get(webAddress, n.path(web)), 404, "")
		node := New(Config{API: target(n.T, "http://127.0.0.1:1")})
		node.Admit(roleless)
		r := httptest.NewRequest(http.MethodPost, "http://"+engine.HostAddress+":4600/", nil)
		r.RemoteAddr = webAddress + ":1"
		w := httptest.NewRecorder()
		node.apiHandler().ServeHTTP(w, r)
		n.wantRefused(w, 404, "")
		n.wantAsked(0)
	})
}

// A task in the machine's network calls from the machine itself, so its ids alone tell it; a task with an address of its
// own is not taken for it, nor is a machine elsewhere.
func TestATaskInTheMachinesNetworkIsKnownByItsIDs(t *testing.T) {
	const host = "33333333333333333333333333333333"
	story(t, func(n *node) {
		n.Admit(acting(host, ""))
		n.wantNamed(n.get("127.0.0.1", n.v4(host+"-b")), "b")
		n.wantRefused(n.get("10.87.0.9", n.v4(host+"-b")), 404, "")
		n.wantRefused(n.get("192.0.2.7", n.path(host)), 404, "")
		if w := n.get("127.0.0.1", n.path(host)); w.Code != 200 {
			n.Errorf("its credentials: %d %s", w.Code, w.Body)
		}
		n.wantRefused(n.get(webAddress, n.v4(host+"-b")), 404, "")
		n.wantRefused(n.get(webAddress, n.path(host)), 404, "")
		n.wantRefused(n.get("127.0.0.1", n.v4(web+"-a")), 404, "")
		n.wantRefused(n.get("127.0.0.1", n.path(web)), 404, "")
		n.Drop(host)
		n.wantRefused(n.get("127.0.0.1", n.v4(host+"-b")), 404, "")
	})
}

func TestATaskThatAsksAllTheTimeIsHeldBackAlone(t *testing.T) {
	story(t, func(n *node) {
		ask := func(times int) (answered int) {
			for range times {
				if w := n.get(webAddress, n.v4(web+"-a")); w.Code == 200 {
					answered++
				} else {
					n.wantRefused(w, 429, "Throttled")
				}
			}
			return answered
		}
		if got := ask(100); got != askBurst {
			n.Errorf("%d answers at once, want %d", got, askBurst)
		}
		n.wantNamed(n.get(jobAddress, n.v4(job+"-a")), "a")
		time.Sleep(time.Second)
		if got := ask(100); got != askRate {
			n.Errorf("%d answers a second later, want %d", got, askRate)
		}
		time.Sleep(time.Hour)
		if got := ask(100); got != askBurst {
			n.Errorf("%d answers at once after a while, want %d", got, askBurst)
		}
	})
}

// used is an engine of which a container uses a tenth of a core and sends a thousand bytes in a second.
func used(begin time.Time) func(context.Context, string) (engine.Stats, error) {
	return func(_ context.Context, id string) (engine.Stats, error) {
		if strings.HasSuffix(id, "-b") {
			return engine.Stats{}, engine.ErrNotFound
		}
		ran := time.Since(begin)
		return engine.Stats{
			Read: time.Now(), CPU: ran / 10, CPUSystem: ran / 100, Memory: 1000, MemoryCache: 300, MemoryPeak: 2000, MemoryLimit: 4000,
			Pids: 5, BlockRead: 7, BlockWritten: 8, Received: 50, Sent: int64(ran.Seconds() * 1000),
		}, nil
	}
}

func TestStatisticsAreDockers(t *testing.T) {
	story(t, func(n *node) {
		n.config.Stats = used(time.Now())
		time.Sleep(10 * time.Second)
		read := func() (d dockerStats) {
			w := n.get(webAddress, n.v4(web+"-a")+"/stats")
			if err := json.Unmarshal(w.Body.Bytes(), &d); w.Code != 200 || err != nil {
				n.Errorf("%d %s", w.Code, w.Body)
			}
			return d
		}
		first := read()
		if first.NetRate != nil || !first.PreRead.IsZero() || first.CPU.Usage.Total != int64(time.Second) || first.CPU.Usage.Kernel != int64(time.Second/10) {
			n.Errorf("first told %+v", first)
		}
		want := memoryStats{Usage: 1000, Max: 2000, Limit: 4000, Parts: map[string]int64{"cache": 300, "inactive_file": 300, "rss": 700}}
		if !reflect.DeepEqual(first.Memory, want) || first.Pids.Current != 5 || first.Blocks.Bytes[2] != (blockEntry{"Total", 15}) || first.ID != web+"-a" {
			n.Errorf("first told %+v", first)
		}
		time.Sleep(10 * time.Second)
		second := read()
		if second.NetRate == nil || second.NetRate.Sent != 1000 || second.NetRate.Received != 0 || second.Networks["eth0"].Sent != 20_000 {
			n.Errorf("then told %+v of the network", second.NetRate)
		}
		if used := second.CPU.Usage.Total - second.PreCPU.Usage.Total; used != int64(time.Second) || second.PreRead != first.Read || second.PreCPU.System == 0 {
			n.Errorf("then told %+v after %+v", second.CPU, second.PreCPU)
		}
		if again := read(); again.PreRead != first.Read { // too soon for a comparison with the last
			n.Errorf("at once told after %v, want after %v", again.PreRead, first.Read)
		}
		n.config.Stats = used(time.Now().Add(-time.Second)) // started anew
		if anew := read(); anew.NetRate != nil || !anew.PreRead.IsZero() {
			n.Errorf("of the next run told %+v", anew)
		}
		var all map[string]*dockerStats
		w := n.get(webAddress, n.v4(web+"-a")+"/task/stats")
		if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || len(all) != 2 || all[web+"-a"] == nil || all[web+"-b"] != nil {
			n.Errorf("of the task told %s, want what a uses, and null for b, which does not run", w.Body)
		}
	})
}

func TestTheMachinesTimeIsTold(t *testing.T) {
	if had := machineTime(); had <= 0 {
		t.Errorf("the machine has had %s of processor time", had)
	}
}
