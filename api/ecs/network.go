package ecs

import (
	"fmt"

	"slipway/cluster"
)

// wireAttachments shows the network interface of a task that has an address of its own. Source: Amazon
// ECS API Reference, Attachment.
func wireAttachments(t cluster.Task) []Attachment {
	a, ok := t.Attachment()
	if !ok {
		return []Attachment{}
	}
	details := []KeyValuePair{{Name: new("subnetId"), Value: &a.Subnet}}
	if a.Address != "" {
		details = append(details, KeyValuePair{Name: new("privateIPv4Address"), Value: &a.Address})
	}
	return []Attachment{{Id: &a.ID, Type: new("ElasticNetworkInterface"), Status: &a.Status, Details: details}}
}

// wireInterfaces shows the same in each container.
func wireInterfaces(t cluster.Task) []NetworkInterface {
	a, ok := t.Attachment()
	if !ok || a.Address == "" {
		return []NetworkInterface{}
	}
	return []NetworkInterface{{AttachmentId: &a.ID, PrivateIpv4Address: &a.Address}}
}

// wireBindings shows the ports of the i-th container on its node: a range as one, where its ports on the
// node are one too.
func wireBindings(t cluster.Task, i int) []NetworkBinding {
	return listed(each(t.Bindings(i), func(b cluster.Binding) NetworkBinding {
		w := NetworkBinding{BindIP: new("0.0.0.0"), Protocol: new(TransportProtocol(b.Protocol))}
		if b.Count == 1 {
			w.ContainerPort, w.HostPort = new(int32(b.Container)), new(int32(b.Host))
			return w
		}
		w.ContainerPortRange, w.HostPortRange = portRange(b.Container, b.Count), portRange(b.Host, b.Count)
		return w
	}))
}

func portRange(first, count int) *string { return new(fmt.Sprintf("%d-%d", first, first+count-1)) }
