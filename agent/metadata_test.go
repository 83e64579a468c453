package agent

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"slipway/agent/endpoint"
	"slipway/nodeapi"
)

const aboutMe = "get $ECS_CONTAINER_METADATA_URI_V4"

// read waits for a line that a container prints, and reads it.
func (m *machine) read(key string, line int, into any) {
	m.t.Helper()
	m.wantLine(key, line)
	if err := json.Unmarshal([]byte(m.plane.lines(key)[line]), into); err != nil {
		m.t.Errorf("%s has printed %s: %v", key, m.plane.lines(key)[line], err)
	}
}

func TestAContainerReadsAboutItself(t *testing.T) {
	story(t, func(m *machine) {
		begin := time.Now()
		task := taskOf("sleep 1m then "+aboutMe+" then "+aboutMe+"/task then "+aboutMe+"/taskWithTags then "+aboutMe+"/stats then sleep 1h",
			"sleep 1m then "+aboutMe+" then sleep 1h")
		task.ARN, task.LaunchType, task.Zone, task.CPU, task.Memory, task.Tags = "arn of the task", "EC2", "here", 512, 256, map[string]string{"team": "x"}
		task.Volumes = []nodeapi.Volume{{Name: "v", HostPath: "/srv"}}
		a := &task.Containers[0]
		a.ARN, a.CPU, a.Memory, a.Labels = "arn of a", 256, 128, map[string]string{"own": "label"}
		a.Ports = []nodeapi.Port{{Container: 80, Protocol: "tcp"}}
		a.Mounts = []nodeapi.Mount{{Volume: "v", Path: "/data"}}
		a.Health = &nodeapi.HealthCheck{Command: []string{"CMD", "print", "fine"}, Interval: 10 * time.Second}
		a.Restart = &nodeapi.Restart{AttemptPeriod: time.Minute}
		m.plane.run(task)
		told := m.plane.untilStatus(taskID, nodeapi.Running)

		well := begin.Add(10 * time.Second).UTC()
		begin = begin.UTC()
		restarts := 0
		want := endpoint.ContainerMetadata{
			DockerID: taskID + "-a", Name: "a", DockerName: "a", Image: "image-a", ImageID: told.Containers[0].Digest,
			Labels: map[string]string{
				"own": "label", "com.amazonaws.ecs.cluster": "default", "com.amazonaws.ecs.container-name": "a",
				"com.amazonaws.ecs.task-arn": "arn of the task", "com.amazonaws.ecs.task-definition-family": "web",
				"com.amazonaws.ecs.task-definition-version": "1",
			},
			DesiredStatus: "RUNNING", KnownStatus: "RUNNING", Limits: endpoint.ContainerLimits{CPU: 256, Memory: 128},
			CreatedAt: &begin, StartedAt: &begin, Type: "NORMAL", Health: &endpoint.Health{Status: "HEALTHY", Since: &well, Output: "fine\n"},
			Volumes: []endpoint.Volume{{Source: "/srv", Destination: "/data"}}, LogDriver: "awslogs",
			LogOptions:   map[string]string{"awslogs-group": "group", "awslogs-stream": "a", "awslogs-region": "us-east-1"},
			ContainerARN: "arn of a", Networks: []endpoint.Network{{NetworkMode: "bridge", IPv4Addresses: []string{told.Address}}},
			Ports: []endpoint.Port{{ContainerPort: 80, Protocol: "tcp", HostPort: told.Containers[0].Ports[0].Host}}, RestartCount: &restarts,
		}
		var self, other endpoint.ContainerMetadata
		m.read(taskID+"/a", 0, &self)
		m.read(taskID+"/b", 0, &other)
		if !reflect.DeepEqual(self, want) {
			m.t.Errorf("a reads\n%+v, want\n%+v", self, want)
		}
		if other.Name != "b" || other.Health != nil || other.RestartCount != nil || other.Limits.CPU != leastShares {
			m.t.Errorf("b reads %+v", other)
		}
		var all, tagged endpoint.TaskMetadata
		m.read(taskID+"/a", 2, &all) // each answer ends in an empty line
		m.read(taskID+"/a", 4, &tagged)
		if !reflect.DeepEqual(all.Containers, []endpoint.ContainerMetadata{self, other}) || all.Limits.CPU != 0.5 || all.Limits.Memory != 256 ||
			all.TaskARN != "arn of the task" || all.Revision != "1" || all.KnownStatus != "RUNNING" || all.PullStoppedAt == nil ||
			all.AvailabilityZone != "here" || all.LaunchType != "EC2" || all.TaskTags != nil {
			m.t.Errorf("of the task a reads %+v", all)
		}
		if all.TaskTags = task.Tags; !reflect.DeepEqual(tagged, all) {
			m.t.Errorf("with tags a reads %+v, want %+v", tagged, all)
		}
		var stats struct {
			ID     string `json:"id"`
			Memory struct {
				Limit int64 `json:"limit"`
			} `json:"memory_stats"`
		}
		m.read(taskID+"/a", 6, &stats)
		if stats.ID != taskID+"-a" || stats.Memory.Limit != 128<<20 {
			m.t.Errorf("of its use a reads %+v", stats)
		}
	})
}

