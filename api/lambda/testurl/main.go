// Command testurl is a function for tests, made with an unmodified lambdaurl of aws-lambda-go: a web server whose
// answers go to clients as they come.
package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-lambda-go/lambdaurl"
)

func main() { lambdaurl.Start(http.HandlerFunc(serve)) }

func serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/echo":
		body, _ := io.ReadAll(r.Body)
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: r.URL.Query().Get("who")})
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Query().Get("who"), body)
	case "/endless": // who reads the first line reads it while the call is under way
		fmt.Fprintln(w, "first")
		<-r.Context().Done()
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}
