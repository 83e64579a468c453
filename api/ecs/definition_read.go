package ecs

import (
	"errors"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/placement"
)

func (d *door) readSpec(c ctx, in *RegisterTaskDefinitionInput) (cluster.Spec, error) {
	cpu, err1 := readCPU("cpu", in.Cpu, ClientException)
	memory, err2 := readMemory("memory", in.Memory, ClientException)
	task, err3 := d.roleARN(c, "taskRoleArn", in.TaskRoleArn)
	execution, err4 := d.roleARN(c, "executionRoleArn", in.ExecutionRoleArn)
	disk, err5 := readDisk("ephemeralStorage", in.EphemeralStorage, ClientException)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return cluster.Spec{}, err
	}
	s := cluster.Spec{
		CPU: cpu, Memory: memory, Disk: disk,
		NetworkMode: or(in.NetworkMode), PIDMode: or(in.PidMode), IPCMode: or(in.IpcMode),
		TaskRole: task, ExecutionRole: execution, Requires: texts(in.RequiresCompatibilities),
		Volumes: each(in.Volumes, readVolume), Containers: each(in.ContainerDefinitions, readContainer),
		Constraints: each(in.PlacementConstraints, readDefinitionConstraint),
	}
	if p := in.RuntimePlatform; p != nil && (p.CpuArchitecture != nil || p.OperatingSystemFamily != nil) {
		s.Platform = &cluster.PlatformSpec{Architecture: or(p.CpuArchitecture), System: or(p.OperatingSystemFamily)}
	}
	return s, nil
}

func readDefinitionConstraint(p TaskDefinitionPlacementConstraint) placement.Constraint {
	return placement.Constraint{Type: or(p.Type), Expression: or(p.Expression)}
}

// readDisk reads a size in GiB; none is 0, so that 0 itself is refused here.
func readDisk(path string, e *EphemeralStorage, fault awswire.FaultType) (int, error) {
	if e == nil {
		return 0, nil
	}
	if e.SizeInGiB == 0 {
		return 0, fault.Newf("%s.sizeInGiB: 0 is not between 21 and 200 GiB.", path)
	}
	return int(e.SizeInGiB), nil
}

func readVolume(v Volume) cluster.VolumeSpec {
	s := cluster.VolumeSpec{Name: or(v.Name)}
	if v.Host != nil {
		s.HostPath = or(v.Host.SourcePath)
	}
	if c := v.DockerVolumeConfiguration; c != nil {
		s.Docker = &cluster.DockerVolume{Scope: string(awswire.Or(c.Scope, ScopeTask)), Autoprovision: c.Autoprovision, Driver: or(c.Driver)}
	}
	return s
}

func readContainer(c ContainerDefinition) cluster.ContainerSpec {
	s := cluster.ContainerSpec{
		Name: or(c.Name), Image: or(c.Image), VersionConsistency: or(c.VersionConsistency), Essential: awswire.Or(c.Essential, true),
		Entrypoint: c.EntryPoint, Command: c.Command, Env: readVariables(c.Environment), EnvFiles: each(c.EnvironmentFiles, readEnvFile), Secrets: each(c.Secrets, readSecret),
		User: or(c.User), WorkingDir: or(c.WorkingDirectory), Hostname: or(c.Hostname),
		CPU: int(awswire.Or(c.Cpu, 0)), Memory: number(c.Memory), MemoryReservation: number(c.MemoryReservation),
		Ports: each(c.PortMappings, readPort), DependsOn: each(c.DependsOn, readDependency),
		StartTimeout: number(c.StartTimeout), StopTimeout: number(c.StopTimeout), Health: readHealth(c.HealthCheck), Restart: readRestart(c.RestartPolicy),
		Mounts: each(c.MountPoints, readMount), VolumesFrom: each(c.VolumesFrom, readBorrow),
		ReadonlyRoot: c.ReadonlyRootFilesystem, Privileged: c.Privileged, SecurityOptions: c.DockerSecurityOptions, Linux: readLinux(c.LinuxParameters),
		Ulimits: each(c.Ulimits, readUlimit), Sysctls: each(c.SystemControls, readSysctl), Labels: c.DockerLabels,
		DNS: c.DnsServers, DNSSearch: c.DnsSearchDomains, ExtraHosts: each(c.ExtraHosts, readHost), Interactive: c.Interactive, Terminal: c.PseudoTerminal,
	}
	if c.RepositoryCredentials != nil {
		s.RegistryLogin = c.RepositoryCredentials.CredentialsParameter
	}
	if c.LogConfiguration != nil {
		s.Log = &cluster.LogSpec{Driver: string(c.LogConfiguration.LogDriver), Options: c.LogConfiguration.Options}
	}
	return s
}