// A container finds its metadata where it was, though another agent has it, and though it was started anew itself.
func TestMetadataOutlivesAgentsAndRuns(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(restarting(aboutMe + " then sleep 10m then exit 1"))
		var read endpoint.ContainerMetadata
		m.read(taskID+"/a", 0, &read)
		m.kill()
		time.Sleep(time.Hour)
		m.start()
		m.read(taskID+"/a", 2, &read)
		if read.Name != "a" || read.RestartCount == nil || *read.RestartCount != 1 || read.KnownStatus != "RUNNING" || read.ExitCode != nil {
			m.t.Errorf("a reads %+v", read)
		}
	})
}

// A task reads nothing of another, though it knows the way.
func TestContainersReadNothingOfOtherTasks(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf("env ECS_CONTAINER_METADATA_URI_V4 then wait"))
		m.wantLine(taskID+"/a", 0, "http://169.254.170.2/v4/")
		way := m.plane.lines(taskID + "/a")[0]
		other := taskOf("get " + way + " then get " + way + "/task then " + aboutMe + " then wait")
		other.ID = strings.Repeat("1", 32)
		m.plane.run(other)
		m.wantLine(other.ID+"/a", 0, "NotFound")
		m.wantLine(other.ID+"/a", 2, "NotFound")
		m.wantLine(other.ID+"/a", 4, `"Name":"a"`)
	})
}

// A task in the machine's network asks over the machine's own address, which is opened once there is such a task.
func TestATaskInTheMachinesNetworkReadsAboutItself(t *testing.T) {
	story(t, func(m *machine) {
		m.plane.run(taskOf(aboutMe + " then wait"))
		m.wantLine(taskID+"/a", 0, `"Name":"a"`)
		if n := m.called("ListenLocal"); n != 0 {
			m.t.Errorf("%d ports of the machine are open for nobody", n)
		}
		host := acting(aboutMe+" then get $AWS_CONTAINER_CREDENTIALS_FULL_URI then env ECS_CONTAINER_METADATA_URI_V4 then sleep 10m then "+aboutMe+" then wait", "wait")
		host.ID, host.Network = strings.Repeat("1", 32), "host"
		m.plane.run(host)
		m.wantLine(host.ID+"/a", 0, `"Name":"a"`, `"Networks":[{"NetworkMode":"host"}]`)
		m.wantLine(host.ID+"/a", 2, `"AccessKeyId":"ASIA1"`)
		m.wantLine(host.ID+"/a", 4, "http://127.0.0.1:")
		m.kill()
		m.start() // and another agent opens it again
		m.wantLine(host.ID+"/a", 5, `"Name":"a"`)
		way := m.plane.lines(host.ID + "/a")[4]
		nosy := taskOf("get " + way + " then wait")
		nosy.ID = strings.Repeat("2", 32)
		m.plane.run(nosy)
		m.wantLine(nosy.ID+"/a", 0, "connection refused")
	})
}
