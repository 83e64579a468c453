package logs_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"slipway/api/awswire/wiretest"
)

const noGroup, noStream = "The specified log group does not exist.", "The specified log stream does not exist."

func TestWhatIsMissingOrThereAlready(t *testing.T) {
	client, _ := app(t)
	c, gone := t.Context(), aws.String("/gone")
	_, err := client.CreateLogGroup(c, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/app")})
	refused(t, err, "ResourceAlreadyExistsException", "The specified log group already exists")
	_, err = client.CreateLogStream(c, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("web")})
	refused(t, err, "ResourceAlreadyExistsException", "The specified log stream already exists")
	_, err = client.CreateLogStream(c, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: gone, LogStreamName: aws.String("web")})
	refused(t, err, "ResourceNotFoundException", noGroup)
	_, err = client.DeleteLogGroup(c, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: gone})
	refused(t, err, "ResourceNotFoundException", noGroup)
	_, err = client.DescribeLogStreams(c, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: gone})
	refused(t, err, "ResourceNotFoundException", noGroup)
	_, err = client.GetLogEvents(c, &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("db")})
	refused(t, err, "ResourceNotFoundException", noStream)
	_, err = client.FilterLogEvents(c, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: gone})
	refused(t, err, "ResourceNotFoundException", noGroup)
	_, err = client.DeleteLogStream(c, &cloudwatchlogs.DeleteLogStreamInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("db")})
	refused(t, err, "ResourceNotFoundException", noStream)
	_, err = client.PutRetentionPolicy(c, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: gone, RetentionInDays: aws.Int32(1)})
	refused(t, err, "ResourceNotFoundException", noGroup)
	_, err = client.ListTagsForResource(c, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:logs:us-east-1:123456789012:log-group:/gone")})
	refused(t, err, "ResourceNotFoundException", noGroup)
	_, err = client.ListTagsForResource(c, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:logs:eu-west-1:123456789012:log-group:/app")})
	refused(t, err, "ResourceNotFoundException", noGroup)
}

func TestWhatCanNeverBeRight(t *testing.T) {
	client, _ := app(t)
	const invalid = "InvalidParameterException"
	c, group, now := t.Context(), aws.String("/app"), time.Now().UnixMilli()

	_, err := client.PutRetentionPolicy(c, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: aws.Int32(2)})
	refused(t, err, invalid, "1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]")
	_, err = client.CreateLogGroup(c, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("a b")})
	refused(t, err, invalid, `1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`)
	_, err = client.CreateLogGroup(c, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/k"), KmsKeyId: aws.String("arn:aws:kms:us-east-1:123456789012:key/1")})
	refused(t, err, invalid, "kmsKeyId is not supported by Slipway.")
	_, err = client.CreateLogGroup(c, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/k"), LogGroupClass: types.LogGroupClassInfrequentAccess})
	refused(t, err, invalid, "logGroupClass INFREQUENT_ACCESS is not supported by Slipway.")
	_, err = client.DescribeLogStreams(c, &cloudwatchlogs.DescribeLogStreamsInput{})
	refused(t, err, invalid, "One of logGroupName and logGroupIdentifier must be given.")
	_, err = client.DescribeLogStreams(c, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: group, LogGroupIdentifier: group})
	refused(t, err, invalid, "Only one of logGroupName and logGroupIdentifier may be given.")
	_, err = client.DescribeLogStreams(c, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: group, OrderBy: types.OrderByLastEventTime, LogStreamNamePrefix: aws.String("w")})
	refused(t, err, invalid, "Cannot order by LastEventTime with a logStreamNamePrefix.")
	_, err = client.GetLogEvents(c, &cloudwatchlogs.GetLogEventsInput{LogGroupName: group, LogStreamName: aws.String("web"), NextToken: aws.String("f/1/s")})
	refused(t, err, invalid, "The specified nextToken is invalid.")
	_, err = client.FilterLogEvents(c, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, NextToken: aws.String("x")})
	refused(t, err, invalid, "The specified nextToken is invalid.")
	_, err = client.FilterLogEvents(c, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, FilterPattern: aws.String(`"open`)})
	refused(t, err, invalid, `Invalid filter pattern: at byte 1, "\"open": the quote does not end`)
	_, err = client.FilterLogEvents(c, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, FilterPattern: aws.String(`{ $.a = }`)})
	refused(t, err, invalid, `Invalid filter pattern: at byte 9, "}": want a value`)
	_, err = client.FilterLogEvents(c, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, LogStreamNames: []string{"web"}, LogStreamNamePrefix: aws.String("w")})
	refused(t, err, invalid, "logStreamNames and logStreamNamePrefix cannot be given together.")
	_, err = client.TagResource(c, &cloudwatchlogs.TagResourceInput{ResourceArn: aws.String("/app"), Tags: map[string]string{"a": "b"}})
	refused(t, err, invalid, "/app is not an ARN.")
	_, err = client.TagResource(c, &cloudwatchlogs.TagResourceInput{ResourceArn: aws.String("arn:aws:logs:us-east-1:123456789012:destination:d"), Tags: map[string]string{"a": "b"}})
	refused(t, err, invalid, "arn:aws:logs:us-east-1:123456789012:destination:d is not the ARN of a log group.")

	putting := func(events ...types.InputLogEvent) error {
		_, err := client.PutLogEvents(c, &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: aws.String("web"), LogEvents: events})
		return err
	}
	x := aws.String("x")
	refused(t, putting(types.InputLogEvent{Timestamp: &now, Message: x}, types.InputLogEvent{Timestamp: aws.Int64(now - 1), Message: x}), invalid,
		"Log events in a single PutLogEvents request must be in chronological order.")
	refused(t, putting(types.InputLogEvent{Timestamp: aws.Int64(now - 25*60*60*1000), Message: x}, types.InputLogEvent{Timestamp: &now, Message: x}), invalid,
		"The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	refused(t, putting(types.InputLogEvent{Timestamp: &now, Message: aws.String(strings.Repeat("x", 1<<20))}), invalid,
		"Upload too large: 1048602 bytes exceeds limit of 1048576")
	_, err = client.PutLogEvents(c, &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: aws.String("web"), LogEvents: []types.InputLogEvent{}})
	refused(t, err, invalid,
		"1 validation error detected: Value '[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1")
}

