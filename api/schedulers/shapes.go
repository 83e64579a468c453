// Package schedulers is the door of schedulers from outside: the calls by which a cluster is given some, and
// the plain HTTP by which those are told what is so, asked, and answer. It is Slipway's own: AWS has a scheduler
// of one's own only as a program that calls StartTask.
package schedulers

import (
	"time"

	"slipway/api/awswire"
	"slipway/cluster"
	"slipway/cluster/taskdef"
)

// API is the service. Its calls are signed for "slipway".
var API = &awswire.API{
	Name: "slipway", ServiceID: "Slipway Schedulers", Version: "2026-11-21", Protocols: []awswire.Protocol{awswire.JSON11}, Target: "SlipwaySchedulers_20261121",
	Invalid: "InvalidParameterException", ServerFault: "ServerException",
	Operations: []string{"ConnectScheduler", "DeleteScheduler", "ListSchedulers", "PutScheduler", "TestScheduler"},
}

// The calls.
var (
	// PutScheduler makes a scheduler of a cluster, or changes it.
	PutScheduler = awswire.NewOp[PutSchedulerInput, PutSchedulerOutput](API, "PutScheduler", "POST", "/", 200)
	// DeleteScheduler takes one from it, and ends its lines.
	DeleteScheduler = awswire.NewOp[SchedulerInput, DeleteSchedulerOutput](API, "DeleteScheduler", "POST", "/", 200)
	// ListSchedulers tells which there are, and how they do.
	ListSchedulers = awswire.NewOp[ListSchedulersInput, ListSchedulersOutput](API, "ListSchedulers", "POST", "/", 200)
	// ConnectScheduler admits the caller to be the scheduler, on a line to this server.
	ConnectScheduler = awswire.NewOp[SchedulerInput, ConnectSchedulerOutput](API, "ConnectScheduler", "POST", "/", 200)
	// TestScheduler asks a scheduler where tasks would go, and places nothing.
	TestScheduler = awswire.NewOp[TestSchedulerInput, TestSchedulerOutput](API, "TestScheduler", "POST", "/", 200)
)

// Strategy is a placementStrategy as ECS has them.
type Strategy struct {
	Type  *string `aws:"type"`
	Field *string `aws:"field"`
}

// PutSchedulerInput says what the scheduler is to be.
type PutSchedulerInput struct {
	Cluster  *string    `aws:"cluster"` // name; none: default
	Name     string     `aws:"name,required"`
	Deadline *int32     `aws:"deadline"` // milliseconds that an answer may take; none: 250
	Fallback []Strategy `aws:"fallback"` // what decides where it has no answer; none: what else the request says
	Default  *bool      `aws:"default"`  // it is asked about requests without a placementStrategy, too
}

// PutSchedulerOutput is what it is now.
type PutSchedulerOutput struct {
	Scheduler *Scheduler `aws:"scheduler"`
}

// Scheduler is a scheduler of a cluster, and how it does as far as the server that answers knows.
type Scheduler struct {
	Arn         *string    `aws:"arn"`
	Cluster     *string    `aws:"cluster"`
	Name        *string    `aws:"name"`
	Deadline    *int32     `aws:"deadline"`
	Fallback    []Strategy `aws:"fallback"`
	Default     *bool      `aws:"default"`
	CreatedAt   *time.Time `aws:"createdAt"`
	Connected   *bool      `aws:"connected"`
	Asked       *int64     `aws:"asked"`
	Failed      *int64     `aws:"failed"`
	Failure     *string    `aws:"failure"`
	PausedUntil *time.Time `aws:"pausedUntil"`
}

// SchedulerInput names a scheduler.
type SchedulerInput struct {
	Cluster *string `aws:"cluster"` // name; none: default
	Name    string  `aws:"name,required"`
}

// DeleteSchedulerOutput is empty.
type DeleteSchedulerOutput struct{}

// ListSchedulersInput names a cluster.
type ListSchedulersInput struct {
	Cluster *string `aws:"cluster"` // name; none: default
}

// ListSchedulersOutput lists by name.
type ListSchedulersOutput struct {
	Schedulers []Scheduler `aws:"schedulers"`
}

// ConnectSchedulerOutput is where the line is opened, within a minute, and where questions are answered, with the
// header "Authorization: Bearer TOKEN". The id of a question follows answerUrl.
type ConnectSchedulerOutput struct {
	StreamUrl *string `aws:"streamUrl"`
	AnswerUrl *string `aws:"answerUrl"`
	Token     *string `aws:"token"`
}

// TestSchedulerInput asks about count tasks of a definition.
type TestSchedulerInput struct {
	Cluster        *string `aws:"cluster"` // name; none: default
	Name           string  `aws:"name,required"`
	TaskDefinition string  `aws:"taskDefinition,required"` // family, family:revision or ARN
	Count          *int32  `aws:"count"`                   // none: 1
}

// TestSchedulerOutput is what the scheduler answered, or why that is of no use.
type TestSchedulerOutput struct {
	Rank    []string `aws:"rank"`
	Choose  []string `aws:"choose"`
	Pass    *bool    `aws:"pass"`
	Failure *string  `aws:"failure"`
	Took    *float64 `aws:"took"` // milliseconds
}

// What can go wrong, in the words of ECS where it has any.
var (
	clusterNotFound  = awswire.FaultType{Shape: "ClusterNotFoundException", Status: 400}
	invalidParameter = awswire.FaultType{Shape: "InvalidParameterException", Status: 400}
	clientException  = awswire.FaultType{Shape: "ClientException", Status: 400}
	notFound         = awswire.FaultType{Shape: "SchedulerNotFoundException", Status: 400}
	limitExceeded    = awswire.FaultType{Shape: "LimitExceededException", Status: 400}
)

var faults = awswire.Faults{
	{Cause: cluster.ErrNoCluster, Fault: clusterNotFound, Text: "Cluster not found."},
	{Cause: cluster.ErrInactiveCluster, Fault: invalidParameter, Text: "The cluster is inactive."},
	{Cause: cluster.ErrNoScheduler, Fault: notFound},
	{Cause: cluster.ErrTooManySchedulers, Fault: limitExceeded},
	{Cause: cluster.ErrTooManyLines, Fault: limitExceeded},
	{Cause: taskdef.ErrNotFound, Fault: clientException, Text: "TaskDefinition not found."},
	{Cause: cluster.ErrInactiveRevision, Fault: invalidParameter, Text: "TaskDefinition is inactive"},
	{Cause: taskdef.ErrRequest, Fault: invalidParameter},
	{Cause: cluster.ErrInvalid, Fault: invalidParameter},
}
