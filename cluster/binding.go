package cluster

import "slipway/nodeapi"

// Binding is a port of a container on its node, or as many as Count that follow each other on both.
type Binding struct {
	Container int
	Host      int
	Count     int
	Protocol  string
}

// Bindings tells where the ports of the i-th container are on its node, as the node reported them. The
// ports of a range that the node gave in a row are one.
func (t Task) Bindings(i int) (list []Binding) {
	ports := t.Container(i).Ports
	for len(ports) > 0 {
		n := 1
		for _, p := range t.Spec.Containers[i].Ports {
			first, last, ok := p.Span()
			if ok && first < last && first == ports[0].Container && p.Protocol == ports[0].Protocol && inRow(ports, last-first+1) {
				n = last - first + 1
			}
		}
		list = append(list, Binding{ports[0].Container, ports[0].Host, n, ports[0].Protocol})
		ports = ports[n:]
	}
	return list
}

// inRow tells whether the first n ports follow each other, in the container and on the node.
func inRow(ports []nodeapi.Port, n int) bool {
	if len(ports) < n {
		return false
	}
	for i, p := range ports[:n] {
		if p.Protocol != ports[0].Protocol || p.Container != ports[0].Container+i || p.Host != ports[0].Host+i {
			return false
		}
	}
	return true
}
