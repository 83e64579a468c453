package taskdef_test

import (
	"testing"

	"slipway/cluster/taskdef"
)

func TestAGoodDefinitionPasses(t *testing.T) {
	good := taskdef.Spec{
		CPU: 256, Memory: 512, NetworkMode: "bridge", Requires: []string{"EC2", "EXTERNAL"},
		Containers: []taskdef.Container{
			{
				Name: "web", Image: "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/web@sha256:00", Essential: true, CPU: 128,
				Memory: new(256), MemoryReservation: new(256), WorkingDir: "/srv", Hostname: "web-1.local", StopTimeout: new(0),
				Env: []taskdef.Variable{{Name: "EMPTY"}},
				Ports: []taskdef.Port{
					{Container: 80, Host: 8080, Protocol: "tcp"}, {Container: 80, Host: 8081, Protocol: "tcp"},
					{Container: 53, Host: 8080, Protocol: "udp"}, {Container: 54, Protocol: "udp"}, {Container: 55, Protocol: "udp"},
				},
				Log: &taskdef.Log{Driver: "awslogs", Options: map[string]string{
					"awslogs-group": "g", "awslogs-region": region, "awslogs-stream-prefix": "p", "awslogs-create-group": "true", "mode": "non-blocking", "max-buffer-size": "25m",
				}},
			},
			{Name: "side", Image: "side"},
		},
	}
	if err := good.Check(region); err != nil {
		t.Error(err)
	}
}

