package logs_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	door "slipway/api/logs"
	"slipway/logs"
	"slipway/seal/sealtest"
	"slipway/store/storetest"
)

// world is a door that real clients call with keys of real accounts.
type world struct {
	config   aws.Config
	room     *logs.Control
	accounts *accounts.Control
	root     accounts.Key
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db := storetest.SQLite(t)
	room, err := logs.New(t.Context(), db, logs.CheckPolicies(checkPolicy), logs.ExportTo(drawer{}))
	must(t, err)
	who, err := accounts.New(t.Context(), db, sealtest.Keys(t, db))
	must(t, err)
	root, err := who.Bootstrap(t.Context(), wiretest.Account)
	must(t, err)
	w := &world{room: room, accounts: who, root: root}
	w.config = wiretest.Serve(t, awswire.Config{Keys: gate{who}, Access: gate{who}}, door.New(room, wiretest.Region))
	return w
}

// client is the genuine SDK with a key.
func (w *world) client(key accounts.Key) *cloudwatchlogs.Client {
	config := w.config.Copy()
	config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, nil
	})
	return cloudwatchlogs.NewFromConfig(config)
}

// gate is what the server puts between the wire and the accounts.
type gate struct{ *accounts.Control }

func (g gate) Lookup(ctx context.Context, id, _ string) (string, awswire.Caller, error) {
	key, err := g.Key(ctx, id)
	if errors.Is(err, accounts.ErrUnknownKey) {
		return "", awswire.Caller{}, awswire.ErrUnknownKey
	}
	return key.Secret, awswire.Caller{Account: key.Owner.Account, ARN: key.Owner.ARN, UserID: key.Owner.UserID, AccessKeyID: id, Principal: &key.Owner}, err
}

func (g gate) Authorize(ctx context.Context, r *awswire.Request) error {
	err := g.Control.Authorize(ctx, r.Who.Principal.(*accounts.Principal), &accounts.Request{Action: r.Action, Resource: r.Resource, Values: r.Values, Policy: r.Policy})
	if errors.Is(err, accounts.ErrDenied) {
		return awswire.Denied(err.Error())
	}
	return err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks what a client is told.
func refused(t testing.TB, err error, code, text string) {
	t.Helper()
	var fault smithy.APIError
	if !errors.As(err, &fault) {
		t.Errorf("error %v, want %s", err, code)
	} else if fault.ErrorCode() != code || fault.ErrorMessage() != text {
		t.Errorf("told %s: %s\nwant %s: %s", fault.ErrorCode(), fault.ErrorMessage(), code, text)
	}
}

// app is a client of the root account, whose group /app has the stream web.
func app(t testing.TB) (*cloudwatchlogs.Client, *world) {
	t.Helper()
	w := newWorld(t)
	client := w.client(w.root)
	_, err := client.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/app"), Tags: map[string]string{"team": "blue"}})
	must(t, err)
	_, err = client.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("web")})
	must(t, err)
	return client, w
}

func put(t testing.TB, client *cloudwatchlogs.Client, stream string, messages ...string) (start int64) {
	t.Helper()
	start = time.Now().UnixMilli() - 60_000
	in := &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("/app"), LogStreamName: &stream}
	for i, m := range messages {
		in.LogEvents = append(in.LogEvents, types.InputLogEvent{Timestamp: aws.Int64(start + int64(i)), Message: aws.String(m)})
	}
	out, err := client.PutLogEvents(t.Context(), in)
	must(t, err)
	if out.RejectedLogEventsInfo != nil {
		t.Fatalf("rejected: %+v", out.RejectedLogEventsInfo)
	}
	return start
}

func TestEveryOperationIsBound(t *testing.T) {
	if names := door.New(nil, wiretest.Region).Unbound(); len(names) > 0 {
		t.Errorf("not bound: %v", names)
	}
}

