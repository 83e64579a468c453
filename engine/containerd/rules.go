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
// of iptables, where the portmap plugin makes more than twenty. Listen adds a rule for each port by
// which tasks reach us.
type rules struct {
	bridge string
	chain  string
	mine   map[string][]string // by table, as iptables-restore takes them; earlier ones come first
	once   *onceDone
}

// onceDone is what needs to succeed once.
type onceDone struct {
	sync.Mutex
	done bool
}

// tables are those that hold rules of ours.
var tables = []string{"nat", "filter"}

func newRules(bridge, subnet, held string) rules {
	r := rules{bridge: bridge, chain: "SLIPWAY-" + bridge, once: &onceDone{}}
	r.mine = map[string][]string{
		"nat": {
			"PREROUTING -m addrtype --dst-type LOCAL -j " + r.chain,
			"OUTPUT -m addrtype --dst-type LOCAL -j " + r.chain,
			"POSTROUTING -s " + subnet + " ! -o " + bridge + " -j MASQUERADE",
			"POSTROUTING -s 127.0.0.0/8 -o " + bridge + " -j MASQUERADE",
			"POSTROUTING -s " + subnet + " -o " + bridge + " -m conntrack --ctstate DNAT -j MASQUERADE",
		},
		"filter": {
			"FORWARD -i " + bridge + " -d " + engine.HostAddress + " -j REJECT", // what is not led to us goes nowhere
			"FORWARD -i " + bridge + " -s " + held + " -d 169.254.0.0/16 -j REJECT",
			"FORWARD -i " + bridge + " -j ACCEPT",
			"FORWARD -o " + bridge + " -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
			// routeLocalnet would let a task that forges packets reach what listens on loopback alone.
			"INPUT -i " + bridge + " -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
			"INPUT -i " + bridge + " -p tcp -m conntrack --ctorigdst " + engine.HostAddress + " -j ACCEPT",
			"INPUT -i " + bridge + " -s " + held + " -m conntrack ! --ctstate RELATED,ESTABLISHED -j REJECT", // the node is none of theirs
		},
	}
	return r
}

// mark is the comment that tells the rules of this bridge, but for those of its tasks.
func (r rules) mark() string { return "slipway " + r.bridge }

// insert is the line that puts a rule before all others of its chain.
func (r rules) insert(rule string) string {
	return "-I " + rule + ` -m comment --comment "` + r.mark() + `"`
}

// marked are the lines that take the marked rules away that are in a table now.
func (r rules) marked(ctx context.Context, table string) ([]string, error) {
	out, err := iptables(ctx, table, "-S")
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(out) {
		rule, isRule := strings.CutPrefix(strings.TrimSpace(line), "-A ")
		if isRule && strings.Contains(rule, `--comment "`+r.mark()+`"`) {
			lines = append(lines, "-D "+rule)
		}
	}
	return lines, nil
}

// ensure makes the bridge and its rules, once in our life. Rules of a former life are replaced.
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
	for _, table := range tables {
		lines, err := r.marked(ctx, table)
		if err != nil {
			return err
		}
		for _, rule := range slices.Backward(r.mine[table]) {
			lines = append(lines, r.insert(rule))
		}
		if err := restore(ctx, table, lines); err != nil {
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
	for _, table := range tables {
		lines, err := r.marked(ctx, table)
		if err != nil {
			return err
		}
		if err := restore(ctx, table, lines); err != nil {
			return err
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
	return restore(ctx, "nat", lines)
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
	return restore(ctx, "nat", lines)
}

func tcpOf(ports []engine.Port) []engine.Port {
	return slices.DeleteFunc(slices.Clone(ports), func(p engine.Port) bool { return p.Protocol != "tcp" })
}

// restore applies lines to a table, all or none.
func restore(ctx context.Context, table string, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	text := "*" + table + "\n" + strings.Join(lines, "\n") + "\nCOMMIT\n"
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
