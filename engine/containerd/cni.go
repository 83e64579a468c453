package containerd

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	types "github.com/containernetworking/cni/pkg/types/100"

	"slipway/engine"
)

// cni runs the plugins bridge and host-local, and portmap for udp ports: of those it knows to end
// what the kernel remembers of former conversations. Loopback, masquerading and tcp ports are
// ours: as plugins they would cost every task a process or, with iptables, many.
type cni struct {
	plugins  *libcni.CNIConfig
	name     string
	bridge   map[string]any
	portmap  map[string]any
	cacheDir string
	gateway  netip.Addr // the bridge's, as host-local chooses it
	leases   string     // folder of the addresses that host-local has given
}

func newCNI(o Options, subnet netip.Prefix, run string) cni {
	cache, leases := filepath.Join(run, "cni"), filepath.Join(run, "addresses")
	return cni{
		plugins:  libcni.NewCNIConfigWithCacheDir(o.CNI, cache, pluginExec{&invoke.DefaultExec{}}),
		cacheDir: cache,
		gateway:  subnet.Masked().Addr().Next(),
		leases:   filepath.Join(leases, o.Bridge),
		name:     o.Bridge,
		bridge: map[string]any{
			"type": "bridge", "bridge": o.Bridge, "isGateway": true, "isDefaultGateway": true, "hairpinMode": true,
			"ipam": map[string]any{
				"type":    "host-local",
				"ranges":  [][]map[string]string{{{"subnet": subnet.Masked().String(), "rangeEnd": heldPart(subnet).Addr().Prev().String()}}},
				"dataDir": leases, // with the boot's end its leases end
			},
		},
		portmap: map[string]any{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
	}
}

func (c cni) list(ports []engine.Port) (*libcni.NetworkConfigList, error) {
	plugins := []map[string]any{c.bridge}
	if len(udpOf(ports)) > 0 {
		plugins = append(plugins, c.portmap)
	}
	text, err := json.Marshal(map[string]any{"cniVersion": "1.0.0", "name": c.name, "plugins": plugins})
	if err != nil {
		return nil, err
	}
	return libcni.ConfListFromBytes(text)
}

func (c cni) call(task, namespace string, ports []engine.Port) (*libcni.NetworkConfigList, *libcni.RuntimeConf, error) {
	list, err := c.list(ports)
	var mappings []map[string]any
	for _, p := range udpOf(ports) {
		mappings = append(mappings, map[string]any{"hostPort": p.Host, "containerPort": p.Container, "protocol": p.Protocol})
	}
	return list, &libcni.RuntimeConf{
		ContainerID:    task,
		NetNS:          namespace,
		IfName:         "eth0",
		CapabilityArgs: map[string]any{"portMappings": mappings},
		CacheDir:       c.cacheDir,
	}, err
}

func udpOf(ports []engine.Port) []engine.Port {
	return slices.DeleteFunc(slices.Clone(ports), func(p engine.Port) bool { return p.Protocol != "udp" })
}

// add plugs the namespace in, pins it there and tells its address.
func (c cni) add(ctx context.Context, task, namespace string, ports []engine.Port) (string, error) {
	list, conf, err := c.call(task, namespace, ports)
	if err != nil {
		return "", err
	}
	answer, err := c.plugins.AddNetworkList(ctx, list, conf)
	if err != nil {
		return "", err
	}
	result, err := types.NewResultFromResult(answer)
	if err != nil {
		return "", err
	}
	p, err := pluggedBy(result)
	if err != nil {
		return "", fmt.Errorf("network of task %s: %w", task, err)
	}
	return p.address.String(), c.pin(p, namespace)
}

// pluggedBy reads the plugins' result: the bridge, then the two ends of the cable.
func pluggedBy(r *types.Result) (p plugged, err error) {
	for _, ip := range r.IPs {
		p.address, _ = netip.AddrFromSlice(ip.Address.IP.To4())
	}
	for i, link := range r.Interfaces {
		switch {
		case link.Sandbox != "":
			p.hardware, err = net.ParseMAC(link.Mac)
		case i > 0:
			p.port = link.Name
		}
	}
	if err != nil || !p.address.IsValid() || p.hardware == nil || p.port == "" {
		return p, fmt.Errorf("the plugins tell %v", r)
	}
	return p, nil
}

// del takes out what add put in, as far as it is there.
func (c cni) del(ctx context.Context, task, namespace string, ports []engine.Port) error {
	if !isNamespace(namespace) {
		namespace = "" // gone with all that was in it; leases and rules are not
	}
	list, conf, err := c.call(task, namespace, ports)
	if err != nil {
		return err
	}
	return c.plugins.DelNetworkList(ctx, list, conf)
}