func TestGroupsAsTheSDKSeesThem(t *testing.T) {
	client, _ := app(t)
	_, err := client.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("/app"), RetentionInDays: aws.Int32(7)})
	must(t, err)
	put(t, client, "web", "12345")

	out, err := client.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/a")})
	must(t, err)
	if len(out.LogGroups) != 1 || out.NextToken != nil {
		t.Fatalf("described %d groups", len(out.LogGroups))
	}
	g := out.LogGroups[0]
	const arn = "arn:aws:logs:us-east-1:123456789012:log-group:/app"
	if *g.LogGroupName != "/app" || *g.LogGroupArn != arn || *g.Arn != arn+":*" || *g.RetentionInDays != 7 || *g.StoredBytes != 31 || *g.MetricFilterCount != 0 || g.LogGroupClass != types.LogGroupClassStandard {
		t.Errorf("group is %+v", g)
	}
	if age := time.Since(time.UnixMilli(*g.CreationTime)); age < 0 || age > time.Hour {
		t.Errorf("created %d", *g.CreationTime)
	}

	_, err = client.DeleteRetentionPolicy(t.Context(), &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: aws.String("/app")})
	must(t, err)
	out, err = client.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupIdentifiers: []string{arn, "/gone"}})
	must(t, err)
	if len(out.LogGroups) != 1 || out.LogGroups[0].RetentionInDays != nil {
		t.Errorf("described %+v", out.LogGroups)
	}

	_, err = client.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/app")})
	must(t, err)
	out, err = client.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
	must(t, err)
	if out.LogGroups == nil || len(out.LogGroups) != 0 {
		t.Errorf("after its deletion: %+v", out.LogGroups)
	}
}

func TestTheSDKPagesThroughGroups(t *testing.T) {
	client, _ := app(t)
	for i := range 7 {
		_, err := client.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(fmt.Sprint("/g", i))})
		must(t, err)
	}
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(client, &cloudwatchlogs.DescribeLogGroupsInput{Limit: aws.Int32(3)})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, g := range page.LogGroups {
			names = append(names, *g.LogGroupName)
		}
	}
	if fmt.Sprint(names) != "[/app /g0 /g1 /g2 /g3 /g4 /g5 /g6]" {
		t.Errorf("groups %v", names)
	}
}

func TestStreamsAsTheSDKSeesThem(t *testing.T) {
	client, w := app(t)
	must(t, w.room.CreateStream(t.Context(), wiretest.Account, "/app", "idle"))
	start := put(t, client, "web", "a", "b", "c")

	out, err := client.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{
		LogGroupIdentifier: aws.String("arn:aws:logs:us-east-1:123456789012:log-group:/app"), OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true),
	})
	must(t, err)
	if len(out.LogStreams) != 2 {
		t.Fatalf("described %d streams", len(out.LogStreams))
	}
	web, idle := out.LogStreams[0], out.LogStreams[1]
	if *web.LogStreamName != "web" || *web.FirstEventTimestamp != start || *web.LastEventTimestamp != start+2 || *web.LastIngestionTime < start ||
		*web.Arn != "arn:aws:logs:us-east-1:123456789012:log-group:/app:log-stream:web" || *web.StoredBytes != 0 || *web.UploadSequenceToken == "" {
		t.Errorf("stream is %+v", web)
	}
	if *idle.LogStreamName != "idle" || idle.FirstEventTimestamp != nil || idle.LastEventTimestamp != nil || idle.LastIngestionTime != nil {
		t.Errorf("stream without events is %+v", idle)
	}
	_, err = client.DeleteLogStream(t.Context(), &cloudwatchlogs.DeleteLogStreamInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("idle")})
	must(t, err)
}

