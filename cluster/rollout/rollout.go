// Package rollout decides what is to be done about a service now: which tasks are started and stopped, and what
// becomes of its deployments. It is pure: it is given what is wanted, what is observed and the time, and answers
// with changes. It chooses no machines for replicas and writes nothing down.
//
// Whoever acts upon the changes looks at them again in the transaction that makes them true: what was planned from
// an older state and is no more wanted is not planned again, so any number of planners may be at it.
package rollout

import "time"

// Service is what is wanted of a service, and what is observed of it.
type Service struct {
	Name       string
	Desired    int
	MinPercent int  // of Desired that must be healthy whatever a deployment does; rounded up
	MaxPercent int  // of Desired that there may be; rounded down
	Ending     bool // it is deleted: nothing is wanted of it any more

	Breaker, BreakerRollback bool // failing tasks end a deployment; and bring back what was there before
	Alarm                    bool // one of its alarms sounds
	AlarmRollback            bool

	Deployments []Deployment
	Tasks       []Task
	Machines    []string // Daemon: those that are to have a task

	Refused string // why load balancers do not take tasks, as a sentence; "": they do
	Waiting string // why what was to be started last has no place, as a sentence; "": it has
	Said    string // the last sentence about its state
}

// The states of a deployment. "" is one on its way out.
const (
	InProgress = "IN_PROGRESS"
	Completed  = "COMPLETED"
	Failed     = "FAILED"
)

// Deployment is one revision of a service.
type Deployment struct {
	ID        string
	Primary   bool // it is the one that is to be
	State     string
	Reason    string
	Completed time.Time // when it was completed last: it can be gone back to
	Rollback  bool      // it is primary because another failed

	Failures int       // tasks in a row that failed before one stood
	Failed   time.Time // when the last did
	Retry    time.Time // no task is started before
	Steady   time.Time // since when all tasks of the service are its own and healthy; zero: they are not
}

// Status is where a task is.
type Status int

// What of a task matters here.
const (
	Starting Status = iota // on its way to running
	Running
	Stopping // it is on its way out, wanted so or not
	Stopped
)

// Task is a task of the service that is there, or has stopped and was not looked at yet.
type Task struct {
	ID         string
	Deployment string
	Node       string
	Created    time.Time
	Status     Status
	Wanted     bool // that it stops, or has stopped, was asked for: it has not failed

	Well    bool      // all that looks after its health says that it is well
	Checked bool      // something looks after it: a health check, a load balancer
	Since   time.Time // since when it was seen well, if it ever was
	Unwell  string    // why it must be replaced: "failed container health checks"
	Why     string    // Stopped: why

	Protected time.Time // no deployment stops it before
	Leaving   bool      // its machine is to be empty, or the task is to be moved
	To        string    // the machine it is to be moved to
	Away      bool      // its machine has not been heard of for a moment, or nobody has asked it how it is yet: it may do its work or not
	Lost      bool      // its machine has been away for long
}

// Start asks for tasks.
type Start struct {
	Deployment string
	Count      int
	Node       string // the only machine it may be; "": any
}

// Stop asks for the end of a task.
type Stop struct {
	Task   string
	Reason string
}

// Changes is all that is to be done now.
type Changes struct {
	Starts      []Start
	Stops       []Stop
	Counted     []string     // tasks that have stopped and were taken into account
	Well        []string     // tasks that are seen well for the first time
	Deployments []Deployment // those that change, as they are to be
	Gone        []string     // deployments that nothing is left of
	Events      []string     // sentences, in order
	Said        string
	Ended       bool      // it is deleted and nothing is left of it
	Next        time.Time // when to look again even if nothing happens; zero: not before something does
}

// Empty tells that there is nothing to do now.
func (c Changes) Empty() bool {
	return len(c.Starts)+len(c.Stops)+len(c.Counted)+len(c.Well)+len(c.Deployments)+len(c.Gone)+len(c.Events) == 0 && !c.Ended
}

// Rules are the times by which services go.
type Rules struct {
	Settle     time.Duration // how long a task must have been well to stand, one that is not checked to replace another, and a service to be steady
	Backoff    time.Duration // the pause after the first failure; it doubles with each that follows
	MaxBackoff time.Duration
}

// Kind is how a service comes to the tasks that are wanted: it starts and stops. What is common to all kinds, the
// counting of failures, health, the breaker and the end of deployments, is done around it.
type Kind func(*Pass)

// Plan decides what is to be done about s now.
func Plan(kind Kind, s Service, r Rules, now time.Time) Changes {
	p := newPass(s, r, now)
	p.count()
	p.judge()
	p.stopUnwell()
	switch {
	case s.Ending:
		p.end()
	case p.primary != nil:
		p.weigh()
		kind(p)
		p.conclude()
	}
	return p.changes()
}

// Bounds are the least number of healthy tasks and the largest number of tasks during a deployment.
func (s Service) Bounds() (least, most int) {
	if s.Ending {
		return 0, 0
	}
	return (s.Desired*s.MinPercent + 99) / 100, s.Desired * s.MaxPercent / 100
}

// Threshold is how many failures in a row end a deployment. Source: Amazon ECS Developer Guide, "How the Amazon ECS
// deployment circuit breaker detects failures": half of the desired tasks, rounded up, from 3 to 200.
func Threshold(desired int) int { return min(max((desired+1)/2, 3), 200) }
