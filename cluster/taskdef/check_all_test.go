package taskdef_test

import (
	"fmt"
	"testing"

	"slipway/cluster/taskdef"
	"slipway/cluster/taskdef/taskdeftest"
)

// container spoils the first container of a definition.
func container(spoil func(c *taskdef.Container)) func(*taskdef.Spec) {
	return func(s *taskdef.Spec) { spoil(&s.Containers[0]) }
}

func linux(l taskdef.Linux) func(*taskdef.Spec) {
	return container(func(c *taskdef.Container) { c.Linux = &l })
}

func health(h taskdef.Health, command ...string) func(*taskdef.Spec) {
	h.Command = command
	return container(func(c *taskdef.Container) { c.Health = &h })
}

func volume(v taskdef.Volume) func(*taskdef.Spec) {
	return func(s *taskdef.Spec) { s.Volumes = []taskdef.Volume{v} }
}

func mapped(mode string, ports ...taskdef.Port) func(*taskdef.Spec) {
	return func(s *taskdef.Spec) { s.NetworkMode, s.Containers[0].Ports = mode, ports }
}

// waits makes "a", which is essential, wait for others: "b START".
func waits(on ...string) func(*taskdef.Spec) {
	return container(func(c *taskdef.Container) { c.DependsOn = taskdeftest.Dependencies(on...) })
}

