package containerd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// rules are the packet rules of the bridge as a whole: its tasks reach the world behind the
// host's address, and a firewall that forwards nothing by default lets them. The rules of single
// ports are the portmap plugin's.
type rules struct {
	mine [][]string // table, chain, rule...
	once *onceDone
}

// onceDone runs until it has succeeded once.
type onceDone struct {
	sync.Mutex
	done bool
}

func newRules(bridge, subnet string) rules {
	note := []string{"-m", "comment", "--comment", "slipway " + bridge}
	rule := func(words ...string) []string { return append(words, note...) }
	return rules{once: &onceDone{}, mine: [][]string{
		rule("nat", "POSTROUTING", "-s", subnet, "!", "-o", bridge, "-j", "MASQUERADE"),
		rule("filter", "FORWARD", "-i", bridge, "-j", "ACCEPT"),
		rule("filter", "FORWARD", "-o", bridge, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED,DNAT", "-j", "ACCEPT"),
	}}
}

// ensure makes the rules where they are missing, once in our life.
func (r rules) ensure(ctx context.Context) error {
	r.once.Lock()
	defer r.once.Unlock()
	if r.once.done {
		return nil
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let the kernel forward packets of tasks: %w", err)
	}
	for _, rule := range r.mine {
		if iptables(ctx, "-C", rule) == nil {
			continue
		}
		if err := iptables(ctx, "-I", rule); err != nil {
			return err
		}
	}
	r.once.done = true
	return nil
}

// remove takes the rules away.
func (r rules) remove(ctx context.Context) error {
	r.once.Lock()
	defer r.once.Unlock()
	r.once.done = false
	for _, rule := range r.mine {
		for iptables(ctx, "-C", rule) == nil {
			if err := iptables(ctx, "-D", rule); err != nil {
				return err
			}
		}
	}
	return nil
}

func iptables(ctx context.Context, verb string, rule []string) error {
	args := append([]string{"--wait", "-t", rule[0], verb}, rule[1:]...)
	program, err := findProgram("iptables")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"PATH=" + searchPath()}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("iptables %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
