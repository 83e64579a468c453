// Program is what test images run: it does what its arguments say, step by step, and
// exits with 0 when it runs out of steps. Steps are parted by "then":
//
//	print LINE...        print each as a line
//	flood BYTES          print so many bytes, then the line "end"
//	count LINES          print so many numbered lines
//	exit CODE            end
//	sleep DURATION       wait
//	wait [CODE]          wait for a signal, print "got SIGTERM" and end with CODE
//	stubborn             ignore every signal that can be ignored
//	eat MIB              allocate and touch so much memory
//	serve PORT TEXT      answer http with TEXT for ever
//	echo PORT            answer every datagram with itself for ever
//	get URL              print what URL answers, waiting for it to come up; $NAME stands for a variable
//	knock ADDRESS        print "open" or why nothing answers there
//	forge MAC WORD IP... pretend for 3 seconds to have that hardware address and these IP addresses, and
//	                     print how many packets with WORD that brought
//	write FILE TEXT      write a file
//	read FILE            print a file
//	try FILE             print "opened FILE" or why it cannot be opened
//	spawn STEP...        run the steps in a child and wait for it
//	fork COUNT           start so many children that wait, print "forked N"
//	show                 print Facts as JSON
//	warn LINE...         print each as a line on standard error
//	cat                  print standard input to its end
//	env NAME             print a variable
//	size                 print the size of the terminal now and whenever it changes, for ever
//	work DURATION        use the cpu for so long
//	ls FOLDER            print name, mode, owner and group of the folder and what is in it
//	burn                 use the first cpu for ever
//	fill FILE MIB        write so much, print "filled MIB" or why not
//	open FILES           open so many files, print "opened N" or how many were possible
//	orphan COUNT         leave so many children to be reaped by somebody else, who end at once
//	ended COUNT          wait until those have ended and so many are left that nobody has reaped, print "ended"
//	shmput KEY TEXT      put a text into shared memory
//	shmget KEY           print it, or why not
//	tty                  print whether standard input and output are a terminal
//	stdin                print "ended" when standard input ends
//	symlink TO PATH      make a link
//	bomb                 start children that start children, for ever
//	escape WHAT ARG...   try to get out, print "refused WHAT: why" or "OPEN WHAT"
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"slipway/engine/enginetest/facts"
)

func main() {
	args := os.Args[1:]
	for len(args) > 0 {
		step := args
		if end := slices.Index(args, "then"); end >= 0 {
			step, args = args[:end], args[end+1:]
		} else {
			args = nil
		}
		run(step)
	}
}

func run(step []string) {
	words := map[string]func([]string){
		"print": printLines, "flood": flood, "count": countLines, "exit": exit, "sleep": sleep, "wait": wait,
		"stubborn": stubborn, "eat": eat, "serve": serve, "echo": echo, "get": get, "knock": knock, "forge": forge, "write": write,
		"read": read, "try": try, "spawn": spawn, "fork": fork, "show": show,
		"warn": warn, "cat": cat, "env": env, "size": size, "work": work,
		"ls": ls, "fill": fill, "open": open, "orphan": orphan, "ended": ended, "shmput": shmput, "shmget": shmget,
		"tty": tty, "stdin": stdin, "escape": escape, "burn": burn, "abandon": abandon, "symlink": symlink, "bomb": bomb,
	}
	word, ok := words[step[0]]
	if !ok {
		fail(fmt.Errorf("unknown step %q", step[0]))
	}
	word(step[1:])
}

func fail(err error) {
	fmt.Println("program:", err)
	os.Exit(2)
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	check(err)
	return n
}

func printLines(lines []string) {
	for _, line := range lines {
		fmt.Println(line)
	}
}

func flood(args []string) {
	os.Stdout.Write(append(bytes.Repeat([]byte{'x'}, number(args[0])), "\nend\n"...))
}

func countLines(args []string) {
	out := bufio.NewWriter(os.Stdout)
	for i := range number(args[0]) {
		fmt.Fprintln(out, "line", i)
	}
	check(out.Flush())
}

func exit(args []string) { os.Exit(number(args[0])) }

func sleep(args []string) {
	d, err := time.ParseDuration(args[0])
	check(err)
	time.Sleep(d)
}

func wait(args []string) {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1)
	fmt.Println("waiting")
	names := map[os.Signal]string{syscall.SIGTERM: "SIGTERM", syscall.SIGINT: "SIGINT", syscall.SIGUSR1: "SIGUSR1"}
	fmt.Println("got", names[<-got])
	if len(args) > 0 {
		exit(args)
	}
	os.Exit(0)
}

func stubborn([]string) {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	fmt.Println("waiting")
	for {
		time.Sleep(time.Hour) // not select{}, which the runtime takes for a deadlock
	}
}

func eat(args []string) {
	var eaten [][]byte
	for range number(args[0]) {
		mib := make([]byte, 1<<20)
		for i := 0; i < len(mib); i += 4096 {
			mib[i] = 1
		}
		eaten = append(eaten, mib)
	}
	fmt.Println("ate", len(eaten))
}

func serve(args []string) {
	listener, err := net.Listen("tcp", ":"+args[0])
	check(err)
	fmt.Println("serving")
	check(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, args[1]) })))
}

func echo(args []string) {
	conn, err := net.ListenPacket("udp", ":"+args[0])
	check(err)
	fmt.Println("serving")
	for buf := make([]byte, 1500); ; {
		n, from, err := conn.ReadFrom(buf)
		check(err)
		_, err = conn.WriteTo(buf[:n], from)
		check(err)
	}
}

func get(args []string) {
	client := http.Client{Timeout: 5 * time.Second}
	url := os.ExpandEnv(args[0])
	deadline := time.Now().Add(20 * time.Second)
	for {
		answer, err := client.Get(url)
		if err == nil {
			io.Copy(os.Stdout, answer.Body)
			fmt.Println()
			return
		}
		if time.Now().After(deadline) {
			fail(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func knock(args []string) {
	conn, err := net.DialTimeout("tcp", args[0], 5*time.Second)
	if err != nil {
		fmt.Println(err)
		return
	}
	conn.Close()
	fmt.Println("open")
}

func write(args []string) { check(os.WriteFile(args[0], []byte(args[1]), 0o644)) }

func read(args []string) {
	data, err := os.ReadFile(args[0])
	check(err)
	os.Stdout.Write(data)
}

func try(args []string) {
	f, err := os.Open(args[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	f.Close()
	fmt.Println("opened", args[0])
}

func spawn(args []string) {
	child := exec.Command("/proc/self/exe", args...)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Run(); err != nil {
		fmt.Println("child:", err)
	}
}

func fork(args []string) {
	started := 0
	for range number(args[0]) {
		if exec.Command("/proc/self/exe", "stubborn").Start() != nil {
			break
		}
		started++
	}
	fmt.Println("forked", started)
}

func show([]string) { check(json.NewEncoder(os.Stdout).Encode(facts.Gather())) }
