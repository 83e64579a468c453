package taskdef

import (
	"fmt"
	"net/netip"
	"strings"

	"slipway/internal/lazyregexp"
)

// domainPattern is the form of a name in the DNS, with underscores, which Docker takes too.
var domainPattern = lazyregexp.New(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$|^\.$`)

// portNamePattern is the form of the name of a port mapping. Source: Amazon ECS API Reference, PortMapping.
var portNamePattern = lazyregexp.New(`^[a-z0-9_][a-z0-9_-]{0,63}$`)

func isAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}

// modes checks which namespaces the task's containers are in.
func (c *checker) modes(s Spec) {
	c.optional(s.NetworkMode, "networkMode", modeBridge, modeVPC, modeHost, modeNone)
	c.optional(s.PIDMode, "pidMode", "task", "host")
	c.optional(s.IPCMode, "ipcMode", "task", "host", "none")
}

// network finds what a container asks for that the network mode of its task does not have. Source:
// Amazon ECS Developer Guide, "Amazon ECS task definition parameters".
func (c *checker) network(s Spec) {
	for i, container := range s.Containers {
		at := func(member string) string { return fmt.Sprintf("containerDefinitions[%d].%s", i, member) }
		if s.NetworkMode == modeVPC {
			c.refuse(container.Hostname != "", at("hostname"), "Hostname is not supported on container when networkMode=awsvpc.")
			c.refuse(len(container.ExtraHosts) > 0, at("extraHosts"), "Extra hosts is not supported on container when networkMode=awsvpc.")
		}
		if s.NetworkMode == modeNone {
			c.refuse(len(container.Ports) > 0, at("portMappings"), "Port mappings are not supported when networkMode=none.")
		}
		c.sysctls(s, container, at("systemControls"))
	}
}

// ports finds clashes: on the host, and inside the task, whose containers share one address.
func (c *checker) ports(s Spec) {
	taken := takenPorts{map[taskPort]bool{}, map[taskPort]int{}, map[string]string{}}
	dynamic := 0
	for i, container := range s.Containers {
		c.refuse(len(container.Ports) > maxPorts, fmt.Sprintf("containerDefinitions[%d].portMappings", i), "%d port mappings are more than %d.", len(container.Ports), maxPorts)
		for j, p := range container.Ports {
			at := fmt.Sprintf("containerDefinitions[%d].portMappings[%d].", i, j)
			c.port(s, container, p, at)
			if c.err != nil {
				return
			}
			c.clashes(taken, p, i, at)
		}
		dynamic += len(s.published(container))
	}
	c.refuse(dynamic > maxPublished, "containerDefinitions", "%d ports are published, and at most %d can be.", dynamic, maxPublished)
}

// port checks one mapping by itself.
func (c *checker) port(s Spec, container Container, p Port, at string) {
	c.refuse(p.Protocol != "tcp" && p.Protocol != "udp", at+"protocol", "%q is neither tcp nor udp.", p.Protocol)
	c.optional(p.AppProtocol, at+"appProtocol", "http", "http2", "grpc")
	c.refuse(p.Name != "" && !portNamePattern.MatchString(p.Name), at+"name", "%q is not of up to 64 lower-case letters, digits, underscores and hyphens, none of them first.", p.Name)
	if p.Range != "" {
		c.portRange(s, p, at)
		return
	}
	c.refuse(p.Container < 1 || p.Container > 65535, at+"containerPort", "Invalid 'containerPort' setting for container '%s': %d is not between 1 and 65535.", container.Name, p.Container)
	c.refuse(p.Host < 0 || p.Host > 65535, at+"hostPort", "%d is not between 0 and 65535.", p.Host)
	same := s.NetworkMode == modeVPC || s.NetworkMode == modeHost
	c.refuse(same && p.Host != p.Container, at+"hostPort", "When networkMode=%s, the host ports and container ports in port mappings must match.", s.NetworkMode)
}

func (c *checker) portRange(s Spec, p Port, at string) {
	_, _, ok := p.Span()
	c.refuse(p.Container != 0, at+"containerPortRange", "A port mapping has a containerPort or a containerPortRange, not both.")
	c.refuse(p.Host != 0, at+"hostPort", "A port mapping with a containerPortRange has no hostPort.")
	c.refuse(!ok, at+"containerPortRange", "%q is not a range of ports, such as 8000-8010.", p.Range)
	c.refuse(s.NetworkMode == modeHost, at+"containerPortRange", "Port ranges are supported when networkMode is bridge or awsvpc.")
}

type taskPort struct {
	number   int
	protocol string
}

type takenPorts struct {
	onHost map[taskPort]bool
	inTask map[taskPort]int
	names  map[string]string // where
}

// clashes notes the ports of a mapping of the i-th container, and refuses those that are taken.
func (c *checker) clashes(t takenPorts, p Port, i int, at string) {
	where, twice := t.names[p.Name]
	c.refuse(p.Name != "" && twice, at+"name", "%q is the name of %s too.", p.Name, where)
	t.names[p.Name] = strings.TrimSuffix(at, ".")
	host := taskPort{p.Host, p.Protocol}
	c.refuse(p.Host != 0 && t.onHost[host], at+"hostPort", "%s host port '%d' is mapped multiple times in task.", strings.ToUpper(p.Protocol), p.Host)
	t.onHost[host] = true
	first, last, _ := p.Span()
	for n := first; n <= last; n++ {
		inside := taskPort{n, p.Protocol}
		owner, taken := t.inTask[inside]
		c.refuse(taken && owner != i, at+"containerPort", "%d/%s is mapped by containerDefinitions[%d] too, and the containers of a task share one address.", n, p.Protocol, owner)
		c.refuse(taken && p.Range != "", at+"containerPortRange", "%d/%s is mapped twice.", n, p.Protocol)
		t.inTask[inside] = i
	}
}
