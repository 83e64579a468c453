package containerd

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"slipway/engine"
)

// rules are the packet rules of a bridge. Those for the bridge as a whole are made once: its tasks
// reach the world behind the host's address, a firewall that forwards nothing by default lets
// them, and what asks for a published port on the host, from wherever, gets an answer. That leaves
// one rule for each published tcp port, in a chain of the bridge's own; a task's are made by one run
// of iptables, where the portmap plugin makes more than twenty.
type rules struct {
	bridge string
	chain  string
	mine   [][]string // table, chain, rule...
	once   *onceDone
}

// onceDone is what needs to succeed once.
type onceDone struct {
	sync.Mutex
	done bool
}

func newRules(bridge, subnet string) rules {
	r := rules{bridge: bridge, chain: "SLIPWAY-" + bridge, once: &onceDone{}}
	local := []string{"-m", "addrtype", "--dst-type", "LOCAL", "-j", r.chain}
	r.mine = [][]string{
		append([]string{"nat", "PREROUTING"}, local...),
		append([]string{"nat", "OUTPUT"}, local...),
		{"nat", "POSTROUTING", "-s", subnet, "!", "-o", bridge, "-j", "MASQUERADE"},
		{"nat", "POSTROUTING", "-s", "127.0.0.0/8", "-o", bridge, "-j", "MASQUERADE"},
		{"nat", "POSTROUTING", "-s", subnet, "-o", bridge, "-m", "conntrack", "--ctstate", "DNAT", "-j", "MASQUERADE"},
		{"filter", "FORWARD", "-i", bridge, "-j", "ACCEPT"},
		{"filter", "FORWARD", "-o", bridge, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED,DNAT", "-j", "ACCEPT"},
		// routeLocalnet would let a task that forges packets reach what listens on loopback alone.
		{"filter", "INPUT", "-i", bridge, "-d", "127.0.0.0/8", "-m", "conntrack", "!", "--ctstate", "RELATED,ESTABLISHED,DNAT", "-j", "DROP"},
	}
	for i := range r.mine {
		r.mine[i] = append(r.mine[i], "-m", "comment", "--comment", "slipway "+bridge)
	}
	return r
}

// ensure makes the bridge and its rules where they are missing, once in our life.
func (r rules) ensure(ctx context.Context) error {
	r.once.Lock()
	defer r.once.Unlock()
	if r.once.done {
		return nil
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let the kernel forward packets of tasks: %w", err)
	}
	if err := makeBridge(r.bridge); err != nil {
		return err
	}
	if _, err := iptables(ctx, "nat", "-S", r.chain); err != nil {
		if _, err := iptables(ctx, "nat", "-N", r.chain); err != nil {
			return err
		}
	}
	for _, rule := range r.mine {
		if _, err := iptables(ctx, rule[0], "-C", rule[1:]...); err == nil {
			continue
		}
		if _, err := iptables(ctx, rule[0], "-I", rule[1:]...); err != nil {
			return err
		}
	}
	r.once.done = true
	return nil
}

// remove takes the bridge's rules away.
func (r rules) remove(ctx context.Context) error {
	r.once.Lock()
	defer r.once.Unlock()
	r.once.done = false
	for _, rule := range r.mine {
		for {
			if _, err := iptables(ctx, rule[0], "-C", rule[1:]...); err != nil {
				break
			}
			if _, err := iptables(ctx, rule[0], "-D", rule[1:]...); err != nil {
				return err
			}
		}
	}
	if _, err := iptables(ctx, "nat", "-S", r.chain); err != nil {
		return nil
	}
	if _, err := iptables(ctx, "nat", "-F", r.chain); err != nil {
		return err
	}
	_, err := iptables(ctx, "nat", "-X", r.chain)
	return err
}

// publish leads the tcp ports of a task to its address.
func (r rules) publish(ctx context.Context, task, address string, ports []engine.Port) error {
	ports = tcpOf(ports)
	if len(ports) == 0 {
		return nil
	}
	if err := routeLocalnet(r.bridge); err != nil {
		return err
	}
	var lines []string
	for _, p := range ports {
		to := net.JoinHostPort(address, strconv.Itoa(p.Container))
		lines = append(lines, fmt.Sprintf("-A %s -p tcp -m tcp --dport %d -m comment --comment %s -j DNAT --to-destination %s", r.chain, p.Host, task, to))
	}
	return restoreNAT(ctx, lines)
}

// routeLocalnet lets the kernel route packets from 127.0.0.1 to the bridge, where they leave with
// the bridge's address.
func routeLocalnet(bridge string) error {
	return os.WriteFile("/proc/sys/net/ipv4/conf/"+bridge+"/route_localnet", []byte("1"), 0o644)
}

// unpublish takes away all rules of a task, whatever is known of its ports.
func (r rules) unpublish(ctx context.Context, task string) error {
	out, err := iptables(ctx, "nat", "-S", r.chain)
	if err != nil {
		return nil // no chain, no rules
	}
	var lines []string
	for line := range strings.Lines(out) {
		if rest, isRule := strings.CutPrefix(strings.TrimSpace(line), "-A "); isRule && slices.Contains(strings.Fields(rest), task) {
			lines = append(lines, "-D "+rest)
		}
	}
	return restoreNAT(ctx, lines)
}

func tcpOf(ports []engine.Port) []engine.Port {
	return slices.DeleteFunc(slices.Clone(ports), func(p engine.Port) bool { return p.Protocol != "tcp" })
}

// restoreNAT applies lines to the nat table, all or none.
func restoreNAT(ctx context.Context, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	text := "*nat\n" + strings.Join(lines, "\n") + "\nCOMMIT\n"
	_, err := run(ctx, text, "iptables-restore", "--wait", "--noflush")
	return err
}

func iptables(ctx context.Context, table, verb string, rule ...string) (string, error) {
	return run(ctx, "", "iptables", append([]string{"--wait", "-t", table, verb}, rule...)...)
}

// run runs a program of the machine to its end.
func run(ctx context.Context, stdin, name string, args ...string) (string, error) {
	program, err := findProgram(name)
	if err != nil {
		return "", err
	}
	stdout, stderr, err := runProgram(ctx, program, args, nil, stdin)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, stderr)
	}
	return stdout, nil
}
