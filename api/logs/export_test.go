package logs_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"slipway/logs"
)

// drawer takes everything into the bucket that is called kept, and there is no other.
type drawer struct{}

// Put satisfies logs.Bucket.
func (drawer) Put(_ context.Context, _, bucket, _ string, _ []byte) error {
	if bucket != "kept" {
		return fmt.Errorf("%w: there is no %s", logs.ErrBucket, bucket)
	}
	return nil
}

func TestExportsAsTheSDKSeesThem(t *testing.T) {
	client, _ := app(t)
	create := func(group, bucket string, from, to int64) (*cloudwatchlogs.CreateExportTaskOutput, error) {
		return client.CreateExportTask(t.Context(), &cloudwatchlogs.CreateExportTaskInput{
			LogGroupName: &group, Destination: &bucket, From: &from, To: &to, TaskName: aws.String("nightly"),
		})
	}
	_, err := create("/app", "kept", 7, 6)
	refused(t, err, "InvalidParameterException", "The specified time range is invalid.")
	_, err = create("/gone", "kept", 5, 7)
	refused(t, err, "ResourceNotFoundException", noGroup)
	_, err = create("/app", "other", 5, 7)
	refused(t, err, "InvalidParameterException", "cannot write into the bucket: there is no other")

	made, err := create("/app", "kept", 5, 7)
	must(t, err)
	_, err = create("/app", "kept", 5, 7)
	refused(t, err, "LimitExceededException", "Resource limit exceeded.")
	described := func() types.ExportTask {
		t.Helper()
		out, err := client.DescribeExportTasks(t.Context(), &cloudwatchlogs.DescribeExportTasksInput{TaskId: made.TaskId})
		must(t, err)
		if len(out.ExportTasks) != 1 || out.NextToken != nil {
			t.Fatalf("described %+v", out)
		}
		return out.ExportTasks[0]
	}
	e := described()
	if *e.TaskName != "nightly" || *e.LogGroupName != "/app" || *e.From != 5 || *e.To != 7 || *e.Destination != "kept" || *e.DestinationPrefix != "exportedlogs" ||
		e.Status.Code != types.ExportTaskStatusCodePending || *e.ExecutionInfo.CreationTime == 0 || e.ExecutionInfo.CompletionTime != nil {
		t.Errorf("begun: %+v, %+v, %+v", e, e.Status, e.ExecutionInfo)
	}

	_, err = client.CancelExportTask(t.Context(), &cloudwatchlogs.CancelExportTaskInput{TaskId: aws.String("gone")})
	refused(t, err, "ResourceNotFoundException", "The specified export task does not exist.")
	_, err = client.CancelExportTask(t.Context(), &cloudwatchlogs.CancelExportTaskInput{TaskId: made.TaskId})
	must(t, err)
	if e := described(); e.Status.Code != types.ExportTaskStatusCodeCancelled || e.ExecutionInfo.CompletionTime == nil {
		t.Errorf("cancelled: %+v, %+v", e.Status, e.ExecutionInfo)
	}
	_, err = client.CancelExportTask(t.Context(), &cloudwatchlogs.CancelExportTaskInput{TaskId: made.TaskId})
	refused(t, err, "InvalidOperationException", "The specified export task is not in a state that can be cancelled.")
	out, err := client.DescribeExportTasks(t.Context(), &cloudwatchlogs.DescribeExportTasksInput{StatusCode: types.ExportTaskStatusCodeCompleted})
	if must(t, err); len(out.ExportTasks) != 0 {
		t.Errorf("completed: %+v", out.ExportTasks)
	}
}
