package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	"slipway/cluster"
)

// container spoils the first container of a definition.
func container(spoil func(c *cluster.ContainerSpec)) func(*cluster.Spec) {
	return func(s *cluster.Spec) { spoil(&s.Containers[0]) }
}

func linux(l cluster.LinuxSpec) func(*cluster.Spec) {
	return container(func(c *cluster.ContainerSpec) { c.Linux = &l })
}

func health(h cluster.HealthSpec, command ...string) func(*cluster.Spec) {
	h.Command = command
	return container(func(c *cluster.ContainerSpec) { c.Health = &h })
}

func volume(v cluster.VolumeSpec) func(*cluster.Spec) {
	return func(s *cluster.Spec) { s.Volumes = []cluster.VolumeSpec{v} }
}

func mapped(mode string, ports ...cluster.PortSpec) func(*cluster.Spec) {
	return func(s *cluster.Spec) { s.NetworkMode, s.Containers[0].Ports = mode, ports }
}

// waits makes "a", which is essential, wait for others: "b START".
func waits(on ...string) func(*cluster.Spec) {
	return container(func(c *cluster.ContainerSpec) { c.DependsOn = dependencies(on...) })
}

func dependencies(on ...string) (list []cluster.DependencySpec) {
	for _, text := range on {
		name, condition, _ := strings.Cut(text, " ")
		list = append(list, cluster.DependencySpec{Container: name, Condition: condition})
	}
	return list
}

const (
	aSecret    = "arn:aws:secretsmanager:us-east-1:123456789012:secret:web-AbCdEf"
	aParameter = "arn:aws:ssm:us-east-1:123456789012:parameter/web/key"
)

// whole is a definition that uses most of what there is: "a" is essential and waits for "b" and "c".
func whole() cluster.Spec {
	return cluster.Spec{
		CPU: 512, Memory: 1024, PIDMode: "task", IPCMode: "task", Disk: 21, ExecutionRole: "arn:aws:iam::123456789012:role/pull",
		Platform: &cluster.PlatformSpec{Architecture: "X86_64", System: "LINUX"},
		Volumes: []cluster.VolumeSpec{
			{Name: "own"}, {Name: "host", HostPath: "/srv/data"},
			{Name: "shared", Docker: &cluster.DockerVolume{Scope: "shared", Autoprovision: new(true), Driver: "local"}},
		},
		Containers: []cluster.ContainerSpec{
			{
				Name: "a", Image: "a", Essential: true, RegistryLogin: aSecret, VersionConsistency: "enabled",
				Env: []cluster.Variable{{Name: "A", Value: "1"}}, Secrets: []cluster.SecretSpec{{Name: "S", From: aSecret + ":key::"}, {Name: "P", From: aParameter}, {Name: "N", From: "/web/key"}, {Name: "V", From: aParameter + ":3"}, {Name: "L", From: "key:prod"}},
				DependsOn: dependencies("b SUCCESS", "c HEALTHY"), StartTimeout: new(10), StopTimeout: new(3),
				Ports:  []cluster.PortSpec{{Container: 80, Protocol: "tcp", Name: "web", AppProtocol: "http"}, {Range: "8000-8010", Protocol: "tcp"}},
				Mounts: []cluster.MountSpec{{Volume: "own", Path: "/own"}, {Volume: "host", Path: "/host", ReadOnly: new(true)}},
				Linux: &cluster.LinuxSpec{
					Capabilities: &cluster.CapabilitySpec{Add: []string{"SYS_PTRACE"}, Drop: []string{"ALL"}}, Init: new(true), SharedMemory: new(16), MaxSwap: new(0), Swappiness: new(10),
					Devices: []cluster.DeviceSpec{{Host: "/dev/fuse", Permissions: []string{"read"}}}, Tmpfs: []cluster.TmpfsSpec{{Path: "/run", Size: 8, Options: []string{"noexec", "mode=1770"}}},
				},
				SecurityOptions: []string{"no-new-privileges"}, Ulimits: []cluster.UlimitSpec{{Name: "nofile", Soft: 10, Hard: 20}, {Name: "core", Soft: -1, Hard: -1}},
				Sysctls: []cluster.SysctlSpec{{Name: "net.core.somaxconn", Value: "99"}, {Name: "kernel.shmmax", Value: "1"}, {Name: "fs.mqueue.msg_max", Value: "9"}},
				Labels:  map[string]string{"team": "a"}, DNS: []string{"10.0.0.1", "::1"}, DNSSearch: []string{"example.com"}, ExtraHosts: []cluster.HostSpec{{Name: "db", Address: "10.0.0.9"}},
				ReadonlyRoot: new(true), Privileged: new(false), Interactive: new(true), Terminal: new(true), Hostname: "web",
			},
			{Name: "b", Image: "b", VolumesFrom: []cluster.BorrowSpec{{Container: "a", ReadOnly: new(true)}}},
			{
				Name: "c", Image: "c", Restart: &cluster.RestartSpec{Enabled: true, IgnoredExitCodes: []int{0, 255}, AttemptPeriod: new(60)},
				Health: &cluster.HealthSpec{Command: []string{"CMD-SHELL", "true"}, Interval: 5, Timeout: 2, Retries: 1, StartPeriod: new(0)},
				Mounts: []cluster.MountSpec{{Volume: "shared", Path: "/shared"}},
			},
		},
	}
}

