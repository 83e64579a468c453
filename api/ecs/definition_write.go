package ecs

import (
	"slipway/cluster"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
)

func (d *door) wireDefinition(from cluster.Definition) TaskDefinition {
	spec := from.Spec
	w := TaskDefinition{
		TaskDefinitionArn: new(cluster.DefinitionARN(d.region, from.Account, from.Family, from.Revision)),
		Family:            &from.Family, Revision: new(int32(from.Revision)), Status: new(TaskDefinitionStatus(from.Status)),
		RegisteredAt: &from.Registered, RegisteredBy: filled(from.RegisteredBy), DeregisteredAt: moment(from.Deregistered), DeleteRequestedAt: moment(from.DeleteAsked),
		Cpu: amount(spec.CPU), Memory: amount(spec.Memory), EphemeralStorage: wireDisk(spec.Disk),
		NetworkMode: filled(NetworkMode(spec.NetworkMode)), PidMode: filled(PidMode(spec.PIDMode)), IpcMode: filled(IpcMode(spec.IPCMode)),
		TaskRoleArn: filled(spec.TaskRole), ExecutionRoleArn: filled(spec.ExecutionRole), RuntimePlatform: wirePlatform(spec.Platform),
		Compatibilities:         []Compatibility{CompatibilityExternal, CompatibilityEc2},
		RequiresCompatibilities: typed[Compatibility](spec.Requires),
		Volumes:                 listed(each(spec.Volumes, wireVolume)),
		PlacementConstraints:    listed(each(spec.Constraints, wireDefinitionConstraint)),
		ContainerDefinitions:    each(spec.Containers, wireContainerDefinition),
	}
	return w
}

func wireDefinitionConstraint(p placement.Constraint) TaskDefinitionPlacementConstraint {
	return TaskDefinitionPlacementConstraint{Type: new(TaskDefinitionPlacementConstraintType(p.Type)), Expression: filled(p.Expression)}
}

func wireDisk(gib int) *EphemeralStorage {
	if gib == 0 {
		return nil
	}
	return &EphemeralStorage{SizeInGiB: int32(gib)}
}

func wirePlatform(p *taskdef.Platform) *RuntimePlatform {
	if p == nil {
		return nil
	}
	return &RuntimePlatform{CpuArchitecture: filled(CPUArchitecture(p.Architecture)), OperatingSystemFamily: filled(OSFamily(p.System))}
}

// wireVolume shows a volume without Docker as one of the host, as ECS does, though it names no path.
func wireVolume(v taskdef.Volume) Volume {
	w := Volume{Name: &v.Name}
	if v.Docker == nil {
		w.Host = &HostVolumeProperties{SourcePath: filled(v.HostPath)}
		return w
	}
	w.DockerVolumeConfiguration = &DockerVolumeConfiguration{Scope: new(Scope(v.Docker.Scope)), Autoprovision: v.Docker.Autoprovision, Driver: filled(v.Docker.Driver)}
	return w
}

func wireContainerDefinition(s taskdef.Container) ContainerDefinition {
	w := ContainerDefinition{
		Name: &s.Name, Image: &s.Image, VersionConsistency: filled(VersionConsistency(s.VersionConsistency)), Essential: &s.Essential, Cpu: new(int32(s.CPU)),
		EntryPoint: s.Entrypoint, Command: s.Command, Environment: writeVariables(s.Env), EnvironmentFiles: each(s.EnvFiles, wireEnvFile), Secrets: each(s.Secrets, wireSecret),
		User: filled(s.User), WorkingDirectory: filled(s.WorkingDir), Hostname: filled(s.Hostname),
		Memory: number32(s.Memory), MemoryReservation: number32(s.MemoryReservation),
		PortMappings: listed(each(s.Ports, wirePort)), DependsOn: each(s.DependsOn, wireDependency),
		StartTimeout: number32(s.StartTimeout), StopTimeout: number32(s.StopTimeout), HealthCheck: wireHealth(s.Health), RestartPolicy: wireRestart(s.Restart),
		MountPoints: listed(each(s.Mounts, wireMount)), VolumesFrom: listed(each(s.VolumesFrom, wireBorrow)),
		ReadonlyRootFilesystem: s.ReadonlyRoot, Privileged: s.Privileged, DockerSecurityOptions: s.SecurityOptions, LinuxParameters: wireLinux(s.Linux),
		Ulimits: each(s.Ulimits, wireUlimit), SystemControls: listed(each(s.Sysctls, wireSysctl)), DockerLabels: s.Labels,
		DnsServers: s.DNS, DnsSearchDomains: s.DNSSearch, ExtraHosts: each(s.ExtraHosts, wireHost), Interactive: s.Interactive, PseudoTerminal: s.Terminal,
	}
	if s.RegistryLogin != "" {
		w.RepositoryCredentials = &RepositoryCredentials{CredentialsParameter: s.RegistryLogin}
	}
	if s.Log != nil {
		w.LogConfiguration = &LogConfiguration{LogDriver: LogDriver(s.Log.Driver), Options: s.Log.Options}
	}
	return w
}

