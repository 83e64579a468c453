package ecs

import (
	"time"

	"slipway/api/awswire"
	"slipway/cluster"
)

func (d *door) updateTaskProtection(c ctx, in *UpdateTaskProtectionInput) (*UpdateTaskProtectionOutput, error) {
	lasts, err := readProtection(in)
	if err != nil {
		return nil, err
	}
	name, ids, err := d.protected(c, in.Cluster, in.Tasks)
	if err != nil {
		return nil, err
	}
	done, failed, err := d.control.Protect(c, awswire.CallerOf(c).Account, name, ids, lasts)
	if err != nil {
		return nil, err
	}
	return &UpdateTaskProtectionOutput{ProtectedTasks: d.wireProtections(c, name, done), Failures: d.unprotected(c, name, failed)}, nil
}

func (d *door) getTaskProtection(c ctx, in *GetTaskProtectionInput) (*GetTaskProtectionOutput, error) {
	name, ids, err := d.protected(c, in.Cluster, in.Tasks)
	if err != nil {
		return nil, err
	}
	found, failed, err := d.control.Protections(c, awswire.CallerOf(c).Account, name, ids)
	if err != nil {
		return nil, err
	}
	return &GetTaskProtectionOutput{ProtectedTasks: d.wireProtections(c, name, found), Failures: d.unprotected(c, name, failed)}, nil
}

// readProtection reads for how long tasks are to be protected; 0: no longer.
func readProtection(in *UpdateTaskProtectionInput) (time.Duration, error) {
	switch {
	case len(in.Tasks) == 0:
		return 0, InvalidParameterException.New("Tasks cannot be empty.")
	case !in.ProtectionEnabled:
		return 0, nil
	case in.ExpiresInMinutes == nil:
		return cluster.DefaultProtection, nil
	}
	n := *in.ExpiresInMinutes
	if lasts := time.Duration(n) * time.Minute; n >= 1 && lasts <= cluster.MaxProtection {
		return lasts, nil
	}
	return 0, InvalidParameterException.Newf("expiresInMinutes: %d is not between 1 and %d.", n, int(cluster.MaxProtection.Minutes()))
}

// protected reads the tasks that a call about protection names.
func (d *door) protected(c ctx, given string, tasks []string) (name string, ids []string, err error) {
	if n := len(tasks); n > cluster.MaxProtected {
		return "", nil, InvalidParameterException.Newf("tasks: %d are more than %d.", n, cluster.MaxProtected)
	}
	return d.inCluster(c, "task", &given, tasks)
}

func (d *door) wireProtections(c ctx, name string, list []cluster.Protection) []ProtectedTask {
	out := []ProtectedTask{}
	for _, p := range list {
		on := !p.Until.IsZero()
		out = append(out, ProtectedTask{TaskArn: new(cluster.TaskARN(d.region, awswire.CallerOf(c).Account, name, p.Task)), ProtectionEnabled: &on, ExpirationDate: moment(p.Until)})
	}
	return out
}

func (d *door) unprotected(c ctx, name string, list []cluster.ProtectionFailure) []Failure {
	out := []Failure{}
	for _, f := range list {
		w := d.failure(c, "task", &name, f.Task, f.Reason)
		w.Detail = filled(f.Detail)
		out = append(out, w)
	}
	return out
}
