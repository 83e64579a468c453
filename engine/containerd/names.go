package containerd

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"slipway/engine"
)

// hostGateway is the machine, as docker calls it among the addresses of extra hosts.
const hostGateway = "host-gateway"

// hostsOf are the extra hosts of a Spec, with addresses that are. Source: docker run --add-host.
func (e *Engine) hostsOf(s engine.Spec) ([]engine.Host, error) {
	var all []engine.Host
	for _, h := range s.ExtraHosts {
		if h.Address == hostGateway {
			h.Address = e.network.cni.gateway.String()
		}
		if _, err := netip.ParseAddr(h.Address); err != nil {
			return nil, fmt.Errorf("extra host %q: %q is not an IP address", h.Name, h.Address)
		}
		if h.Name == "" || strings.ContainsAny(h.Name, " \t\r\n#") {
			return nil, fmt.Errorf("extra host %q is not a name", h.Name)
		}
		all = append(all, h)
	}
	return all, nil
}

const localHosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n" +
	"fe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"

// hostsText is /etc/hosts as docker writes it. In the machine's network it begins with the machine's.
func hostsText(self about, network engine.NetworkMode, address string) []byte {
	var b strings.Builder
	b.WriteString(localHosts)
	if network == engine.HostNet {
		if machines, err := os.ReadFile("/etc/hosts"); err == nil {
			b.Reset()
			b.WriteString(strings.TrimRight(string(machines), "\n") + "\n")
		}
	}
	for _, h := range self.Hosts {
		b.WriteString(h.Address + "\t" + h.Name + "\n")
	}
	if address != "" {
		b.WriteString(address + "\t" + self.Hostname + "\n")
	}
	return []byte(b.String())
}

// resolvText is /etc/resolv.conf: the machine's, with what the Spec names in the place of what that
// names. Servers that only the machine itself reaches are left out, but in its own network.
func resolvText(s engine.Spec) []byte {
	text := machineResolv(s.Network)
	var b strings.Builder
	for line := range strings.Lines(text) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		word, _, _ = strings.Cut(word, "\t")
		replaced := word == "nameserver" && len(s.DNS) > 0 ||
			(word == "search" || word == "domain") && len(s.DNSSearch) > 0
		if !replaced {
			b.WriteString(line)
		}
	}
	if len(s.DNSSearch) > 0 {
		b.WriteString("search " + strings.Join(s.DNSSearch, " ") + "\n")
	}
	for _, server := range s.DNS {
		b.WriteString("nameserver " + server + "\n")
	}
	return []byte(b.String())
}

// checkDNS refuses what would be lines of its own.
func checkDNS(s engine.Spec) error {
	for _, server := range s.DNS {
		if _, err := netip.ParseAddr(server); err != nil {
			return fmt.Errorf("name server %q is not an IP address", server)
		}
	}
	for _, domain := range s.DNSSearch {
		if domain == "" || strings.ContainsAny(domain, " \t\r\n") {
			return fmt.Errorf("search domain %q is not a name", domain)
		}
	}
	return nil
}

func machineResolv(network engine.NetworkMode) string {
	for _, file := range []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} {
		data, _ := os.ReadFile(file)
		if network == engine.HostNet && len(data) > 0 {
			return string(data)
		}
		if text, servers := reachable(string(data)); servers > 0 {
			return text
		}
	}
	return "nameserver 8.8.8.8\nnameserver 8.8.4.4\n" // as docker does
}

func reachable(resolv string) (text string, servers int) {
	var kept strings.Builder
	for line := range strings.Lines(resolv) {
		words := strings.Fields(line)
		if len(words) > 1 && words[0] == "nameserver" {
			if address, err := netip.ParseAddr(words[1]); err != nil || address.IsLoopback() {
				continue
			}
			servers++
		}
		kept.WriteString(line)
	}
	text = kept.String()
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text, servers
}
