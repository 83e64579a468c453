package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// balancers are the target groups that the tasks are to be put into, with the ports that these get; none given: none.
func (c *client) balancers(ctx context.Context, o deployOptions, definition string) (list []types.LoadBalancer, err error) {
	if len(o.targets) == 0 {
		return nil, nil
	}
	out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &definition})
	if err != nil {
		return nil, explain(err, c)
	}
	for _, target := range o.targets {
		b, err := o.balancer(target, out.TaskDefinition.ContainerDefinitions)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}

// balancer reads ARN or ARN=PORT, and finds the container with that port, or with the only port there is.
func (o deployOptions) balancer(target string, containers []types.ContainerDefinition) (b types.LoadBalancer, err error) {
	group, text, given := strings.Cut(target, "=")
	ports := o.ports(containers)
	fit := ports
	if given {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return b, fmt.Errorf("--target-group %s: %q is not a port", target, text)
		}
		fit = slices.DeleteFunc(slices.Clone(ports), func(p containerPort) bool { return p.number != int32(port) })
	}
	switch {
	case len(fit) == 1:
		return types.LoadBalancer{TargetGroupArn: &group, ContainerName: &fit[0].container, ContainerPort: &fit[0].number}, nil
	case len(ports) == 0:
		return b, withHint(fmt.Errorf("--target-group: the tasks of %s have no port", o.service), "-p publishes one")
	case len(fit) == 0:
		return b, withHint(fmt.Errorf("--target-group: the tasks of %s have no port %s", o.service, text), "there are %v", ports)
	}
	return b, withHint(fmt.Errorf("--target-group: the tasks of %s have several ports", o.service), "of %v say which, as --target-group ARN=%d", ports, ports[0].number)
}

// containerPort is a TCP port of a container.
type containerPort struct {
	container string
	number    int32
}

// ports are those of the container that is named, or of all.
func (o deployOptions) ports(containers []types.ContainerDefinition) (all []containerPort) {
	for _, c := range containers {
		for _, m := range c.PortMappings {
			p := containerPort{aws.ToString(c.Name), aws.ToInt32(m.ContainerPort)}
			if p.number != 0 && m.Protocol != types.TransportProtocolUdp && (o.container == "" || o.container == p.container) && !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}