// Whatever another account has, nobody sees it, nor whether it is there.
func TestAnotherAccountSeesNothing(t *testing.T) {
	client, w := app(t)
	put(t, client, "web", "secret")
	team, err := w.accounts.CreateAccount(t.Context(), "team")
	must(t, err)
	key, err := w.accounts.CreateKey(t.Context(), team.ID)
	must(t, err)
	theirs := w.client(key)

	groups, err := theirs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
	must(t, err)
	if len(groups.LogGroups) != 0 {
		t.Errorf("they see %+v", groups.LogGroups)
	}
	_, err = theirs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("web")})
	refused(t, err, "ResourceNotFoundException", noGroup)
	for _, group := range []string{"/app", "/gone"} {
		arn := "arn:aws:logs:us-east-1:" + wiretest.Account + ":log-group:" + group
		_, err = theirs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupIdentifier: &arn})
		denied(t, err, "User: arn:aws:iam::"+team.ID+":root is not authorized to perform: logs:FilterLogEvents on resource: "+arn+":log-stream:")
		_, err = theirs.TagResource(t.Context(), &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"a": "b"}})
		denied(t, err, "User: arn:aws:iam::"+team.ID+":root is not authorized to perform: logs:TagResource on resource: "+arn)
	}
}

// denied checks who is told to be denied what; the reason may follow.
func denied(t testing.TB, err error, sentence string) {
	t.Helper()
	var fault smithy.APIError
	if !errors.As(err, &fault) || fault.ErrorCode() != "AccessDeniedException" || !strings.HasPrefix(fault.ErrorMessage(), sentence) {
		t.Errorf("error %v, want a denial: %s", err, sentence)
	}
}

func TestADeletedKeyIsRefused(t *testing.T) {
	client, w := app(t)
	put(t, client, "web", "x")
	must(t, w.accounts.DeleteKey(t.Context(), wiretest.Account, w.root.ID))
	_, err := client.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
	refused(t, err, "UnrecognizedClientException", "The security token included in the request is invalid.")
}
