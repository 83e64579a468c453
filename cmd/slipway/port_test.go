package main

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
)

// Tests take ports from here: below those that the kernel gives to whoever asks for any, so that one is free until its
// test listens there, and again when that has been killed.
const firstPort, ports = 10_000, 20_000

// lastPort is which was taken last: each test has its own. Two processes begin in different places.
var lastPort = atomic.Uint32{}

func init() { lastPort.Store(rand.Uint32N(ports)) }

// freeAddress is one that nobody listens at.
func freeAddress(t testing.TB, host string) string {
	t.Helper()
	for range ports {
		address := net.JoinHostPort(host, strconv.Itoa(firstPort+int(lastPort.Add(1)%ports)))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatalf("no port of %s is free", host)
	return ""
}

// freePort is one that nobody listens at, on any address.
func freePort(t testing.TB) int32 {
	t.Helper()
	_, text, _ := net.SplitHostPort(freeAddress(t, ""))
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(port)
}
