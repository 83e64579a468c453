package sim

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"slipway/cluster/taskdef"
)

const (
	image = "example.com/program:1" // the one that every machine can pull
	role  = "arn:aws:iam::123456789012:role/program"
)

// pinned is the image by what it is.
var pinned = fmt.Sprintf("%s@sha256:%x", image, sha256.Sum256([]byte(image)))

// runs is a container that runs a script of the fake engine.
func runs(name, script string) taskdef.Container {
	return taskdef.Container{Name: name, Image: image, Command: strings.Fields(script), CPU: 64, Memory: new(32), Essential: true, StopTimeout: new(5)}
}

// beside is a container whose end does not end its task.
func beside(name, script string) taskdef.Container {
	c := runs(name, script)
	c.Essential = false
	return c
}

// after has c wait for another container.
func after(c taskdef.Container, other, condition string) taskdef.Container {
	c.DependsOn = append(c.DependsOn, taskdef.Dependency{Container: other, Condition: condition})
	return c
}

func task(containers ...taskdef.Container) taskdef.Spec {
	return taskdef.Spec{Containers: containers}
}

// hopeless are those of sites whose tasks never come to stay.
var hopeless = map[string]bool{"site-crash": true, "site-sick": true, "site-missing": true}

// sites are what services have, by family: what stays, on all machines, few of them or one of each, and what does not.
func sites() map[string]taskdef.Spec {
	well := runs("well", "print up then wait 0")
	well.Health = &taskdef.Health{Command: []string{"CMD", "exit", "0"}, Interval: 5, Timeout: 2, Retries: 2}
	sick := runs("sick", "print up then wait 0")
	sick.Health = &taskdef.Health{Command: []string{"CMD", "exit", "1"}, Interval: 5, Timeout: 2, Retries: 2}
	big := runs("big", "wait 0")
	big.CPU, big.Memory = 900, new(600)
	fixed := runs("fixed", "wait 0")
	fixed.Ports = []taskdef.Port{{Container: 80, Host: 8080, Protocol: "tcp"}}
	missing := runs("missing", "exit 0")
	missing.Image = "example.com/missing:1"
	return map[string]taskdef.Spec{
		"site":         task(runs("web", "print hello then wait 0")),
		"site-next":    task(runs("web", "print hello again then wait 0"), beside("side", "wait 1")),
		"site-well":    task(well),
		"site-big":     task(big),
		"site-fixed":   task(fixed),
		"site-crash":   task(runs("crash", "print no then exit 1")),
		"site-sick":    task(sick),
		"site-missing": task(missing),
	}
}

// definitions are what is run, by family: tasks that end well and badly, that stay, that wait for each
// other, that do not stop when asked, and that cannot run. None is in the machine's network: for such a task
// the agent opens a port of the machine, of which there is but one here.
func definitions() map[string]taskdef.Spec {
	web := runs("web", "print hello then wait 0")
	web.Ports = []taskdef.Port{{Container: 80, Protocol: "tcp"}}
	fixed := runs("fixed", "sleep 40s")
	fixed.Ports = []taskdef.Port{{Container: 80, Host: 8080, Protocol: "tcp"}}
	missing := runs("missing", "exit 0")
	missing.Image = "example.com/missing:1"
	checked := runs("checked", "print ready then sleep 50s")
	checked.Health = &taskdef.Health{Command: []string{"CMD", "exit", "0"}, Interval: 5, Timeout: 2, Retries: 2}
	again := beside("again", "print once more then sleep 65s then exit 1")
	again.Restart = &taskdef.Restart{Enabled: true, AttemptPeriod: new(60), IgnoredExitCodes: []int{0}}
	acts := task(runs("acts", "get http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI then sleep 30s"))
	acts.TaskRole = role
	alone := task(runs("alone", "print alone then sleep 10s then exit 9"))
	alone.NetworkMode = "none"
	return map[string]taskdef.Spec{
		"quick":    task(runs("quick", "print done")),
		"fails":    task(runs("fails", "print begun then sleep 8s then print failed then exit 3")),
		"web":      task(web, after(beside("side", "wait 1"), "web", "START")),
		"batch":    task(beside("first", "sleep 5s then print made"), after(runs("main", "sleep 20s then exit 4"), "first", "SUCCESS")),
		"broken":   task(beside("first", "sleep 2s then exit 1"), after(runs("main", "exit 0"), "first", "SUCCESS")),
		"healthy":  task(checked, after(beside("waits", "sleep 3s then exit 5"), "checked", "HEALTHY")),
		"stubborn": task(runs("stubborn", "stubborn")),
		"again":    task(runs("main", "sleep 4m"), again),
		"fixed":    task(fixed),
		"alone":    alone,
		"missing":  task(missing),
		"nothing":  task(runs("nothing", "/missing/program")),
		"acts":     acts,
	}
}
