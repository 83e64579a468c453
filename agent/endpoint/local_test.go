package endpoint

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Who is in the machine's network reaches the API by the node's line while a task with a role is there.
func TestTasksInTheMachinesNetworkReachTheAPI(t *testing.T) {
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "answer to "+r.URL.Path) }))
	t.Cleanup(behind.Close)
	node := New(Config{API: target(t, behind.URL), Line: http.DefaultTransport})
	front := httptest.NewServer(node.forLocal(node.toAPI()))
	t.Cleanup(front.Close)
	get := func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get(front.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	node.Admit(Task{ID: web, Address: "10.64.0.2", Role: true}) // has an address of its own
	node.Admit(Task{ID: job, Role: false})
	if status, _ := get("/"); status != http.StatusNotFound {
		t.Errorf("without such a task it answers %d", status)
	}
	node.Admit(Task{ID: job, Role: true})
	if status, text := get("/x"); status != http.StatusOK || text != "answer to /x" {
		t.Errorf("with one it answers %d %q", status, text)
	}
	if status, _ := get("/node/v1/session"); status != http.StatusNotFound {
		t.Errorf("to what is between nodes and the control plane it answers %d", status)
	}
	node.Drop(job)
	if status, _ := get("/"); status != http.StatusNotFound {
		t.Errorf("after its end it answers %d", status)
	}
}
