// Package taskdeftest has task definitions for tests.
package taskdeftest

import (
	"strings"

	"slipway/cluster/taskdef"
)

// Secret is the ARN of a secret, and Parameter that of a parameter.
const (
	Secret    = "arn:aws:secretsmanager:us-east-1:123456789012:secret:web-AbCdEf"
	Parameter = "arn:aws:ssm:us-east-1:123456789012:parameter/web/key"
)

// Whole is a definition that uses most of what there is: "a" is essential and waits for "b" and "c".
func Whole() taskdef.Spec {
	return taskdef.Spec{
		CPU: 512, Memory: 1024, PIDMode: "task", IPCMode: "task", Disk: 21, ExecutionRole: "arn:aws:iam::123456789012:role/pull",
		Platform: &taskdef.Platform{Architecture: "X86_64", System: "LINUX"},
		Volumes: []taskdef.Volume{
			{Name: "own"}, {Name: "host", HostPath: "/srv/data"},
			{Name: "shared", Docker: &taskdef.DockerVolume{Scope: "shared", Autoprovision: new(true), Driver: "local"}},
		},
		Containers: []taskdef.Container{
			{
				Name: "a", Image: "a", Essential: true, RegistryLogin: Secret, VersionConsistency: "enabled",
				Env: []taskdef.Variable{{Name: "A", Value: "1"}}, Secrets: []taskdef.Secret{{Name: "S", From: Secret + ":key::"}, {Name: "P", From: Parameter}, {Name: "N", From: "/web/key"}, {Name: "V", From: Parameter + ":3"}, {Name: "L", From: "key:prod"}},
				DependsOn: Dependencies("b SUCCESS", "c HEALTHY"), StartTimeout: new(10), StopTimeout: new(3),
				Ports:  []taskdef.Port{{Container: 80, Protocol: "tcp", Name: "web", AppProtocol: "http"}, {Range: "8000-8010", Protocol: "tcp"}},
				Mounts: []taskdef.Mount{{Volume: "own", Path: "/own"}, {Volume: "host", Path: "/host", ReadOnly: new(true)}},
				Linux: &taskdef.Linux{
					Capabilities: &taskdef.Capabilities{Add: []string{"SYS_PTRACE"}, Drop: []string{"ALL"}}, Init: new(true), SharedMemory: new(16), MaxSwap: new(0), Swappiness: new(10),
					Devices: []taskdef.Device{{Host: "/dev/fuse", Permissions: []string{"read"}}}, Tmpfs: []taskdef.Tmpfs{{Path: "/run", Size: 8, Options: []string{"noexec", "mode=1770"}}},
				},
				SecurityOptions: []string{"no-new-privileges"}, Ulimits: []taskdef.Ulimit{{Name: "nofile", Soft: 10, Hard: 20}, {Name: "core", Soft: -1, Hard: -1}},
				Sysctls: []taskdef.Sysctl{{Name: "net.core.somaxconn", Value: "99"}, {Name: "kernel.shmmax", Value: "1"}, {Name: "fs.mqueue.msg_max", Value: "9"}},
				Labels:  map[string]string{"team": "a"}, DNS: []string{"10.0.0.1", "::1"}, DNSSearch: []string{"example.com"}, ExtraHosts: []taskdef.Host{{Name: "db", Address: "10.0.0.9"}},
				ReadonlyRoot: new(true), Privileged: new(false), Interactive: new(true), Terminal: new(true), Hostname: "web",
			},
			{Name: "b", Image: "b", VolumesFrom: []taskdef.Borrow{{Container: "a", ReadOnly: new(true)}}},
			{
				Name: "c", Image: "c", Restart: &taskdef.Restart{Enabled: true, IgnoredExitCodes: []int{0, 255}, AttemptPeriod: new(60)},
				Health: &taskdef.Health{Command: []string{"CMD-SHELL", "true"}, Interval: 5, Timeout: 2, Retries: 1, StartPeriod: new(0)},
				Mounts: []taskdef.Mount{{Volume: "shared", Path: "/shared"}},
			},
		},
	}
}

// Dependencies are others that a container waits for: "b START".
func Dependencies(on ...string) (list []taskdef.Dependency) {
	for _, text := range on {
		name, condition, _ := strings.Cut(text, " ")
		list = append(list, taskdef.Dependency{Container: name, Condition: condition})
	}
	return list
}
