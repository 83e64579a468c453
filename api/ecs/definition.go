package ecs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"

	"slipway/api/awswire"
	"slipway/cluster"
)

// What of a task definition is honoured. taskRoleArn and executionRoleArn are kept and shown;
// images are pulled and logs written without a role, and no container gets credentials of one.
var honouredInDefinition = []string{
	"family", "cpu", "memory", "networkMode", "requiresCompatibilities", "tags", "taskRoleArn", "executionRoleArn",
	"containerDefinitions[].name", "containerDefinitions[].image", "containerDefinitions[].essential",
	"containerDefinitions[].command", "containerDefinitions[].entryPoint", "containerDefinitions[].environment",
	"containerDefinitions[].cpu", "containerDefinitions[].memory", "containerDefinitions[].memoryReservation",
	"containerDefinitions[].user", "containerDefinitions[].workingDirectory", "containerDefinitions[].hostname", "containerDefinitions[].stopTimeout",
	"containerDefinitions[].portMappings[].containerPort", "containerDefinitions[].portMappings[].hostPort", "containerDefinitions[].portMappings[].protocol",
	"containerDefinitions[].portMappings[].name", "containerDefinitions[].portMappings[].appProtocol", // labels for Service Connect, which is refused itself
	"containerDefinitions[].logConfiguration.logDriver", "containerDefinitions[].logConfiguration.options",
}

func (d *door) registerTaskDefinition(c ctx, in *RegisterTaskDefinitionInput) (*RegisterTaskDefinitionOutput, error) {
	if err := honour(in, ClientException, honouredInDefinition); err != nil {
		return nil, err
	}
	spec, err := d.readSpec(c, in)
	if err != nil {
		return nil, err
	}
	if err := pass(c, spec.TaskRole, spec.ExecutionRole); err != nil {
		return nil, err
	}
	who := awswire.CallerOf(c)
	made, err := d.control.Register(c, who.Account, who.ARN, in.Family, spec, readTags(in.Tags))
	if err != nil {
		return nil, err
	}
	return &RegisterTaskDefinitionOutput{TaskDefinition: new(d.wireDefinition(made)), Tags: tagsIf(len(in.Tags) > 0, made.Tags)}, nil
}

func (d *door) describeTaskDefinition(c ctx, in *DescribeTaskDefinitionInput) (*DescribeTaskDefinitionOutput, error) {
	found, err := d.withDefinition(c, in.TaskDefinition, "Unable to describe task definition.", d.control.Definition)
	if err != nil {
		return nil, err
	}
	return &DescribeTaskDefinitionOutput{TaskDefinition: new(d.wireDefinition(found)), Tags: tagsIf(slices.Contains(in.Include, TaskDefinitionFieldTags), found.Tags)}, nil
}

func (d *door) deregisterTaskDefinition(c ctx, in *DeregisterTaskDefinitionInput) (*DeregisterTaskDefinitionOutput, error) {
	gone, err := d.withDefinition(c, in.TaskDefinition, "The specified task definition does not exist.", d.control.Deregister)
	if err != nil {
		return nil, err
	}
	return &DeregisterTaskDefinitionOutput{TaskDefinition: new(d.wireDefinition(gone))}, nil
}

// withDefinition does something with the revision that is named. That there is none is said in each operation's own words.
func (d *door) withDefinition(c ctx, name, none string, do func(context.Context, string, cluster.Ref) (cluster.Definition, error)) (cluster.Definition, error) {
	ref, err := d.definition(c, name)
	var found cluster.Definition
	if err == nil {
		found, err = do(c, awswire.CallerOf(c).Account, ref)
	}
	if errors.Is(err, cluster.ErrNoDefinition) {
		err = ClientException.New(none)
	}
	return found, err
}