func readVariables(pairs []KeyValuePair) []cluster.Variable {
	return each(pairs, func(p KeyValuePair) cluster.Variable { return cluster.Variable{Name: or(p.Name), Value: or(p.Value)} })
}

func readEnvFile(f EnvironmentFile) cluster.EnvFile {
	return cluster.EnvFile{Type: string(f.Type), ARN: f.Value}
}

func readSecret(s Secret) cluster.SecretSpec {
	return cluster.SecretSpec{Name: s.Name, From: s.ValueFrom}
}

func readPort(p PortMapping) cluster.PortSpec {
	return cluster.PortSpec{
		Container: int(awswire.Or(p.ContainerPort, 0)), Range: or(p.ContainerPortRange), Host: int(awswire.Or(p.HostPort, 0)),
		Protocol: string(awswire.Or(p.Protocol, TransportProtocolTcp)), Name: or(p.Name), AppProtocol: or(p.AppProtocol),
	}
}

func readDependency(d ContainerDependency) cluster.DependencySpec {
	return cluster.DependencySpec{Container: d.ContainerName, Condition: string(d.Condition)}
}

// readHealth fills in what ECS does. Source: Amazon ECS API Reference, HealthCheck.
func readHealth(h *HealthCheck) *cluster.HealthSpec {
	if h == nil {
		return nil
	}
	return &cluster.HealthSpec{
		Command: h.Command, Interval: int(awswire.Or(h.Interval, 30)), Timeout: int(awswire.Or(h.Timeout, 5)), Retries: int(awswire.Or(h.Retries, 3)),
		StartPeriod: number(h.StartPeriod),
	}
}

func readRestart(r *ContainerRestartPolicy) *cluster.RestartSpec {
	if r == nil {
		return nil
	}
	codes := each(r.IgnoredExitCodes, func(n int32) int { return int(n) })
	return &cluster.RestartSpec{Enabled: r.Enabled, IgnoredExitCodes: codes, AttemptPeriod: number(r.RestartAttemptPeriod)}
}

func readMount(m MountPoint) cluster.MountSpec {
	return cluster.MountSpec{Volume: or(m.SourceVolume), Path: or(m.ContainerPath), ReadOnly: m.ReadOnly}
}

func readBorrow(v VolumeFrom) cluster.BorrowSpec {
	return cluster.BorrowSpec{Container: or(v.SourceContainer), ReadOnly: v.ReadOnly}
}

func readUlimit(u Ulimit) cluster.UlimitSpec {
	return cluster.UlimitSpec{Name: string(u.Name), Soft: int(u.SoftLimit), Hard: int(u.HardLimit)}
}

func readSysctl(s SystemControl) cluster.SysctlSpec {
	return cluster.SysctlSpec{Name: or(s.Namespace), Value: or(s.Value)}
}

func readHost(h HostEntry) cluster.HostSpec {
	return cluster.HostSpec{Name: h.Hostname, Address: h.IpAddress}
}

func readLinux(p *LinuxParameters) *cluster.LinuxSpec {
	if p == nil {
		return nil
	}
	s := &cluster.LinuxSpec{
		Devices: each(p.Devices, readDevice), Tmpfs: each(p.Tmpfs, readTmpfs), Init: p.InitProcessEnabled,
		SharedMemory: number(p.SharedMemorySize), MaxSwap: number(p.MaxSwap), Swappiness: number(p.Swappiness),
	}
	if p.Capabilities != nil {
		s.Capabilities = &cluster.CapabilitySpec{Add: p.Capabilities.Add, Drop: p.Capabilities.Drop}
	}
	return s
}

func readDevice(d Device) cluster.DeviceSpec {
	return cluster.DeviceSpec{Host: d.HostPath, Path: or(d.ContainerPath), Permissions: texts(d.Permissions)}
}

func readTmpfs(t Tmpfs) cluster.TmpfsSpec {
	return cluster.TmpfsSpec{Path: t.ContainerPath, Size: int(t.Size), Options: t.MountOptions}
}

// each is a list with every element made into another; none is none.
func each[A, B any](list []A, to func(A) B) (made []B) {
	for _, element := range list {
		made = append(made, to(element))
	}
	return made
}

// or is a text that may be absent.
func or[T ~string](s *T) string { return string(awswire.Or(s, "")) }

func texts[T ~string](list []T) []string {
	return each(list, func(t T) string { return string(t) })
}