func TestAWholeDefinitionPasses(t *testing.T) {
	for _, mode := range []string{"", "bridge"} {
		good := whole()
		good.NetworkMode = mode
		if err := good.Check(region); err != nil {
			t.Errorf("%q: %v", mode, err)
		}
	}
	vpc := whole()
	vpc.NetworkMode, vpc.Containers[0].Hostname, vpc.Containers[0].ExtraHosts = "awsvpc", "", nil
	if err := vpc.Filled().Check(region); err != nil {
		t.Error(err)
	}
	host := whole()
	host.NetworkMode, host.Containers[0].Sysctls, host.Containers[0].Ports = "host", nil, []cluster.PortSpec{{Container: 80, Protocol: "tcp"}}
	if err := host.Filled().Check(region); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotRunIsRefusedByItsPath(t *testing.T) {
	const one = "containerDefinitions[0]."
	type spec = *cluster.Spec
	type c = *cluster.ContainerSpec
	for _, test := range []struct {
		spoil func(spec)
		want  string
	}{
		{func(s spec) { s.PIDMode = "pod" }, `pidMode: "pod" is not one of task, host.`},
		{func(s spec) { s.IPCMode = "pod" }, `ipcMode: "pod" is not one of task, host, none.`},
		{func(s spec) { s.Disk = 20 }, "ephemeralStorage.sizeInGiB: 20 is not between 21 and 200 GiB."},
		{func(s spec) { s.Disk = 201 }, "ephemeralStorage.sizeInGiB: 201 is not between 21 and 200 GiB."},
		{func(s spec) { s.Platform = &cluster.PlatformSpec{System: "WINDOWS_SERVER_2022_CORE"} }, `runtimePlatform.operatingSystemFamily: "WINDOWS_SERVER_2022_CORE" is not supported by Slipway; use LINUX.`},
		{func(s spec) { s.Platform = &cluster.PlatformSpec{Architecture: "MIPS"} }, `runtimePlatform.cpuArchitecture: "MIPS" is not one of X86_64, ARM64.`},

		{waits("z START"), one + "dependsOn[0].containerName: Invalid 'dependsOn' setting. Unknown container: 'z'."},
		{waits("a START"), one + `dependsOn[0].containerName: Invalid 'dependsOn' setting. "a" is the container itself.`},
		{waits("b START", "b COMPLETE"), one + `dependsOn[1].containerName: Invalid 'dependsOn' setting. "b" is given twice.`},
		{waits("b READY"), one + `dependsOn[0].condition: "READY" is not one of START, COMPLETE, SUCCESS, HEALTHY.`},
		{waits("b HEALTHY"), one + `dependsOn[0].condition: A dependency container with HEALTHY condition must have a health check: "b" has none.`},
		{func(s spec) { s.Containers[1].Essential = true; waits("b SUCCESS")(s) }, one + `dependsOn[0].condition: A dependency container with SUCCESS or COMPLETE condition cannot be an essential container: "b" is.`},
		{func(s spec) { s.Containers[1].Essential = true; waits("b COMPLETE")(s) }, one + `dependsOn[0].condition: A dependency container with SUCCESS or COMPLETE condition cannot be an essential container: "b" is.`},
		{func(s spec) { waits("b START")(s); s.Containers[1].DependsOn = dependencies("a START") }, `containerDefinitions[1].dependsOn: Invalid 'dependsOn' setting. "a" comes back to itself by "b".`},

		{container(func(c c) { c.StartTimeout = new(1) }), one + "startTimeout: 1 is not between 2 and 86400 seconds."},
		{container(func(c c) { c.VersionConsistency = "disabled" }), one + `versionConsistency: "disabled" is not supported by Slipway; use enabled, or leave it out.`},
		{health(cluster.HealthSpec{}), one + "healthCheck.command: Health check command must not be empty."},
		{health(cluster.HealthSpec{}, "true"), one + `healthCheck.command[0]: "true" is not one of CMD, CMD-SHELL, NONE.`},
		{health(cluster.HealthSpec{}, "CMD"), one + "healthCheck.command: CMD is followed by nothing to run."},
		{health(cluster.HealthSpec{}, "NONE", "a"), one + "healthCheck.command: NONE is followed by nothing."},
		{health(cluster.HealthSpec{Interval: 4, Timeout: 5, Retries: 3}, "CMD", "true"), one + "healthCheck.interval: 4 is not between 5 and 300 seconds."},
		{health(cluster.HealthSpec{Interval: 30, Timeout: 121, Retries: 3}, "CMD", "true"), one + "healthCheck.timeout: 121 is not between 2 and 120 seconds."},
		{health(cluster.HealthSpec{Interval: 30, Timeout: 5, Retries: 11}, "CMD", "true"), one + "healthCheck.retries: 11 is not between 1 and 10."},
		{health(cluster.HealthSpec{Interval: 30, Timeout: 5, Retries: 1, StartPeriod: new(301)}, "CMD", "true"), one + "healthCheck.startPeriod: 301 is not between 0 and 300 seconds."},
		{container(func(c c) { c.Restart = &cluster.RestartSpec{Enabled: true, AttemptPeriod: new(59)} }), one + "restartPolicy.restartAttemptPeriod: 59 is not between 60 and 1800 seconds."},
		{container(func(c c) { c.Restart = &cluster.RestartSpec{Enabled: true, IgnoredExitCodes: []int{1, 256}} }), one + "restartPolicy.ignoredExitCodes[1]: 256 is not between 0 and 255."},
		{container(func(c c) { c.Restart = &cluster.RestartSpec{Enabled: true, IgnoredExitCodes: make([]int, 51)} }), one + "restartPolicy.ignoredExitCodes: 51 exit codes are more than 50."},

		{container(func(c c) { c.Secrets = []cluster.SecretSpec{{Name: "A", From: "key"}} }), one + "secrets[0].name: The secret name must be unique and not shared with any new or existing environment variables set on the container, such as 'A'."},
		{container(func(c c) { c.Secrets = []cluster.SecretSpec{{Name: "S", From: "key"}, {Name: "S", From: "key"}} }), one + "secrets[1].name: The secret name must be unique and not shared with any new or existing environment variables set on the container, such as 'S'."},
		{container(func(c c) { c.Secrets = []cluster.SecretSpec{{Name: "", From: "key"}} }), one + `secrets[0].name: "" is not the name of a variable.`},
		{container(func(c c) { c.Secrets = []cluster.SecretSpec{{Name: "S", From: "arn:aws:s3:::b/k"}} }), one + `secrets[0].valueFrom: "arn:aws:s3:::b/k" is neither the ARN of a secret or parameter, nor the name of a parameter.`},
		{container(func(c c) { c.Secrets = []cluster.SecretSpec{{Name: "S", From: "a b"}} }), one + `secrets[0].valueFrom: "a b" is neither the ARN of a secret or parameter, nor the name of a parameter.`},
		{container(func(c c) { c.Secrets = []cluster.SecretSpec{{Name: "S", From: aSecret + ":a:b:c:d"}} }), one + `secrets[0].valueFrom: "` + aSecret + `:a:b:c:d" is neither the ARN of a secret or parameter, nor the name of a parameter.`},
		{func(s spec) {
			s.ExecutionRole = ""
			s.Containers[0].Secrets = []cluster.SecretSpec{{Name: "S", From: "k"}}
		}, one + "secrets: When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."},
		{func(s spec) { s.ExecutionRole = ""; s.Containers[0].RegistryLogin = aSecret }, one + "repositoryCredentials: Private repository authentication requires that the task definition specify a value for executionRoleArn."},
		{func(s spec) {
			s.ExecutionRole = ""
			s.Containers[0].EnvFiles = []cluster.EnvFile{{Type: "s3", ARN: "arn:aws:s3:::bucket/key"}}
		}, one + "environmentFiles: When you are specifying environment files, you must also specify a value for 'executionRoleArn'."},
		{container(func(c c) { c.RegistryLogin = "a secret" }), one + `repositoryCredentials.credentialsParameter: "a secret" is neither the ARN nor the name of a secret.`},
		{container(func(c c) { c.EnvFiles = []cluster.EnvFile{{Type: "s3", ARN: "s3://bucket/key"}} }), one + `environmentFiles[0].value: "s3://bucket/key" is not the ARN of an object, such as arn:aws:s3:::bucket/key.env.`},
		{container(func(c c) { c.EnvFiles = []cluster.EnvFile{{Type: "http", ARN: "arn:aws:s3:::bucket/key"}} }), one + `environmentFiles[0].type: "http" is not one of s3.`},
		{container(func(c c) { c.EnvFiles = make([]cluster.EnvFile, 11) }), one + "environmentFiles: 11 files are more than 10."},

		{volume(cluster.VolumeSpec{Name: "a b"}), `volumes[0].name: Invalid volume name "a b": up to 255 letters, digits, hyphens and underscores are allowed.`},
		{func(s spec) { s.Volumes = []cluster.VolumeSpec{{Name: "v"}, {Name: "v"}} }, `volumes[1].name: Volume names must be unique within a Task Definition: "v" is given twice.`},
		{volume(cluster.VolumeSpec{Name: "v", HostPath: "srv"}), `volumes[0].host.sourcePath: "srv" is not an absolute path.`},
		{volume(cluster.VolumeSpec{Name: "v", HostPath: "/srv/../etc"}), `volumes[0].host.sourcePath: "/srv/../etc" leads out of where it begins.`},
		{volume(cluster.VolumeSpec{Name: "v", HostPath: "/srv", Docker: &cluster.DockerVolume{Scope: "task"}}), "volumes[0].host: A volume has a host or a dockerVolumeConfiguration, not both."},
		{volume(cluster.VolumeSpec{Name: "v", Docker: &cluster.DockerVolume{Scope: "all"}}), `volumes[0].dockerVolumeConfiguration.scope: "all" is not one of task, shared.`},
		{volume(cluster.VolumeSpec{Name: "v", Docker: &cluster.DockerVolume{Scope: "task", Driver: "rexray"}}), `volumes[0].dockerVolumeConfiguration.driver: "rexray" is not supported by Slipway; use local, or leave it out.`},
		{volume(cluster.VolumeSpec{Name: "v", Docker: &cluster.DockerVolume{Scope: "task", Autoprovision: new(true)}}), "volumes[0].dockerVolumeConfiguration.autoprovision: It is for volumes whose scope is shared."},
		{volume(cluster.VolumeSpec{Name: "v", Docker: &cluster.DockerVolume{Scope: "shared"}}), "volumes[0].dockerVolumeConfiguration.autoprovision: A shared volume is made where it is missing: autoprovision must be true."},
		{container(func(c c) { c.Mounts = []cluster.MountSpec{{Volume: "v", Path: "/v"}} }), one + "mountPoints[0].sourceVolume: Unknown volume 'v'."},
		{func(s spec) {
			volume(cluster.VolumeSpec{Name: "v"})(s)
			s.Containers[0].Mounts = []cluster.MountSpec{{Volume: "v", Path: "v"}}
		}, one + `mountPoints[0].containerPath: "v" is not an absolute path.`},
		{func(s spec) {
			volume(cluster.VolumeSpec{Name: "v"})(s)
			s.Containers[0].Mounts = []cluster.MountSpec{{Volume: "v", Path: "/"}}
		}, one + "mountPoints[0].containerPath: Nothing can be mounted in place of the root."},
		{func(s spec) {
			volume(cluster.VolumeSpec{Name: "v"})(s)
			s.Containers[0].Mounts = []cluster.MountSpec{{Volume: "v", Path: "/v"}, {Volume: "v", Path: "/v"}}
		}, one + `mountPoints[1].containerPath: "/v" has something mounted already.`},
		{container(func(c c) { c.VolumesFrom = []cluster.BorrowSpec{{Container: "z"}} }), one + "volumesFrom[0].sourceContainer: Invalid 'volumesFrom' setting. Unknown container: 'z'."},
		{container(func(c c) { c.VolumesFrom = []cluster.BorrowSpec{{Container: "a"}} }), one + `volumesFrom[0].sourceContainer: Invalid 'volumesFrom' setting. "a" is the container itself.`},
		{func(s spec) {
			s.Containers[0].VolumesFrom = []cluster.BorrowSpec{{Container: "b"}}
			s.Containers[1].VolumesFrom = []cluster.BorrowSpec{{Container: "a"}}
		}, `containerDefinitions[1].volumesFrom: Invalid 'volumesFrom' setting. "a" comes back to itself by "b".`},

		{linux(cluster.LinuxSpec{Capabilities: &cluster.CapabilitySpec{Add: []string{"FLY"}}}), one + `linuxParameters.capabilities.add[0]: "FLY" is not a capability of Linux that a container can have or lose.`},
		{linux(cluster.LinuxSpec{Capabilities: &cluster.CapabilitySpec{Drop: []string{"ALL", "CAP_KILL"}}}), one + `linuxParameters.capabilities.drop[1]: "CAP_KILL" is not a capability of Linux that a container can have or lose.`},
		{linux(cluster.LinuxSpec{SharedMemory: new(0)}), one + "linuxParameters.sharedMemorySize: 0 is not between 1 and 1073741824 MiB."},
		{linux(cluster.LinuxSpec{MaxSwap: new(-1)}), one + "linuxParameters.maxSwap: -1 is not between 0 and 1073741824 MiB."},
		{linux(cluster.LinuxSpec{Swappiness: new(101)}), one + "linuxParameters.swappiness: 101 is not between 0 and 100."},
		{linux(cluster.LinuxSpec{Devices: []cluster.DeviceSpec{{}}}), one + "linuxParameters.devices[0].hostPath: A path is missing."},
		{linux(cluster.LinuxSpec{Devices: []cluster.DeviceSpec{{Host: "/dev/fuse", Permissions: []string{"all"}}}}), one + `linuxParameters.devices[0].permissions[0]: "all" is not one of read, write, mknod.`},
		{linux(cluster.LinuxSpec{Tmpfs: []cluster.TmpfsSpec{{Path: "/t"}}}), one + "linuxParameters.tmpfs[0].size: 0 is not between 1 and 1073741824 MiB."},
		{linux(cluster.LinuxSpec{Tmpfs: []cluster.TmpfsSpec{{Path: "/t", Size: 1, Options: []string{"size=9g"}}}}), one + `linuxParameters.tmpfs[0].mountOptions[0]: "size=9g" is not an option of tmpfs.`},

		{container(func(c c) { c.Ulimits = []cluster.UlimitSpec{{Name: "files"}} }), one + `ulimits[0].name: "files" is not one of core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack.`},
		{container(func(c c) { c.Ulimits = []cluster.UlimitSpec{{Name: "core", Soft: 2, Hard: 1}} }), one + "ulimits[0].softLimit: 2 is greater than the hard limit, 1."},
		{container(func(c c) { c.Ulimits = []cluster.UlimitSpec{{Name: "core"}, {Name: "core"}} }), one + `ulimits[1].name: "core" is given twice.`},
		{container(func(c c) { c.SecurityOptions = []string{"apparmor:strict"} }), one + `dockerSecurityOptions[0]: "apparmor:strict" is not supported by Slipway; supported is no-new-privileges.`},
		{container(func(c c) { c.DNS = []string{"dns"} }), one + `dnsServers[0]: "dns" is not an IP address.`},
		{container(func(c c) { c.DNSSearch = []string{"a b"} }), one + `dnsSearchDomains[0]: "a b" is not a domain.`},
		{container(func(c c) { c.ExtraHosts = []cluster.HostSpec{{Name: "db", Address: "db"}} }), one + `extraHosts[0].ipAddress: "db" is not an IP address.`},
		{container(func(c c) { c.ExtraHosts = []cluster.HostSpec{{Name: "d b", Address: "::1"}} }), one + `extraHosts[0].hostname: "d b" is not a host name.`},
		{container(func(c c) { c.Labels = map[string]string{"": "x"} }), one + "dockerLabels: A label has no name."},
		{container(func(c c) { c.Sysctls = []cluster.SysctlSpec{{Name: "kernel.panic", Value: "1"}} }), one + `systemControls[0].namespace: "kernel.panic" is not a parameter of the kernel that a container has for itself.`},
		{container(func(c c) { c.Sysctls = []cluster.SysctlSpec{{Name: "net.core/../x", Value: "1"}} }), one + `systemControls[0].namespace: "net.core/../x" is not a parameter of the kernel that a container has for itself.`},
		{container(func(c c) { c.Sysctls = []cluster.SysctlSpec{{Name: "net.core.somaxconn"}} }), one + `systemControls[0].value: "" is not a value.`},
		{func(s spec) {
			s.NetworkMode = "host"
			s.Containers[0].Sysctls = []cluster.SysctlSpec{{Name: "net.core.somaxconn", Value: "1"}}
		}, one + `systemControls[0].namespace: "net.core.somaxconn" is of the machine when networkMode=host.`},
		{func(s spec) {
			s.IPCMode = "host"
			s.Containers[0].Sysctls = []cluster.SysctlSpec{{Name: "kernel.sem", Value: "1"}}
		}, one + `systemControls[0].namespace: "kernel.sem" is of the machine when ipcMode=host.`},

		{mapped("awsvpc", cluster.PortSpec{Container: 80, Host: 81, Protocol: "tcp"}), one + "portMappings[0].hostPort: When networkMode=awsvpc, the host ports and container ports in port mappings must match."},
		{mapped("host", cluster.PortSpec{Container: 80, Host: 81, Protocol: "tcp"}), one + "portMappings[0].hostPort: When networkMode=host, the host ports and container ports in port mappings must match."},
		{mapped("none", cluster.PortSpec{Container: 80, Protocol: "tcp"}), one + "portMappings: Port mappings are not supported when networkMode=none."},
		{mapped("host", cluster.PortSpec{Range: "80-90", Protocol: "tcp"}), one + "portMappings[0].containerPortRange: Port ranges are supported when networkMode is bridge or awsvpc."},
		{mapped("", cluster.PortSpec{Range: "90-80", Protocol: "tcp"}), one + `portMappings[0].containerPortRange: "90-80" is not a range of ports, such as 8000-8010.`},
		{mapped("", cluster.PortSpec{Range: "80-90", Container: 80, Protocol: "tcp"}), one + "portMappings[0].containerPortRange: A port mapping has a containerPort or a containerPortRange, not both."},
		{mapped("", cluster.PortSpec{Range: "80-90", Host: 80, Protocol: "tcp"}), one + "portMappings[0].hostPort: A port mapping with a containerPortRange has no hostPort."},
		{mapped("", cluster.PortSpec{Range: "80-90", Protocol: "tcp"}, cluster.PortSpec{Range: "85-95", Protocol: "tcp"}), one + "portMappings[1].containerPortRange: 85/tcp is mapped twice."},
		{mapped("", cluster.PortSpec{Range: "1000-2000", Protocol: "tcp"}), "containerDefinitions: 1001 ports are published, and at most 500 can be."},
		{mapped("", cluster.PortSpec{Container: 80, Protocol: "tcp", Name: "Web"}), one + `portMappings[0].name: "Web" is not of up to 64 lower-case letters, digits, underscores and hyphens, none of them first.`},
		{mapped("", cluster.PortSpec{Container: 80, Protocol: "tcp", Name: "web"}, cluster.PortSpec{Container: 81, Protocol: "tcp", Name: "web"}), one + `portMappings[1].name: "web" is the name of containerDefinitions[0].portMappings[0] too.`},
		{func(s spec) { s.NetworkMode = "awsvpc"; s.Containers[0].Hostname = "web" }, one + "hostname: Hostname is not supported on container when networkMode=awsvpc."},
		{func(s spec) {
			s.NetworkMode = "awsvpc"
			s.Containers[0].ExtraHosts = []cluster.HostSpec{{Name: "a", Address: "::1"}}
		}, one + "extraHosts: Extra hosts is not supported on container when networkMode=awsvpc."},
	} {
		bad := cluster.Spec{ExecutionRole: "pull", Containers: []cluster.ContainerSpec{
			{Name: "a", Image: "a", Essential: true, Memory: new(100), Env: []cluster.Variable{{Name: "A"}}},
			{Name: "b", Image: "b", Memory: new(100)},
		}}
		test.spoil(&bad)
		err := bad.Check(region)
		wantErr(t, err, cluster.ErrDefinition)
		if got := fmt.Sprint(err); got != test.want {
			t.Errorf("refused with %s\nwant %s", got, test.want)
		}
	}
}

// BenchmarkCheck is what a RunTask pays for the check of a definition that uses most of what there is.
func BenchmarkCheck(b *testing.B) {
	s := whole()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Check(region); err != nil {
			b.Fatal(err)
		}
	}
}
