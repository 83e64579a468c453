// Command handler answers with what it is asked: as a function, or, with an address, as a plain HTTP server.
package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	if len(os.Args) > 1 {
		http.ListenAndServe(os.Args[1], http.HandlerFunc(serve))
		return
	}
	lambda.Start(func(in json.RawMessage) (json.RawMessage, error) { return in, nil })
}

func serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Write(body)
}