func (d *door) listTaskDefinitions(c ctx, in *ListTaskDefinitionsInput) (*ListTaskDefinitionsOutput, error) {
	part, err := page(in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	account := awswire.CallerOf(c).Account
	refs, next, err := d.control.ListDefinitions(c, account, cluster.DefinitionFilter{
		Family:     awswire.Or(in.FamilyPrefix, ""), // in spite of its name the whole family
		Status:     string(awswire.Or(in.Status, TaskDefinitionStatusActive)),
		Descending: awswire.Or(in.Sort, SortOrderAsc) == SortOrderDesc,
	}, part)
	if err != nil {
		return nil, err
	}
	out := &ListTaskDefinitionsOutput{TaskDefinitionArns: []string{}, NextToken: filled(next)}
	for _, ref := range refs {
		out.TaskDefinitionArns = append(out.TaskDefinitionArns, cluster.DefinitionARN(d.region, account, ref.Family, ref.Revision))
	}
	return out, nil
}

func (d *door) listTaskDefinitionFamilies(c ctx, in *ListTaskDefinitionFamiliesInput) (*ListTaskDefinitionFamiliesOutput, error) {
	part, err := page(in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	status := string(awswire.Or(in.Status, TaskDefinitionFamilyStatusAll))
	if status == string(TaskDefinitionFamilyStatusAll) {
		status = ""
	}
	families, next, err := d.control.ListFamilies(c, awswire.CallerOf(c).Account, awswire.Or(in.FamilyPrefix, ""), status, part)
	if err != nil {
		return nil, err
	}
	return &ListTaskDefinitionFamiliesOutput{Families: listed(families), NextToken: filled(next)}, nil
}

func (d *door) readSpec(c ctx, in *RegisterTaskDefinitionInput) (cluster.Spec, error) {
	cpu, err1 := readCPU("cpu", in.Cpu, ClientException)
	memory, err2 := readMemory("memory", in.Memory, ClientException)
	task, err3 := d.roleARN(c, "taskRoleArn", in.TaskRoleArn)
	execution, err4 := d.roleARN(c, "executionRoleArn", in.ExecutionRoleArn)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return cluster.Spec{}, err
	}
	s := cluster.Spec{
		CPU: cpu, Memory: memory,
		NetworkMode: string(awswire.Or(in.NetworkMode, "")),
		TaskRole:    task, ExecutionRole: execution,
	}
	for _, r := range in.RequiresCompatibilities {
		s.Requires = append(s.Requires, string(r))
	}
	for _, c := range in.ContainerDefinitions {
		s.Containers = append(s.Containers, readContainer(c))
	}
	return s, nil
}

func readContainer(c ContainerDefinition) cluster.ContainerSpec {
	s := cluster.ContainerSpec{
		Name: awswire.Or(c.Name, ""), Image: awswire.Or(c.Image, ""), Essential: awswire.Or(c.Essential, true),
		Entrypoint: c.EntryPoint, Command: c.Command, Env: readVariables(c.Environment),
		User: awswire.Or(c.User, ""), WorkingDir: awswire.Or(c.WorkingDirectory, ""), Hostname: awswire.Or(c.Hostname, ""),
		CPU: int(awswire.Or(c.Cpu, 0)), Memory: number(c.Memory), MemoryReservation: number(c.MemoryReservation), StopTimeout: number(c.StopTimeout),
	}
	for _, p := range c.PortMappings {
		s.Ports = append(s.Ports, cluster.PortSpec{
			Container: int(awswire.Or(p.ContainerPort, 0)), Host: int(awswire.Or(p.HostPort, 0)), Protocol: string(awswire.Or(p.Protocol, TransportProtocolTcp)),
			Name: awswire.Or(p.Name, ""), AppProtocol: string(awswire.Or(p.AppProtocol, "")),
		})
	}
	if c.LogConfiguration != nil {
		s.Log = &cluster.LogSpec{Driver: string(c.LogConfiguration.LogDriver), Options: c.LogConfiguration.Options}
	}
	return s
}

func readVariables(pairs []KeyValuePair) (list []cluster.Variable) {
	for _, p := range pairs {
		list = append(list, cluster.Variable{Name: awswire.Or(p.Name, ""), Value: awswire.Or(p.Value, "")})
	}
	return list
}

var (
	plainNumber = regexp.MustCompile(`^[0-9]{1,9}$`)
	vcpus       = regexp.MustCompile(`(?i)^([0-9]{0,6}\.?[0-9]{0,6}) ?vcpu$`)
	gigabytes   = regexp.MustCompile(`(?i)^([0-9]{0,6}\.?[0-9]{0,6}) ?gb$`)
)

// readCPU reads units of 1/1024 of a core: "256", "0.25 vCPU".
func readCPU(path string, text *string, fault awswire.FaultType) (int, error) {
	return readAmount(text, vcpus, fault, fmt.Sprintf("%s: Invalid 'cpu' setting for task: %%q is neither a number of units, such as 256, nor of vCPUs, such as 0.25 vCPU.", path))
}

// readMemory reads MiB: "512", "0.5 GB".
func readMemory(path string, text *string, fault awswire.FaultType) (int, error) {
	return readAmount(text, gigabytes, fault, fmt.Sprintf("%s: Invalid 'memory' setting for task: %%q is neither a number of MiB, such as 512, nor of gigabytes, such as 0.5 GB.", path))
}

func readAmount(text *string, in1024 *regexp.Regexp, fault awswire.FaultType, wrong string) (int, error) {
	if text == nil || *text == "" {
		return 0, nil
	}
	amount := *text
	factor := 1.0
	if m := in1024.FindStringSubmatch(amount); m != nil {
		amount, factor = m[1], 1024
	} else if !plainNumber.MatchString(amount) {
		return 0, fault.Newf(wrong, *text)
	}
	n, err := strconv.ParseFloat(amount, 64)
	if n *= factor; err != nil || n < 1 || n != math.Trunc(n) {
		return 0, fault.Newf(wrong, *text)
	}
	return int(n), nil
}

func (d *door) wireDefinition(from cluster.Definition) TaskDefinition {
	w := TaskDefinition{
		TaskDefinitionArn: new(cluster.DefinitionARN(d.region, from.Account, from.Family, from.Revision)),
		Family:            &from.Family, Revision: new(int32(from.Revision)), Status: new(TaskDefinitionStatus(from.Status)),
		RegisteredAt: &from.Registered, RegisteredBy: filled(from.RegisteredBy),
		Cpu: amount(from.Spec.CPU), Memory: amount(from.Spec.Memory), NetworkMode: filled(NetworkMode(from.Spec.NetworkMode)),
		TaskRoleArn: filled(from.Spec.TaskRole), ExecutionRoleArn: filled(from.Spec.ExecutionRole),
		Compatibilities:      []Compatibility{CompatibilityExternal, CompatibilityEc2},
		Volumes:              []Volume{},
		PlacementConstraints: []TaskDefinitionPlacementConstraint{},
	}
	if !from.Deregistered.IsZero() {
		w.DeregisteredAt = &from.Deregistered
	}
	for _, r := range from.Spec.Requires {
		w.RequiresCompatibilities = append(w.RequiresCompatibilities, Compatibility(r))
	}
	for _, c := range from.Spec.Containers {
		w.ContainerDefinitions = append(w.ContainerDefinitions, wireContainerDefinition(c))
	}
	return w
}

func wireContainerDefinition(s cluster.ContainerSpec) ContainerDefinition {
	w := ContainerDefinition{
		Name: &s.Name, Image: &s.Image, Essential: &s.Essential, Cpu: new(int32(s.CPU)),
		EntryPoint: s.Entrypoint, Command: s.Command, Environment: writeVariables(s.Env),
		User: filled(s.User), WorkingDirectory: filled(s.WorkingDir), Hostname: filled(s.Hostname),
		Memory: number32(s.Memory), MemoryReservation: number32(s.MemoryReservation), StopTimeout: number32(s.StopTimeout),
		PortMappings: []PortMapping{}, MountPoints: []MountPoint{}, VolumesFrom: []VolumeFrom{}, SystemControls: []SystemControl{},
	}
	for _, p := range s.Ports {
		w.PortMappings = append(w.PortMappings, PortMapping{
			ContainerPort: new(int32(p.Container)), HostPort: new(int32(p.Host)), Protocol: new(TransportProtocol(p.Protocol)),
			Name: filled(p.Name), AppProtocol: filled(ApplicationProtocol(p.AppProtocol)),
		})
	}
	if s.Log != nil {
		w.LogConfiguration = &LogConfiguration{LogDriver: LogDriver(s.Log.Driver), Options: s.Log.Options}
	}
	return w
}

func writeVariables(list []cluster.Variable) []KeyValuePair {
	pairs := []KeyValuePair{}
	for _, v := range list {
		pairs = append(pairs, KeyValuePair{Name: &v.Name, Value: &v.Value})
	}
	return pairs
}

func tagsIf(wanted bool, tags []cluster.Tag) []Tag {
	if !wanted {
		return nil
	}
	return writeTags(tags)
}

// amount is a limit as ECS writes it: a number in a text, and none for 0.
func amount(n int) *string {
	if n == 0 {
		return nil
	}
	return new(strconv.Itoa(n))
}

func number(n *int32) *int {
	if n == nil {
		return nil
	}
	return new(int(*n))
}

func number32(n *int) *int32 {
	if n == nil {
		return nil
	}
	return new(int32(*n))
}
