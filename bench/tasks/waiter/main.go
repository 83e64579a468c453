// Command waiter is what the benchmark runs in containers: it waits until it is told to end. With a
// number it prints so many MB in lines of 100 bytes, then the line "end", and ends.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) > 1 {
		if err := flood(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
}

func flood(mb string) error {
	n, err := strconv.Atoi(mb)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	line := strings.Repeat("x", 99) + "\n"
	for range n * 10_000 {
		_, _ = out.WriteString(line) // Flush says what went wrong
	}
	_, _ = out.WriteString("end\n")
	return out.Flush()
}
