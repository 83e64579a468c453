package proxy_test

import (
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"
	"os"
	"slipway/ingress/proxy"
)

func TestZZ(t *testing.T) {
	_, p, _ := net.SplitHostPort(os.Getenv("TARGET"))
	n, _ := strconv.Atoi(p)
	w := newWorld(t, func(p *proxy.Plan) { p.Groups[0].Check.Off = true })
	w.set(proxy.Target{ID: "x", Host: "127.0.0.1", Port: n})
	time.Sleep(200 * time.Millisecond)
	out, err := exec.Command("wrk", "-t2", "-c64", "-d6s", "--latency", fmt.Sprintf("http://127.0.0.1:%d/1KiB", w.port)).CombinedOutput()
	fmt.Println(string(out), err)
}
