// Command testextension is an external extension for tests: it prints what it is told of calls, of the end, and by
// telemetry.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

const identifier = "Lambda-Extension-Identifier"

func main() {
	header, _ := ask("POST", "/2020-01-01/extension/register", `{"events":["INVOKE","SHUTDOWN"]}`, "Lambda-Extension-Name", filepath.Base(os.Args[0]))
	id := header.Get(identifier)
	l, err := net.Listen("tcp", "sandbox.localdomain:4243")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(l, http.HandlerFunc(hear))
	ask("PUT", "/2022-07-01/telemetry", `{"schemaVersion":"2022-12-13","types":["platform"],"buffering":{"timeoutMs":25},
		"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:4243/"}}`, identifier, id)
	for {
		_, text := ask("GET", "/2020-01-01/extension/event/next", "", identifier, id)
		var event struct{ EventType, RequestID, ShutdownReason string }
		if err := json.Unmarshal(text, &event); err != nil {
			log.Fatal(err)
		}
		fmt.Println("told", event.EventType, event.RequestID+event.ShutdownReason)
		if event.EventType == "SHUTDOWN" {
			return
		}
	}
}

// hear prints the types of events.
func hear(_ http.ResponseWriter, r *http.Request) {
	var events []struct{ Type string }
	if err := json.NewDecoder(r.Body).Decode(&events); err != nil {
		log.Print(err)
	}
	for _, e := range events {
		fmt.Println("heard", e.Type)
	}
}

func ask(method, path, body, name, value string) (http.Header, []byte) {
	r, err := http.NewRequest(method, "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+path, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set(name, value)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		log.Fatal(res.Status, string(text), err)
	}
	return res.Header, text
}
