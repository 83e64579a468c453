// Command testfunction is a function for tests, made with an unmodified aws-lambda-go: what it does is in its payload.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// request says what to do, in this order.
type request struct {
	Print    []string `json:"print"`
	Read     string   `json:"read"`    // a file, whose text is the answer
	Write    string   `json:"write"`   // a file, in which Bytes are written
	Dial     string   `json:"dial"`    // an address; the answer is what becomes of it
	Listen   string   `json:"listen"`  // an address
	Environ  string   `json:"environ"` // a variable, whose value is the answer
	Identity bool     `json:"identity"`
	Bytes    int64    `json:"bytes"`
	Answer   int      `json:"answer"` // length of the answer
	Sleep    string   `json:"sleep"`
	Exit     *int     `json:"exit"`
	Fail     string   `json:"fail"`
	Flood    bool     `json:"flood"` // print without end
	Eat      bool     `json:"eat"`   // memory, without end
	Fork     bool     `json:"fork"`  // without end
	Crash    bool     `json:"crash"`
}

func main() {
	if len(os.Args) > 1 { // one of those that fork makes
		time.Sleep(time.Hour)
	}
	if os.Getenv("PRINT_AT_INIT") != "" {
		fmt.Println(os.Getenv("PRINT_AT_INIT"))
	}
	if os.Getenv("EXIT_AT_INIT") != "" {
		os.Exit(7)
	}
	if os.Getenv("PANIC_AT_INIT") != "" {
		panic(os.Getenv("PANIC_AT_INIT"))
	}
	if os.Getenv("SLEEP_AT_INIT") != "" {
		time.Sleep(time.Hour)
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, r request) (string, error) {
	for _, line := range r.Print {
		fmt.Println(line)
	}
	if pause, err := time.ParseDuration(r.Sleep); err == nil {
		time.Sleep(pause)
	}
	switch {
	case r.Exit != nil:
		os.Exit(*r.Exit)
	case r.Fail != "":
		return "", fmt.Errorf("%s", r.Fail)
	case r.Crash:
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		select {}
	case r.Flood:
		flood()
	case r.Eat:
		eat()
	case r.Fork:
		return fork(), nil
	case r.Answer > 0:
		return strings.Repeat("x", r.Answer), nil
	case r.Read != "":
		text, err := os.ReadFile(r.Read)
		return string(text), err
	case r.Write != "":
		return "", write(r.Write, r.Bytes)
	case r.Listen != "":
		return listen(r.Listen)
	case r.Dial != "":
		return dial(r.Dial), nil
	case r.Environ != "":
		return os.Getenv(r.Environ), nil
	case r.Identity:
		return fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()), nil
	}
	known, _ := lambdacontext.FromContext(ctx)
	return known.InvokedFunctionArn, nil
}

func flood() {
	text := []byte(strings.Repeat(strings.Repeat("f", 99)+"\n", 1000))
	for {
		os.Stdout.Write(text)
	}
}

func eat() {
	var all [][]byte
	for {
		piece := make([]byte, 1<<20)
		for i := range piece {
			piece[i] = 1
		}
		all = append(all, piece)
	}
}

// fork starts processes until there may be no more, and tells how it was told so.
func fork() string {
	for n := 0; ; n++ {
		if err := exec.Command("/proc/self/exe", "wait").Start(); err != nil {
			return err.Error()
		}
	}
}

func write(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	piece := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(piece)) {
		if _, err := f.Write(piece); err != nil {
			return err
		}
	}
	return f.Sync()
}

// listen takes connections from then on.
func listen(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	go func() {
		for {
			if line, err := l.Accept(); err == nil {
				line.Close()
			}
		}
	}()
	return l.Addr().String(), nil
}

func dial(address string) string {
	line, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err.Error()
	}
	line.Close()
	return "connected"
}