func TestAWholeDefinitionPasses(t *testing.T) {
	for _, mode := range []string{"", "bridge"} {
		good := taskdeftest.Whole()
		good.NetworkMode = mode
		if err := good.Check(region); err != nil {
			t.Errorf("%q: %v", mode, err)
		}
	}
	vpc := taskdeftest.Whole()
	vpc.NetworkMode, vpc.Containers[0].Hostname, vpc.Containers[0].ExtraHosts = "awsvpc", "", nil
	if err := vpc.Filled().Check(region); err != nil {
		t.Error(err)
	}
	host := taskdeftest.Whole()
	host.NetworkMode, host.Containers[0].Sysctls, host.Containers[0].Ports = "host", nil, []taskdef.Port{{Container: 80, Protocol: "tcp"}}
	if err := host.Filled().Check(region); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotRunIsRefusedByItsPath(t *testing.T) {
	const one = "containerDefinitions[0]."
	type spec = *taskdef.Spec
	type c = *taskdef.Container
	for _, test := range []struct {
		spoil func(spec)
		want  string
	}{
		{func(s spec) { s.PIDMode = "pod" }, `pidMode: "pod" is not one of task, host.`},
		{func(s spec) { s.IPCMode = "pod" }, `ipcMode: "pod" is not one of task, host, none.`},
		{func(s spec) { s.Disk = 20 }, "ephemeralStorage.sizeInGiB: 20 is not between 21 and 200 GiB."},
		{func(s spec) { s.Disk = 201 }, "ephemeralStorage.sizeInGiB: 201 is not between 21 and 200 GiB."},
		{func(s spec) { s.Platform = &taskdef.Platform{System: "WINDOWS_SERVER_2022_CORE"} }, `runtimePlatform.operatingSystemFamily: "WINDOWS_SERVER_2022_CORE" is not supported by Slipway; use LINUX.`},
		{func(s spec) { s.Platform = &taskdef.Platform{Architecture: "MIPS"} }, `runtimePlatform.cpuArchitecture: "MIPS" is not one of X86_64, ARM64.`},

		{waits("z START"), one + "dependsOn[0].containerName: Invalid 'dependsOn' setting. Unknown container: 'z'."},
		{waits("a START"), one + `dependsOn[0].containerName: Invalid 'dependsOn' setting. "a" is the container itself.`},
		{waits("b START", "b COMPLETE"), one + `dependsOn[1].containerName: Invalid 'dependsOn' setting. "b" is given twice.`},
		{waits("b READY"), one + `dependsOn[0].condition: "READY" is not one of START, COMPLETE, SUCCESS, HEALTHY.`},
		{waits("b HEALTHY"), one + `dependsOn[0].condition: A dependency container with HEALTHY condition must have a health check: "b" has none.`},
		{func(s spec) { s.Containers[1].Essential = true; waits("b SUCCESS")(s) }, one + `dependsOn[0].condition: A dependency container with SUCCESS or COMPLETE condition cannot be an essential container: "b" is.`},
		{func(s spec) { s.Containers[1].Essential = true; waits("b COMPLETE")(s) }, one + `dependsOn[0].condition: A dependency container with SUCCESS or COMPLETE condition cannot be an essential container: "b" is.`},
		{func(s spec) { waits("b START")(s); s.Containers[1].DependsOn = taskdeftest.Dependencies("a START") }, `containerDefinitions[1].dependsOn: Invalid 'dependsOn' setting. "a" comes back to itself by "b".`},

		{container(func(c c) { c.StartTimeout = new(1) }), one + "startTimeout: 1 is not between 2 and 86400 seconds."},
		{container(func(c c) { c.VersionConsistency = "disabled" }), one + `versionConsistency: "disabled" is not supported by Slipway; use enabled, or leave it out.`},
		{health(taskdef.Health{}), one + "healthCheck.command: Health check command must not be empty."},
		{health(taskdef.Health{}, "true"), one + `healthCheck.command[0]: "true" is not one of CMD, CMD-SHELL, NONE.`},
		{health(taskdef.Health{}, "CMD"), one + "healthCheck.command: CMD is followed by nothing to run."},
		{health(taskdef.Health{}, "NONE", "a"), one + "healthCheck.command: NONE is followed by nothing."},
		{health(taskdef.Health{Interval: 4, Timeout: 5, Retries: 3}, "CMD", "true"), one + "healthCheck.interval: 4 is not between 5 and 300 seconds."},
		{health(taskdef.Health{Interval: 30, Timeout: 121, Retries: 3}, "CMD", "true"), one + "healthCheck.timeout: 121 is not between 2 and 120 seconds."},
		{health(taskdef.Health{Interval: 30, Timeout: 5, Retries: 11}, "CMD", "true"), one + "healthCheck.retries: 11 is not between 1 and 10."},
		{health(taskdef.Health{Interval: 30, Timeout: 5, Retries: 1, StartPeriod: new(301)}, "CMD", "true"), one + "healthCheck.startPeriod: 301 is not between 0 and 300 seconds."},
		{container(func(c c) { c.Restart = &taskdef.Restart{Enabled: true, AttemptPeriod: new(59)} }), one + "restartPolicy.restartAttemptPeriod: 59 is not between 60 and 1800 seconds."},
		{container(func(c c) { c.Restart = &taskdef.Restart{Enabled: true, IgnoredExitCodes: []int{1, 256}} }), one + "restartPolicy.ignoredExitCodes[1]: 256 is not between 0 and 255."},
		{container(func(c c) { c.Restart = &taskdef.Restart{Enabled: true, IgnoredExitCodes: make([]int, 51)} }), one + "restartPolicy.ignoredExitCodes: 51 exit codes are more than 50."},

		{container(func(c c) { c.Secrets = []taskdef.Secret{{Name: "A", From: "key"}} }), one + "secrets[0].name: The secret name must be unique and not shared with any new or existing environment variables set on the container, such as 'A'."},
		{container(func(c c) { c.Secrets = []taskdef.Secret{{Name: "S", From: "key"}, {Name: "S", From: "key"}} }), one + "secrets[1].name: The secret name must be unique and not shared with any new or existing environment variables set on the container, such as 'S'."},
		{container(func(c c) { c.Secrets = []taskdef.Secret{{Name: "", From: "key"}} }), one + `secrets[0].name: "" is not the name of a variable.`},
		{container(func(c c) { c.Secrets = []taskdef.Secret{{Name: "S", From: "arn:aws:s3:::b/k"}} }), one + `secrets[0].valueFrom: "arn:aws:s3:::b/k" is neither the ARN of a secret or parameter, nor the name of a parameter.`},
		{container(func(c c) { c.Secrets = []taskdef.Secret{{Name: "S", From: "a b"}} }), one + `secrets[0].valueFrom: "a b" is neither the ARN of a secret or parameter, nor the name of a parameter.`},
		{container(func(c c) { c.Secrets = []taskdef.Secret{{Name: "S", From: taskdeftest.Secret + ":a:b:c:d"}} }), one + `secrets[0].valueFrom: "` + taskdeftest.Secret + `:a:b:c:d" is neither the ARN of a secret or parameter, nor the name of a parameter.`},
		{func(s spec) {
			s.ExecutionRole = ""
			s.Containers[0].Secrets = []taskdef.Secret{{Name: "S", From: "k"}}
		}, one + "secrets: When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."},
		{func(s spec) { s.ExecutionRole = ""; s.Containers[0].RegistryLogin = taskdeftest.Secret }, one + "repositoryCredentials: Private repository authentication requires that the task definition specify a value for executionRoleArn."},
		{func(s spec) {
			s.ExecutionRole = ""
			s.Containers[0].EnvFiles = []taskdef.EnvFile{{Type: "s3", ARN: "arn:aws:s3:::bucket/key"}}
		}, one + "environmentFiles: When you are specifying environment files, you must also specify a value for 'executionRoleArn'."},
		{container(func(c c) { c.RegistryLogin = "a secret" }), one + `repositoryCredentials.credentialsParameter: "a secret" is neither the ARN nor the name of a secret.`},
		{container(func(c c) { c.EnvFiles = []taskdef.EnvFile{{Type: "s3", ARN: "s3://bucket/key"}} }), one + `environmentFiles[0].value: "s3://bucket/key" is not the ARN of an object, such as arn:aws:s3:::bucket/key.env.`},
		{container(func(c c) { c.EnvFiles = []taskdef.EnvFile{{Type: "http", ARN: "arn:aws:s3:::bucket/key"}} }), one + `environmentFiles[0].type: "http" is not one of s3.`},
		{container(func(c c) { c.EnvFiles = make([]taskdef.EnvFile, 11) }), one + "environmentFiles: 11 files are more than 10."},

		{volume(taskdef.Volume{Name: "a b"}), `volumes[0].name: Invalid volume name "a b": up to 255 letters, digits, hyphens and underscores are allowed.`},
		{func(s spec) { s.Volumes = []taskdef.Volume{{Name: "v"}, {Name: "v"}} }, `volumes[1].name: Volume names must be unique within a Task Definition: "v" is given twice.`},
		{volume(taskdef.Volume{Name: "v", HostPath: "srv"}), `volumes[0].host.sourcePath: "srv" is not an absolute path.`},
		{volume(taskdef.Volume{Name: "v", HostPath: "/srv/../etc"}), `volumes[0].host.sourcePath: "/srv/../etc" leads out of where it begins.`},
		{volume(taskdef.Volume{Name: "v", HostPath: "/srv", Docker: &taskdef.DockerVolume{Scope: "task"}}), "volumes[0].host: A volume has a host or a dockerVolumeConfiguration, not both."},
		{volume(taskdef.Volume{Name: "v", Docker: &taskdef.DockerVolume{Scope: "all"}}), `volumes[0].dockerVolumeConfiguration.scope: "all" is not one of task, shared.`},
		{volume(taskdef.Volume{Name: "v", Docker: &taskdef.DockerVolume{Scope: "task", Driver: "rexray"}}), `volumes[0].dockerVolumeConfiguration.driver: "rexray" is not supported by Slipway; use local, or leave it out.`},
		{volume(taskdef.Volume{Name: "v", Docker: &taskdef.DockerVolume{Scope: "task", Autoprovision: new(true)}}), "volumes[0].dockerVolumeConfiguration.autoprovision: It is for volumes whose scope is shared."},
		{volume(taskdef.Volume{Name: "v", Docker: &taskdef.DockerVolume{Scope: "shared"}}), "volumes[0].dockerVolumeConfiguration.autoprovision: A shared volume is made where it is missing: autoprovision must be true."},
		{container(func(c c) { c.Mounts = []taskdef.Mount{{Volume: "v", Path: "/v"}} }), one + "mountPoints[0].sourceVolume: Unknown volume 'v'."},
		{func(s spec) {
			volume(taskdef.Volume{Name: "v"})(s)
			s.Containers[0].Mounts = []taskdef.Mount{{Volume: "v", Path: "v"}}
		}, one + `mountPoints[0].containerPath: "v" is not an absolute path.`},
		{func(s spec) {
			volume(taskdef.Volume{Name: "v"})(s)
			s.Containers[0].Mounts = []taskdef.Mount{{Volume: "v", Path: "/"}}
		}, one + "mountPoints[0].containerPath: Nothing can be mounted in place of the root."},
		{func(s spec) {
			volume(taskdef.Volume{Name: "v"})(s)
			s.Containers[0].Mounts = []taskdef.Mount{{Volume: "v", Path: "/v"}, {Volume: "v", Path: "/v"}}
		}, one + `mountPoints[1].containerPath: "/v" has something mounted already.`},
		{container(func(c c) { c.VolumesFrom = []taskdef.Borrow{{Container: "z"}} }), one + "volumesFrom[0].sourceContainer: Invalid 'volumesFrom' setting. Unknown container: 'z'."},
		{container(func(c c) { c.VolumesFrom = []taskdef.Borrow{{Container: "a"}} }), one + `volumesFrom[0].sourceContainer: Invalid 'volumesFrom' setting. "a" is the container itself.`},
		{func(s spec) {
			s.Containers[0].VolumesFrom = []taskdef.Borrow{{Container: "b"}}
			s.Containers[1].VolumesFrom = []taskdef.Borrow{{Container: "a"}}
		}, `containerDefinitions[1].volumesFrom: Invalid 'volumesFrom' setting. "a" comes back to itself by "b".`},

		{linux(taskdef.Linux{Capabilities: &taskdef.Capabilities{Add: []string{"FLY"}}}), one + `linuxParameters.capabilities.add[0]: "FLY" is not a capability of Linux that a container can have or lose.`},
		{linux(taskdef.Linux{Capabilities: &taskdef.Capabilities{Drop: []string{"ALL", "CAP_KILL"}}}), one + `linuxParameters.capabilities.drop[1]: "CAP_KILL" is not a capability of Linux that a container can have or lose.`},
		{linux(taskdef.Linux{SharedMemory: new(0)}), one + "linuxParameters.sharedMemorySize: 0 is not between 1 and 1073741824 MiB."},
		{linux(taskdef.Linux{MaxSwap: new(-1)}), one + "linuxParameters.maxSwap: -1 is not between 0 and 1073741824 MiB."},
		{linux(taskdef.Linux{Swappiness: new(101)}), one + "linuxParameters.swappiness: 101 is not between 0 and 100."},
		{linux(taskdef.Linux{Devices: []taskdef.Device{{}}}), one + "linuxParameters.devices[0].hostPath: A path is missing."},
		{linux(taskdef.Linux{Devices: []taskdef.Device{{Host: "/dev/fuse", Permissions: []string{"all"}}}}), one + `linuxParameters.devices[0].permissions[0]: "all" is not one of read, write, mknod.`},
		{linux(taskdef.Linux{Tmpfs: []taskdef.Tmpfs{{Path: "/t"}}}), one + "linuxParameters.tmpfs[0].size: 0 is not between 1 and 1073741824 MiB."},
		{linux(taskdef.Linux{Tmpfs: []taskdef.Tmpfs{{Path: "/t", Size: 1, Options: []string{"size=9g"}}}}), one + `linuxParameters.tmpfs[0].mountOptions[0]: "size=9g" is not an option of tmpfs.`},

		{container(func(c c) { c.Ulimits = []taskdef.Ulimit{{Name: "files"}} }), one + `ulimits[0].name: "files" is not one of core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack.`},
		{container(func(c c) { c.Ulimits = []taskdef.Ulimit{{Name: "core", Soft: 2, Hard: 1}} }), one + "ulimits[0].softLimit: 2 is greater than the hard limit, 1."},
		{container(func(c c) { c.Ulimits = []taskdef.Ulimit{{Name: "core"}, {Name: "core"}} }), one + `ulimits[1].name: "core" is given twice.`},
		{container(func(c c) { c.SecurityOptions = []string{"apparmor:strict"} }), one + `dockerSecurityOptions[0]: "apparmor:strict" is not supported by Slipway; supported is no-new-privileges.`},
		{container(func(c c) { c.DNS = []string{"dns"} }), one + `dnsServers[0]: "dns" is not an IP address.`},
		{container(func(c c) { c.DNSSearch = []string{"a b"} }), one + `dnsSearchDomains[0]: "a b" is not a domain.`},
		{container(func(c c) { c.ExtraHosts = []taskdef.Host{{Name: "db", Address: "db"}} }), one + `extraHosts[0].ipAddress: "db" is not an IP address.`},
		{container(func(c c) { c.ExtraHosts = []taskdef.Host{{Name: "d b", Address: "::1"}} }), one + `extraHosts[0].hostname: "d b" is not a host name.`},
		{container(func(c c) { c.Labels = map[string]string{"": "x"} }), one + "dockerLabels: A label has no name."},
		{container(func(c c) { c.Sysctls = []taskdef.Sysctl{{Name: "kernel.panic", Value: "1"}} }), one + `systemControls[0].namespace: "kernel.panic" is not a parameter of the kernel that a container has for itself.`},
		{container(func(c c) { c.Sysctls = []taskdef.Sysctl{{Name: "net.core/../x", Value: "1"}} }), one + `systemControls[0].namespace: "net.core/../x" is not a parameter of the kernel that a container has for itself.`},
		{container(func(c c) { c.Sysctls = []taskdef.Sysctl{{Name: "net.core.somaxconn"}} }), one + `systemControls[0].value: "" is not a value.`},
		{func(s spec) {
			s.NetworkMode = "host"
			s.Containers[0].Sysctls = []taskdef.Sysctl{{Name: "net.core.somaxconn", Value: "1"}}
		}, one + `systemControls[0].namespace: "net.core.somaxconn" is of the machine when networkMode=host.`},
		{func(s spec) {
			s.IPCMode = "host"
			s.Containers[0].Sysctls = []taskdef.Sysctl{{Name: "kernel.sem", Value: "1"}}
		}, one + `systemControls[0].namespace: "kernel.sem" is of the machine when ipcMode=host.`},

		{mapped("awsvpc", taskdef.Port{Container: 80, Host: 81, Protocol: "tcp"}), one + "portMappings[0].hostPort: When networkMode=awsvpc, the host ports and container ports in port mappings must match."},
		{mapped("host", taskdef.Port{Container: 80, Host: 81, Protocol: "tcp"}), one + "portMappings[0].hostPort: When networkMode=host, the host ports and container ports in port mappings must match."},
		{mapped("none", taskdef.Port{Container: 80, Protocol: "tcp"}), one + "portMappings: Port mappings are not supported when networkMode=none."},
		{mapped("host", taskdef.Port{Range: "80-90", Protocol: "tcp"}), one + "portMappings[0].containerPortRange: Port ranges are supported when networkMode is bridge or awsvpc."},
		{mapped("", taskdef.Port{Range: "90-80", Protocol: "tcp"}), one + `portMappings[0].containerPortRange: "90-80" is not a range of ports, such as 8000-8010.`},
		{mapped("", taskdef.Port{Range: "80-90", Container: 80, Protocol: "tcp"}), one + "portMappings[0].containerPortRange: A port mapping has a containerPort or a containerPortRange, not both."},
		{mapped("", taskdef.Port{Range: "80-90", Host: 80, Protocol: "tcp"}), one + "portMappings[0].hostPort: A port mapping with a containerPortRange has no hostPort."},
		{mapped("", taskdef.Port{Range: "80-90", Protocol: "tcp"}, taskdef.Port{Range: "85-95", Protocol: "tcp"}), one + "portMappings[1].containerPortRange: 85/tcp is mapped twice."},
		{mapped("", taskdef.Port{Range: "1000-2000", Protocol: "tcp"}), "containerDefinitions: 1001 ports are published, and at most 500 can be."},
		{mapped("", taskdef.Port{Container: 80, Protocol: "tcp", Name: "Web"}), one + `portMappings[0].name: "Web" is not of up to 64 lower-case letters, digits, underscores and hyphens, none of them first.`},
		{mapped("", taskdef.Port{Container: 80, Protocol: "tcp", Name: "web"}, taskdef.Port{Container: 81, Protocol: "tcp", Name: "web"}), one + `portMappings[1].name: "web" is the name of containerDefinitions[0].portMappings[0] too.`},
		{func(s spec) { s.NetworkMode = "awsvpc"; s.Containers[0].Hostname = "web" }, one + "hostname: Hostname is not supported on container when networkMode=awsvpc."},
		{func(s spec) {
			s.NetworkMode = "awsvpc"
			s.Containers[0].ExtraHosts = []taskdef.Host{{Name: "a", Address: "::1"}}
		}, one + "extraHosts: Extra hosts is not supported on container when networkMode=awsvpc."},
	} {
		bad := taskdef.Spec{ExecutionRole: "pull", Containers: []taskdef.Container{
			{Name: "a", Image: "a", Essential: true, Memory: new(100), Env: []taskdef.Variable{{Name: "A"}}},
			{Name: "b", Image: "b", Memory: new(100)},
		}}
		test.spoil(&bad)
		err := bad.Check(region)
		wantErr(t, err, taskdef.ErrInvalid)
		if got := fmt.Sprint(err); got != test.want {
			t.Errorf("refused with %s\nwant %s", got, test.want)
		}
	}
}

// BenchmarkCheck is what a RunTask pays for the check of a definition that uses most of what there is.
func BenchmarkCheck(b *testing.B) {
	s := taskdeftest.Whole()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Check(region); err != nil {
			b.Fatal(err)
		}
	}
}
