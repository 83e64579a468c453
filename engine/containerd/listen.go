package containerd

import (
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"slipway/engine"
)

// Listen opens a port of engine.HostAddress. No interface has that address: what tasks send there is
// led to a port that the kernel chooses and that only the bridge reaches, so it clashes with nothing
// that listens on the machine, nor with another node's.
func (e *Engine) Listen(ctx context.Context, port int) (net.Listener, error) {
	if port < 1 || port > 65535 {
		return nil, fmt.Errorf("port %d is not between 1 and 65535", port)
	}
	if err := e.network.rules.ensure(ctx); err != nil {
		return nil, err
	}
	l, err := listenOn(ctx, e.options.Bridge)
	if err != nil {
		return nil, fmt.Errorf("listen on bridge %s: %w", e.options.Bridge, err)
	}
	if err := e.network.rules.lead(ctx, port, l.Addr().(*net.TCPAddr).Port); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// ListenLocal opens a port of this machine alone.
func (e *Engine) ListenLocal(ctx context.Context, port int) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
}

// listenOn listens for what comes in by an interface, and by no other.
func listenOn(ctx context.Context, name string) (net.Listener, error) {
	bind := func(_, _ string, socket syscall.RawConn) error {
		var failed error
		err := socket.Control(func(fd uintptr) { failed = unix.BindToDevice(int(fd), name) })
		if err != nil {
			return err
		}
		return failed
	}
	config := net.ListenConfig{Control: bind}
	return config.Listen(ctx, "tcp4", ":0")
}

// lead takes what tasks send to a port of engine.HostAddress to a port of this machine, and no longer
// where it was led before.
func (r rules) lead(ctx context.Context, port, to int) error {
	r.once.Lock()
	defer r.once.Unlock()
	marked, err := r.marked(ctx, "nat")
	if err != nil {
		return err
	}
	from := fmt.Sprintf("-d %s/32 -i %s -p tcp -m tcp --dport %d ", engine.HostAddress, r.bridge, port)
	var lines []string
	for _, line := range marked {
		if strings.Contains(line, from) {
			lines = append(lines, line)
		}
	}
	lines = append(lines, r.insert(fmt.Sprintf("PREROUTING %s-j REDIRECT --to-ports %d", from, to)))
	return restore(ctx, "nat", lines)
}