func TestBadDefinitionsNameThePathAndTheValue(t *testing.T) {
	type spec = *taskdef.Spec
	for _, c := range []struct {
		spoil func(s spec)
		want  string
	}{
		{func(s spec) { s.Containers = nil }, "containerDefinitions: Container list cannot be empty."},
		{func(s spec) { s.Containers = make([]taskdef.Container, 11) }, "containerDefinitions: Too many containers: 11 are given, at most 10 are allowed."},
		{func(s spec) { s.Containers[1].Essential = false; s.Containers[0].Essential = false }, "containerDefinitions: At least one container must be essential."},
		{func(s spec) { s.NetworkMode = "nat" }, `networkMode: "nat" is not one of bridge, awsvpc, host, none.`},
		{func(s spec) { s.Requires = []string{"EC2", "FARGATE"} }, `requiresCompatibilities[1]: "FARGATE" is not supported by Slipway; use EC2 or EXTERNAL.`},

		{func(s spec) { s.Containers[1].Name = "" }, "containerDefinitions[1].name: Container.name should not be null or empty."},
		{func(s spec) { s.Containers[1].Name = "b c" }, `containerDefinitions[1].name: Invalid container name "b c": up to 255 letters, digits, hyphens and underscores are allowed.`},
		{func(s spec) { s.Containers[1].Name = "a" }, `containerDefinitions[1].name: Container names must be unique within a Task Definition: containerDefinitions[0] is "a" too.`},
		{func(s spec) { s.Containers[1].Image = "" }, "containerDefinitions[1].image: Container.image should not be null or empty."},
		{func(s spec) { s.Containers[0].Image = "a web" }, `containerDefinitions[0].image: "a web" is not the name of an image.`},
		{func(s spec) { s.Containers[0].CPU = -1 }, "containerDefinitions[0].cpu: -1 is below 0."},
		{func(s spec) { s.Containers[0].Memory = new(0) }, "containerDefinitions[0].memory: 0 MiB is below the least that a container can have, 6 MiB."},
		{func(s spec) { s.Containers[0].MemoryReservation = new(5) }, "containerDefinitions[0].memoryReservation: 5 MiB is below the least that a container can have, 6 MiB."},
		{func(s spec) { s.Containers[0].MemoryReservation = new(101) }, "containerDefinitions[0].memoryReservation: 101 is greater than 'memory', 100."},
		{func(s spec) { s.Containers[0].Memory = nil }, "containerDefinitions[0].memory: Invalid setting for container 'a'. At least one of 'memory' or 'memoryReservation' must be specified."},
		{func(s spec) { s.Containers[0].WorkingDir = "srv" }, `containerDefinitions[0].workingDirectory: "srv" is not an absolute path.`},
		{func(s spec) { s.Containers[0].Hostname = "-x" }, `containerDefinitions[0].hostname: "-x" is not a host name.`},
		{func(s spec) { s.Containers[0].StopTimeout = new(-1) }, "containerDefinitions[0].stopTimeout: -1 is not between 0 and 86400 seconds."},
		{func(s spec) { s.Containers[0].Command = []string{"ok", "a\x00b"} }, `containerDefinitions[0].command[1]: "a\x00b" holds a NUL byte.`},
		{func(s spec) { s.Containers[0].Env = []taskdef.Variable{{Name: "A"}, {Name: "B=C"}} }, `containerDefinitions[0].environment[1].name: "B=C" is not the name of a variable.`},

		{func(s spec) { s.Containers[0].Ports = []taskdef.Port{{Container: 0, Protocol: "tcp"}} }, "containerDefinitions[0].portMappings[0].containerPort: Invalid 'containerPort' setting for container 'a': 0 is not between 1 and 65535."},
		{func(s spec) { s.Containers[0].Ports = []taskdef.Port{{Container: 1, Host: 65536, Protocol: "tcp"}} }, "containerDefinitions[0].portMappings[0].hostPort: 65536 is not between 0 and 65535."},
		{func(s spec) { s.Containers[0].Ports = []taskdef.Port{{Container: 1, Protocol: "sctp"}} }, `containerDefinitions[0].portMappings[0].protocol: "sctp" is neither tcp nor udp.`},
		{func(s spec) {
			s.Containers[0].Ports = []taskdef.Port{{Container: 80, Host: 3000, Protocol: "tcp"}}
			s.Containers[1].Ports = []taskdef.Port{{Container: 81, Host: 3000, Protocol: "tcp"}}
		}, "containerDefinitions[1].portMappings[0].hostPort: TCP host port '3000' is mapped multiple times in task."},
		{func(s spec) {
			s.Containers[0].Ports = []taskdef.Port{{Container: 80, Protocol: "tcp"}}
			s.Containers[1].Ports = []taskdef.Port{{Container: 80, Protocol: "tcp"}}
		}, "containerDefinitions[1].portMappings[0].containerPort: 80/tcp is mapped by containerDefinitions[0] too, and the containers of a task share one address."},

		{func(s spec) { s.Containers[0].Log = &taskdef.Log{Driver: "syslog"} }, `containerDefinitions[0].logConfiguration.logDriver: "syslog" is not supported by Slipway; use awslogs.`},
		{func(s spec) { s.Containers[0].Log = &taskdef.Log{Driver: "awslogs"} }, "containerDefinitions[0].logConfiguration.options: Log driver awslogs requires options: awslogs-group."},
		{func(s spec) {
			s.Containers[0].Log = &taskdef.Log{Driver: "awslogs", Options: map[string]string{"awslogs-group": "g", "awslogs-region": "eu-west-1"}}
		}, `containerDefinitions[0].logConfiguration.options.awslogs-region: "eu-west-1" is another region; logs are kept in "us-east-1".`},
		{func(s spec) {
			s.Containers[0].Log = &taskdef.Log{Driver: "awslogs", Options: map[string]string{"awslogs-group": "g", "awslogs-datetime-format": "%H"}}
		}, "containerDefinitions[0].logConfiguration.options.awslogs-datetime-format: The option is not supported by Slipway; supported are awslogs-group, awslogs-region, awslogs-stream-prefix, awslogs-create-group, mode, max-buffer-size."},

		{func(s spec) { s.CPU = 100 }, "cpu: Invalid 'cpu' setting for task: 100 is not between 128 and 196608."},
		{func(s spec) { s.CPU = 128 }, "cpu: The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu': 200 and 128."},
		{func(s spec) { s.Memory = 5 }, "memory: Invalid 'memory' setting for task: 5 MiB is below 6."},
		{func(s spec) { s.Memory = 99 }, "containerDefinitions[0].memory: The 'memory' setting for container is greater than for the task: 100 and 99."},
		{func(s spec) {
			s.Memory = 150
			s.Containers[0].MemoryReservation, s.Containers[1].MemoryReservation = new(100), new(100)
		}, "memory: The sum of all container 'memoryReservation' values cannot be greater than the value of the task 'memory': 200 and 150."},
	} {
		bad := taskdef.Spec{Containers: []taskdef.Container{
			{Name: "a", Image: "a", Essential: true, CPU: 100, Memory: new(100)},
			{Name: "b", Image: "b", Essential: true, CPU: 100, Memory: new(100)},
		}}
		c.spoil(&bad)
		err := bad.Check(region)
		wantErr(t, err, taskdef.ErrInvalid)
		if err != nil && err.Error() != c.want {
			t.Errorf("refused with %s\nwant %s", err, c.want)
		}
	}
}

func TestWhatATaskHoldsOfItsNode(t *testing.T) {
	containers := []taskdef.Container{
		{CPU: 100, Memory: new(100)},
		{CPU: 50, Memory: new(100), MemoryReservation: new(30)},
		{CPU: 25, MemoryReservation: new(20), Ports: []taskdef.Port{{Container: 1, Host: 80, Protocol: "tcp"}, {Container: 2, Protocol: "tcp"}}},
	}
	sum := taskdef.Spec{Containers: containers}.Need()
	if sum.CPU != 175 || sum.Memory != 150 || len(sum.Ports) != 1 || sum.Ports[0].Number != 80 {
		t.Errorf("without limits of its own it holds %+v", sum)
	}
	own := taskdef.Spec{CPU: 256, Memory: 512, Containers: containers}.Need()
	if own.CPU != 256 || own.Memory != 512 {
		t.Errorf("with limits of its own it holds %+v", own)
	}
}
