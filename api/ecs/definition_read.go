package ecs

import (
	"errors"

	"slipway/api/awswire"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
)

func (d *door) readSpec(c ctx, in *RegisterTaskDefinitionInput) (taskdef.Spec, error) {
	cpu, err1 := readCPU("cpu", in.Cpu, ClientException)
	memory, err2 := readMemory("memory", in.Memory, ClientException)
	task, err3 := d.roleARN(c, "taskRoleArn", in.TaskRoleArn)
	execution, err4 := d.roleARN(c, "executionRoleArn", in.ExecutionRoleArn)
	disk, err5 := readDisk("ephemeralStorage", in.EphemeralStorage, ClientException)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return taskdef.Spec{}, err
	}
	s := taskdef.Spec{
		CPU: cpu, Memory: memory, Disk: disk,
		NetworkMode: or(in.NetworkMode), PIDMode: or(in.PidMode), IPCMode: or(in.IpcMode),
		TaskRole: task, ExecutionRole: execution, Requires: texts(in.RequiresCompatibilities),
		Volumes: each(in.Volumes, readVolume), Containers: each(in.ContainerDefinitions, readContainer),
		Constraints: each(in.PlacementConstraints, readDefinitionConstraint),
	}
	if p := in.RuntimePlatform; p != nil && (p.CpuArchitecture != nil || p.OperatingSystemFamily != nil) {
		s.Platform = &taskdef.Platform{Architecture: or(p.CpuArchitecture), System: or(p.OperatingSystemFamily)}
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

func readVolume(v Volume) taskdef.Volume {
	s := taskdef.Volume{Name: or(v.Name)}
	if v.Host != nil {
		s.HostPath = or(v.Host.SourcePath)
	}
	if c := v.DockerVolumeConfiguration; c != nil {
		s.Docker = &taskdef.DockerVolume{Scope: string(awswire.Or(c.Scope, ScopeTask)), Autoprovision: c.Autoprovision, Driver: or(c.Driver)}
	}
	return s
}

func readContainer(c ContainerDefinition) taskdef.Container {
	s := taskdef.Container{
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
		s.Log = &taskdef.Log{Driver: string(c.LogConfiguration.LogDriver), Options: c.LogConfiguration.Options}
	}
	return s
}

func readVariables(pairs []KeyValuePair) []taskdef.Variable {
	return each(pairs, func(p KeyValuePair) taskdef.Variable { return taskdef.Variable{Name: or(p.Name), Value: or(p.Value)} })
}

func readEnvFile(f EnvironmentFile) taskdef.EnvFile {
	return taskdef.EnvFile{Type: string(f.Type), ARN: f.Value}
}

func readSecret(s Secret) taskdef.Secret {
	return taskdef.Secret{Name: s.Name, From: s.ValueFrom}
}

func readPort(p PortMapping) taskdef.Port {
	return taskdef.Port{
		Container: int(awswire.Or(p.ContainerPort, 0)), Range: or(p.ContainerPortRange), Host: int(awswire.Or(p.HostPort, 0)),
		Protocol: string(awswire.Or(p.Protocol, TransportProtocolTcp)), Name: or(p.Name), AppProtocol: or(p.AppProtocol),
	}
}

func readDependency(d ContainerDependency) taskdef.Dependency {
	return taskdef.Dependency{Container: d.ContainerName, Condition: string(d.Condition)}
}

// readHealth fills in what ECS does. Source: Amazon ECS API Reference, HealthCheck.
func readHealth(h *HealthCheck) *taskdef.Health {
	if h == nil {
		return nil
	}
	return &taskdef.Health{
		Command: h.Command, Interval: int(awswire.Or(h.Interval, 30)), Timeout: int(awswire.Or(h.Timeout, 5)), Retries: int(awswire.Or(h.Retries, 3)),
		StartPeriod: number(h.StartPeriod),
	}
}

func readRestart(r *ContainerRestartPolicy) *taskdef.Restart {
	if r == nil {
		return nil
	}
	codes := each(r.IgnoredExitCodes, func(n int32) int { return int(n) })
	return &taskdef.Restart{Enabled: r.Enabled, IgnoredExitCodes: codes, AttemptPeriod: number(r.RestartAttemptPeriod)}
}

func readMount(m MountPoint) taskdef.Mount {
	return taskdef.Mount{Volume: or(m.SourceVolume), Path: or(m.ContainerPath), ReadOnly: m.ReadOnly}
}

func readBorrow(v VolumeFrom) taskdef.Borrow {
	return taskdef.Borrow{Container: or(v.SourceContainer), ReadOnly: v.ReadOnly}
}

func readUlimit(u Ulimit) taskdef.Ulimit {
	return taskdef.Ulimit{Name: string(u.Name), Soft: int(u.SoftLimit), Hard: int(u.HardLimit)}
}

func readSysctl(s SystemControl) taskdef.Sysctl {
	return taskdef.Sysctl{Name: or(s.Namespace), Value: or(s.Value)}
}

func readHost(h HostEntry) taskdef.Host {
	return taskdef.Host{Name: h.Hostname, Address: h.IpAddress}
}

func readLinux(p *LinuxParameters) *taskdef.Linux {
	if p == nil {
		return nil
	}
	s := &taskdef.Linux{
		Devices: each(p.Devices, readDevice), Tmpfs: each(p.Tmpfs, readTmpfs), Init: p.InitProcessEnabled,
		SharedMemory: number(p.SharedMemorySize), MaxSwap: number(p.MaxSwap), Swappiness: number(p.Swappiness),
	}
	if p.Capabilities != nil {
		s.Capabilities = &taskdef.Capabilities{Add: p.Capabilities.Add, Drop: p.Capabilities.Drop}
	}
	return s
}

func readDevice(d Device) taskdef.Device {
	return taskdef.Device{Host: d.HostPath, Path: or(d.ContainerPath), Permissions: texts(d.Permissions)}
}

func readTmpfs(t Tmpfs) taskdef.Tmpfs {
	return taskdef.Tmpfs{Path: t.ContainerPath, Size: int(t.Size), Options: t.MountOptions}
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