func TestTheSDKReadsAStreamToItsEnd(t *testing.T) {
	client, _ := app(t)
	var want []string
	for i := range 25 {
		want = append(want, fmt.Sprintf("line %d été \t\"\\", i))
	}
	start := put(t, client, "web", want...)

	pages := cloudwatchlogs.NewGetLogEventsPaginator(client, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String("/app"), LogStreamName: aws.String("web"), StartFromHead: aws.Bool(true), Limit: aws.Int32(10),
	}, func(o *cloudwatchlogs.GetLogEventsPaginatorOptions) { o.StopOnDuplicateToken = true })
	var got []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, e := range page.Events {
			if *e.Timestamp != start+int64(len(got)) || *e.IngestionTime < start {
				t.Errorf("event %d is of %d, came at %d", len(got), *e.Timestamp, *e.IngestionTime)
			}
			got = append(got, *e.Message)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %q", got)
	}

	last, err := client.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{
		LogGroupIdentifier: aws.String("/app"), LogStreamName: aws.String("web"), Limit: aws.Int32(2), StartTime: &start, EndTime: aws.Int64(start + 5),
	})
	must(t, err)
	if len(last.Events) != 2 || *last.Events[1].Message != want[4] {
		t.Errorf("the last two before the end time are %+v", last.Events)
	}
}

func TestTheSDKFilters(t *testing.T) {
	client, w := app(t)
	must(t, w.room.CreateStream(t.Context(), wiretest.Account, "/app", "api"))
	start := put(t, client, "web", "GET 1", "POST 2", "GET 3")
	put(t, client, "api", "GET 4")

	pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String("/app"), FilterPattern: aws.String("GET"), StartTime: &start, Limit: aws.Int32(2),
	})
	ids := map[string]string{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, e := range page.Events {
			ids[*e.EventId] = *e.LogStreamName + " " + *e.Message
		}
	}
	if len(ids) != 3 {
		t.Errorf("found %v", ids)
	}
	out, err := client.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String("/app"), LogStreamNames: []string{"web"}, EndTime: aws.Int64(start + 1), Interleaved: aws.Bool(true),
	})
	must(t, err)
	if len(out.Events) != 2 || *out.Events[1].Message != "POST 2" || out.SearchedLogStreams == nil {
		t.Errorf("up to and with the end time: %+v", out.Events)
	}
}

func TestTheSDKTags(t *testing.T) {
	client, _ := app(t)
	arn := aws.String("arn:aws:logs:us-east-1:123456789012:log-group:/app")
	_, err := client.TagResource(t.Context(), &cloudwatchlogs.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"stage": "test"}})
	must(t, err)
	_, err = client.UntagResource(t.Context(), &cloudwatchlogs.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}})
	must(t, err)
	out, err := client.ListTagsForResource(t.Context(), &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: arn})
	must(t, err)
	if fmt.Sprint(out.Tags) != "map[stage:test]" {
		t.Errorf("tags %v", out.Tags)
	}
}

func TestPutTellsWhatWasRejected(t *testing.T) {
	client, _ := app(t)
	now := time.Now()
	at := func(d time.Duration) *int64 { return aws.Int64(now.Add(d).UnixMilli()) }
	send := func(events ...types.InputLogEvent) *cloudwatchlogs.PutLogEventsOutput {
		t.Helper()
		out, err := client.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("web"), LogEvents: events})
		must(t, err)
		return out
	}
	x := aws.String("x")
	out := send(types.InputLogEvent{Timestamp: at(0), Message: x}, types.InputLogEvent{Timestamp: at(3 * time.Hour), Message: x})
	if r := out.RejectedLogEventsInfo; r == nil || *r.TooNewLogEventStartIndex != 1 || r.TooOldLogEventEndIndex != nil || r.ExpiredLogEventEndIndex != nil {
		t.Errorf("rejected %+v", r)
	}
	const days = 24 * time.Hour
	out = send(types.InputLogEvent{Timestamp: at(-14*days - time.Hour), Message: x}, types.InputLogEvent{Timestamp: at(-14*days + time.Hour), Message: x})
	if r := out.RejectedLogEventsInfo; r == nil || *r.TooOldLogEventEndIndex != 1 || r.TooNewLogEventStartIndex != nil {
		t.Errorf("rejected %+v", r)
	}
}