func writeVariables(list []taskdef.Variable) []KeyValuePair {
	return listed(each(list, func(v taskdef.Variable) KeyValuePair { return KeyValuePair{Name: &v.Name, Value: &v.Value} }))
}

func wireEnvFile(f taskdef.EnvFile) EnvironmentFile {
	return EnvironmentFile{Type: EnvironmentFileType(f.Type), Value: f.ARN}
}

func wireSecret(s taskdef.Secret) Secret { return Secret{Name: s.Name, ValueFrom: s.From} }

func wirePort(p taskdef.Port) PortMapping {
	w := PortMapping{Protocol: new(TransportProtocol(p.Protocol)), Name: filled(p.Name), AppProtocol: filled(ApplicationProtocol(p.AppProtocol))}
	if p.Range != "" {
		w.ContainerPortRange = &p.Range
		return w
	}
	w.ContainerPort, w.HostPort = new(int32(p.Container)), new(int32(p.Host))
	return w
}

func wireDependency(d taskdef.Dependency) ContainerDependency {
	return ContainerDependency{ContainerName: d.Container, Condition: ContainerCondition(d.Condition)}
}

func wireHealth(h *taskdef.Health) *HealthCheck {
	if h == nil {
		return nil
	}
	return &HealthCheck{
		Command: h.Command, Interval: new(int32(h.Interval)), Timeout: new(int32(h.Timeout)), Retries: new(int32(h.Retries)), StartPeriod: number32(h.StartPeriod),
	}
}

func wireRestart(r *taskdef.Restart) *ContainerRestartPolicy {
	if r == nil {
		return nil
	}
	codes := each(r.IgnoredExitCodes, func(n int) int32 { return int32(n) })
	return &ContainerRestartPolicy{Enabled: r.Enabled, IgnoredExitCodes: codes, RestartAttemptPeriod: number32(r.AttemptPeriod)}
}

func wireMount(m taskdef.Mount) MountPoint {
	return MountPoint{SourceVolume: &m.Volume, ContainerPath: &m.Path, ReadOnly: m.ReadOnly}
}

func wireBorrow(b taskdef.Borrow) VolumeFrom {
	return VolumeFrom{SourceContainer: &b.Container, ReadOnly: b.ReadOnly}
}

func wireUlimit(u taskdef.Ulimit) Ulimit {
	return Ulimit{Name: UlimitName(u.Name), SoftLimit: int32(u.Soft), HardLimit: int32(u.Hard)}
}

func wireSysctl(s taskdef.Sysctl) SystemControl {
	return SystemControl{Namespace: &s.Name, Value: &s.Value}
}

func wireHost(h taskdef.Host) HostEntry { return HostEntry{Hostname: h.Name, IpAddress: h.Address} }

func wireLinux(s *taskdef.Linux) *LinuxParameters {
	if s == nil {
		return nil
	}
	w := &LinuxParameters{
		Devices: each(s.Devices, wireDevice), Tmpfs: each(s.Tmpfs, wireTmpfs), InitProcessEnabled: s.Init,
		SharedMemorySize: number32(s.SharedMemory), MaxSwap: number32(s.MaxSwap), Swappiness: number32(s.Swappiness),
	}
	if s.Capabilities != nil {
		w.Capabilities = &KernelCapabilities{Add: s.Capabilities.Add, Drop: s.Capabilities.Drop}
	}
	return w
}

func wireDevice(d taskdef.Device) Device {
	return Device{HostPath: d.Host, ContainerPath: filled(d.Path), Permissions: typed[DeviceCgroupPermission](d.Permissions)}
}

func wireTmpfs(t taskdef.Tmpfs) Tmpfs {
	return Tmpfs{ContainerPath: t.Path, Size: int32(t.Size), MountOptions: t.Options}
}

func typed[T ~string](list []string) []T {
	return each(list, func(s string) T { return T(s) })
}
