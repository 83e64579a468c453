// Command hello is what the demo runs in a container: it says who it is, prints a
// line a second and answers on port 8080.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	name, _ := os.Hostname()
	fmt.Printf("hello from container %s: pid %d, uid %d, GREETING=%q\n", name, os.Getpid(), os.Getuid(), os.Getenv("GREETING"))

	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("%s %s from %s\n", r.Method, r.URL, r.RemoteAddr)
		fmt.Fprintf(w, "%s from container %s\n", os.Getenv("GREETING"), name)
	})
	go func() { log.Fatal(http.ListenAndServe(":8080", nil)) }()

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	for second := 1; ; second++ {
		select {
		case <-stop:
			fmt.Println("goodbye")
			return
		case <-time.After(time.Second):
			fmt.Println("second", second)
		}
	}
}
