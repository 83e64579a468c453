package cluster

import "slipway/internal/errs"

// What this room can fail with.
var (
	ErrNoCluster          = errs.New(errs.NotFound, "cluster not found")
	ErrInactiveCluster    = errs.New(errs.Conflict, "the cluster is inactive")
	ErrClusterInUse       = errs.New(errs.Conflict, "the cluster has active tasks")
	ErrClusterHasServices = errs.New(errs.Conflict, "the cluster has active services")
	ErrClusterHasNodes    = errs.New(errs.Conflict, "the cluster has active instances")
	ErrHasServices        = errs.New(errs.Conflict, "the cluster has active services")
	ErrClusterEnding      = errs.New(errs.Conflict, "the cluster is being deleted")
	ErrNoInstance         = errs.New(errs.NotFound, "instance not found")
	ErrInstanceInUse      = errs.New(errs.Conflict, "the instance has running tasks")
	ErrDeregistered       = errs.New(errs.Denied, "this machine was deregistered: join again with a new token")
	ErrNoTarget           = errs.New(errs.NotFound, "no instance to say something of")
	ErrTooManyAttributes  = errs.New(errs.Conflict, "the instance has too many attributes")
	ErrBusy               = errs.New(errs.Throttled, "too many tasks wait for a place at once")
	ErrNoRefusal          = errs.New(errs.NotFound, "no tasks of the group found too few machines")
	ErrNoInstances        = errs.New(errs.Conflict, "the cluster has no instances")
	ErrNoRoom             = errs.New(errs.Throttled, "no machine has room for it")
	ErrNoMachine          = errs.New(errs.Unavailable, "no machine of the account is connected that takes functions")
	ErrNoHold             = errs.New(errs.NotFound, "nothing is held under that name")
	ErrNoProvider         = errs.New(errs.NotFound, "capacity provider not found")
	ErrProviderExists     = errs.New(errs.Conflict, "another capacity provider of that name exists")
	ErrGroupTaken         = errs.New(errs.Conflict, "another capacity provider has the same machines")
	ErrProviderInUse      = errs.New(errs.Conflict, "a cluster has the capacity provider")
	ErrProviderHasTasks   = errs.New(errs.Conflict, "tasks or services of the cluster use the capacity provider")
	ErrNotOfCluster       = errs.New(errs.Invalid, "the cluster has no such capacity provider")
	ErrNoRevision         = errs.New(errs.Invalid, "task definition revision missing")
	ErrInactiveRevision   = errs.New(errs.Conflict, "the task definition is inactive")
	ErrActiveRevision     = errs.New(errs.Conflict, "the task definition is active")
	ErrNoTask             = errs.New(errs.NotFound, "task not found")
	ErrNoResource         = errs.New(errs.NotFound, "resource not found")
	ErrInvalid            = errs.New(errs.Invalid, "invalid parameter")
	ErrTokenReused        = errs.New(errs.Conflict, "client token used with other parameters")
	ErrNode               = errs.New(errs.Invalid, "invalid node")
	ErrReport             = errs.New(errs.Invalid, "invalid report")
	ErrNoCredentials      = errs.New(errs.NotFound, "no credentials for this task")
	ErrSecrets            = errs.New(errs.Denied, initialization+": unable to pull secrets or registry auth")
	ErrEnvFiles           = errs.New(errs.Denied, initialization+": failed to download env files")
	ErrNoContainer        = errs.New(errs.NotFound, "container not found")
	ErrNotRunning         = errs.New(errs.Conflict, "the container does not run")
	ErrExecDisabled       = errs.New(errs.Conflict, "execute command is not enabled")
	ErrNotConnected       = errs.New(errs.Unavailable, "the node of the task is not connected")
	ErrNoSession          = errs.New(errs.NotFound, "session not found")
	ErrTooManySessions    = errs.New(errs.Throttled, "the node has too many sessions")
	ErrNoScheduler        = errs.New(errs.NotFound, "scheduler not found")
	ErrTooManySchedulers  = errs.New(errs.Conflict, "the cluster has too many schedulers")
	ErrNoSchedulerLine    = errs.New(errs.Denied, "the token opens no line of a scheduler")
	ErrTooManyLines       = errs.New(errs.Throttled, "too many lines of schedulers are being opened")
	ErrNoQuestion         = errs.New(errs.NotFound, "the question is over, or was never asked")
	ErrReplaced           = errs.New(errs.Conflict, "a newer session of the same node took over")
	errSchedulerAway      = errs.New(errs.Unavailable, "it has no line to this server")
	errSchedulerUnknown   = errs.New(errs.NotFound, "the cluster has no such scheduler")
	errSchedulerLeft      = errs.New(errs.Unavailable, "it left before it answered")
	errSchedulerLate      = errs.New(errs.Unavailable, "it did not answer in time")
	errSchedulerBusy      = errs.New(errs.Throttled, "it leaves too many questions unanswered")
	errSchedulerPaused    = errs.New(errs.Unavailable, "it is left alone for a while")
	ErrNoService          = errs.New(errs.NotFound, "Service not found.")
	ErrServiceInactive    = errs.New(errs.Conflict, "Service was not ACTIVE.")
	ErrServiceDraining    = errs.New(errs.Conflict, "Unable to Start a service that is still Draining.")
	ErrServiceExists      = errs.New(errs.Conflict, "Creation of service was not idempotent.")
	ErrServiceInUse       = errs.New(errs.Conflict, "The service cannot be stopped while it is scaled above 0.")
	ErrNoTargetGroup      = errs.New(errs.NotFound, "One or more target groups not found")
	ErrNoDeployment       = errs.New(errs.NotFound, "The service deployment was not found.")
	ErrDeploymentOver     = errs.New(errs.Conflict, "the service deployment goes on no more")
	ErrNoRollback         = errs.New(errs.Conflict, "The service has no deployment that it could go back to.")
	errUnwanted           = errs.New(errs.Conflict, "the service wants it no more")
	errSessionLost        = errs.New(errs.Unavailable, "the session was ended, join again")
)

// initialization is how ECS calls what goes wrong before a task's containers are made. Source: Amazon ECS
// Developer Guide, "Troubleshooting Amazon ECS ResourceInitializationError errors".
const initialization = "ResourceInitializationError"

// TokenReusedError is ErrTokenReused with the tasks that the token stands for.
type TokenReusedError struct{ Tasks []string }

func (*TokenReusedError) Error() string { return ErrTokenReused.Error() }
func (*TokenReusedError) Unwrap() error { return ErrTokenReused }

// invalid is what a pure core has refused, as an ErrInvalid in its words.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return errs.Say(ErrInvalid, "%s", err)
}
