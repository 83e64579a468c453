package logs

import (
	"cmp"
	"context"
	"strings"

	"slipway/api/awswire"
	"slipway/logs"
)

// defaultExportPrefix is that of exports that name none. Source: Amazon CloudWatch Logs API Reference, CreateExportTask.
const defaultExportPrefix = "exportedlogs"

func (d *door) createExportTask(ctx context.Context, in *CreateExportTaskInput) (*CreateExportTaskOutput, error) {
	id, err := d.control.StartExport(ctx, awswire.CallerOf(ctx).Account, logs.ExportRequest{
		Name:         awswire.Or(in.TaskName, ""),
		Group:        in.LogGroupName,
		StreamPrefix: awswire.Or(in.LogStreamNamePrefix, ""),
		Span:         logs.Span{From: in.From, Until: min(in.To, logs.AllTime.Until-1) + 1}, // events of that time are wanted too
		Bucket:       in.Destination,
		Prefix:       exportPrefix(in),
	})
	return &CreateExportTaskOutput{TaskId: &id}, err
}

func exportPrefix(in *CreateExportTaskInput) string {
	return cmp.Or(strings.Trim(awswire.Or(in.DestinationPrefix, ""), "/"), defaultExportPrefix)
}

func (d *door) describeExportTasks(ctx context.Context, in *DescribeExportTasksInput) (*DescribeExportTasksOutput, error) {
	found, token, err := d.control.Exports(ctx, awswire.CallerOf(ctx).Account, logs.ExportQuery{
		ID:     awswire.Or(in.TaskId, ""),
		Status: logs.ExportStatus(awswire.Or(in.StatusCode, "")),
		Limit:  int(awswire.Or(in.Limit, 0)),
		Token:  awswire.Or(in.NextToken, ""),
	})
	out := &DescribeExportTasksOutput{ExportTasks: []ExportTask{}, NextToken: some(token)}
	for _, e := range found {
		out.ExportTasks = append(out.ExportTasks, wireExport(e))
	}
	return out, err
}

func wireExport(e logs.Export) ExportTask {
	wire := ExportTask{
		TaskId: &e.ID, TaskName: some(e.Name), LogGroupName: &e.Group, From: &e.Span.From, To: new(e.Span.Until - 1),
		Destination: &e.Bucket, DestinationPrefix: &e.Prefix,
		Status:        &ExportTaskStatus{Code: new(ExportTaskStatusCode(e.Status)), Message: some(e.Message)},
		ExecutionInfo: &ExportTaskExecutionInfo{CreationTime: new(e.Created.UnixMilli())},
	}
	if !e.Finished.IsZero() {
		wire.ExecutionInfo.CompletionTime = new(e.Finished.UnixMilli())
	}
	return wire
}

func (d *door) cancelExportTask(ctx context.Context, in *CancelExportTaskInput) (*awswire.None, error) {
	return nil, d.control.CancelExport(ctx, awswire.CallerOf(ctx).Account, in.TaskId)
}
