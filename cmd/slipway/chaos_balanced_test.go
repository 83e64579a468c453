package main

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// balanced is a service "web" of a cloud, behind a load balancer.
type balanced struct {
	*cloud
	api      *ecs.Client // which tells at once that nobody answers
	elb      *elb.Client
	group    string
	url      string
	machines map[string]string // their addresses, by ARN
	alive    map[string]bool   // tasks that were not seen stopped yet
	known    map[string]bool   // targets that were healthy when they were last seen
}

func newBalanced(t *testing.T, c *cloud) *balanced {
	t.Helper()
	t.Cleanup(c.deleteServices)
	b := &balanced{cloud: c, machines: map[string]string{}, alive: map[string]bool{}, known: map[string]bool{}}
	b.api = ecs.New(c.ecs.Options(), func(o *ecs.Options) { o.RetryMaxAttempts = 1 })
	b.elb = elb.NewFromConfig(c.config, func(o *elb.Options) { o.RetryMaxAttempts = 1 })
	for _, i := range c.instances("default") {
		for _, a := range i.Attributes {
			if *a.Name == "slipway.address" {
				b.machines[*i.ContainerInstanceArn] = aws.ToString(a.Value)
			}
		}
	}
	port := int(freePort(t))
	b.url = fmt.Sprintf("http://127.0.0.1:%d/", port)
	lb, err := b.elb.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{Name: aws.String("web")})
	if err != nil {
		t.Fatal(err)
	}
	// A machine this busy may be late: only the end of its process makes a task unwell here.
	group, err := b.elb.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{Name: aws.String("web"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String("vpc-slipway"),
		TargetType: elbtypes.TargetTypeEnumIp, HealthCheckIntervalSeconds: aws.Int32(61), HealthCheckTimeoutSeconds: aws.Int32(60), UnhealthyThresholdCount: aws.Int32(10)})
	if err != nil {
		t.Fatal(err)
	}
	b.group = *group.TargetGroups[0].TargetGroupArn
	_, err = b.elb.CreateListener(t.Context(), &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(int32(port)),
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &b.group}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// register makes a new revision of the tasks, which answer with a text.
func (b *balanced) register(text string) {
	b.t.Helper()
	app := b.app("main", "serve", "8080", text)
	app.Memory, app.Cpu = aws.Int32(32), 16
	app.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(8080)}}
	if _, err := b.ecs.RegisterTaskDefinition(b.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"), ContainerDefinitions: []types.ContainerDefinition{app}}); err != nil {
		b.t.Fatal(err)
	}
}

// create makes the service, of the newest revision.
func (b *balanced) create(in *ecs.CreateServiceInput) {
	b.t.Helper()
	in.ServiceName, in.TaskDefinition = aws.String("web"), aws.String("web")
	in.LoadBalancers = []types.LoadBalancer{{TargetGroupArn: &b.group, ContainerName: aws.String("main"), ContainerPort: aws.Int32(8080)}}
	if _, err := b.ecs.CreateService(b.t.Context(), in); err != nil {
		b.t.Fatal(err)
	}
}

// steady tells whether the service is as it is wanted.
func (b *balanced) steady() bool {
	s, err := b.service(b.t.Context(), "default", "web")
	return err == nil && isSteady(s)
}

// glance is how the service is at one moment.
type glance struct {
	tasks int               // that have not stopped
	well  map[string]string // targets that are healthy, by address: the task's id, "" while it is not known
	there map[string]bool   // all targets that do not leave
}

// look asks for the tasks first and for their health then: a task that comes or leaves in between is seen as it is
// then. A target that was healthy before the control plane was started again is so until it was asked anew.
func (b *balanced) look() (g glance, err error) {
	n, tasks, err := b.running()
	if err != nil {
		return g, err
	}
	out, err := b.elb.DescribeTargetHealth(b.t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &b.group})
	if err != nil {
		return g, err
	}
	g = glance{tasks: n, well: map[string]string{}, there: map[string]bool{}}
	known := map[string]bool{}
	for _, d := range out.TargetHealthDescriptions {
		at, state := fmt.Sprintf("%s:%d", *d.Target.Id, *d.Target.Port), d.TargetHealth.State
		g.there[at] = state != elbtypes.TargetHealthStateEnumDraining
		if state == elbtypes.TargetHealthStateEnumHealthy || b.known[at] && state == elbtypes.TargetHealthStateEnumInitial {
			known[at] = true
			g.well[at] = tasks[at]
		}
	}
	b.known = known
	return g, nil
}

// running counts the tasks that have not stopped, and tells the ids of those whose ports are known by their addresses.
func (b *balanced) running() (n int, at map[string]string, err error) {
	list, err := b.api.ListTasks(b.t.Context(), &ecs.ListTasksInput{ServiceName: aws.String("web")})
	if err != nil {
		return 0, nil, err
	}
	for _, arn := range list.TaskArns {
		b.alive[arn] = true
	}
	at = map[string]string{}
	if len(b.alive) == 0 {
		return 0, at, nil
	}
	out, err := b.api.DescribeTasks(b.t.Context(), &ecs.DescribeTasksInput{Tasks: slices.Collect(maps.Keys(b.alive))})
	if err != nil {
		return 0, nil, err
	}
	for _, task := range out.Tasks {
		if aws.ToString(task.LastStatus) == "STOPPED" {
			delete(b.alive, *task.TaskArn)
			continue
		}
		n++
		for _, binding := range task.Containers[0].NetworkBindings {
			at[fmt.Sprintf("%s:%d", b.address(task), *binding.HostPort)] = taskID(task)
		}
	}
	return n, at, nil
}

// address is that of a task's machine.
func (b *balanced) address(task types.Task) string {
	return b.machines[aws.ToString(task.ContainerInstanceArn)]
}
