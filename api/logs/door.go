// Package logs is the door of the room of the same name: it speaks the Amazon CloudWatch
// Logs API and holds no state.
//
// What a request asks for and Slipway does not do yet is refused by its name.
package logs

import (
	"slipway/api/awswire"
	"slipway/logs"
)

type door struct {
	control *logs.Control
	region  string
}

// New returns the door of the room in region.
func New(c *logs.Control, region string) *awswire.Service {
	d := &door{c, region}
	return awswire.NewService(API, faults,
		CreateLogGroup.Handle(d.createLogGroup, d.onCreateLogGroup),
		DescribeLogGroups.Handle(d.describeLogGroups, d.onDescribeLogGroups),
		DeleteLogGroup.Handle(d.deleteLogGroup, d.onDeleteLogGroup),
		PutRetentionPolicy.Handle(d.putRetentionPolicy, d.onPutRetentionPolicy),
		DeleteRetentionPolicy.Handle(d.deleteRetentionPolicy, d.onDeleteRetentionPolicy),

		CreateLogStream.Handle(d.createLogStream, d.onCreateLogStream),
		DescribeLogStreams.Handle(d.describeLogStreams, d.onDescribeLogStreams),
		DeleteLogStream.Handle(d.deleteLogStream, d.onDeleteLogStream),

		PutLogEvents.Handle(d.putLogEvents, d.onPutLogEvents),
		GetLogEvents.Handle(d.getLogEvents, d.onGetLogEvents),
		FilterLogEvents.Handle(d.filterLogEvents, d.onFilterLogEvents),

		CreateExportTask.Handle(d.createExportTask, d.onCreateExportTask),
		DescribeExportTasks.Handle(d.describeExportTasks, awswire.Any),
		CancelExportTask.Handle(d.cancelExportTask, awswire.Any),

		PutResourcePolicy.Handle(d.putResourcePolicy, awswire.Any),
		DescribeResourcePolicies.Handle(d.describeResourcePolicies, awswire.Any),
		DeleteResourcePolicy.Handle(d.deleteResourcePolicy, awswire.Any),

		TagResource.Handle(d.tagResource, d.onTagResource),
		UntagResource.Handle(d.untagResource, d.onUntagResource),
		ListTagsForResource.Handle(d.listTagsForResource, d.onListTagsForResource),
	)
}
