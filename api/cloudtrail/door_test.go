package cloudtrail_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awstrail "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"

	"slipway/api/awswire/wiretest"
	"slipway/api/cloudtrail"
	"slipway/audit"
	"slipway/seal/sealtest"
	"slipway/store/storetest"
)

const (
	us, them = wiretest.Account, "999999999999"
	clusterA = "arn:aws:ecs:us-east-1:123456789012:cluster/a"
)

// world is a room with its door.
type world struct {
	*awstrail.Client
	room   *audit.Control
	config aws.Config
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db := storetest.SQLite(t)
	room, err := audit.New(t.Context(), db, t.TempDir(), sealtest.Keys(t, db), audit.Config{})
	must(t, err)
	t.Cleanup(func() { must(t, room.Close()) })
	config := wiretest.Start(t, cloudtrail.New(room))
	return &world{awstrail.NewFromConfig(config), room, config}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ann is a user who asks for something.
func ann(operation, request string) audit.Entry {
	return audit.Entry{
		Account:   us,
		Principal: audit.Principal{Type: audit.PrincipalUser, ARN: "arn:aws:iam::123456789012:user/ops/ann", UserID: "AIDAANN", AccessKeyID: "AKIAAAAAAAAAAAAAAAAA"},
		Service:   "ecs", Operation: operation, ReadOnly: audit.ReadOnly(operation),
		Resources: []audit.Resource{{ARN: clusterA}},
		Source:    "192.0.2.7", UserAgent: "aws-cli/2.9.19 <&>", Region: "us-east-1", RequestID: request,
	}
}

func (w *world) record(t testing.TB, e audit.Entry) string {
	t.Helper()
	id, err := w.room.Record(e)
	must(t, err)
	return id
}

// lookUp returns the request ids of all pages.
func (w *world) lookUp(t testing.TB, in *awstrail.LookupEventsInput) string {
	t.Helper()
	var found []string
	for pages := awstrail.NewLookupEventsPaginator(w, in); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, e := range page.Events {
			found = append(found, recordOf(t, e)["requestID"].(string))
		}
	}
	return strings.Join(found, " ")
}

func recordOf(t testing.TB, e types.Event) map[string]any {
	t.Helper()
	var record map[string]any
	must(t, json.Unmarshal([]byte(*e.CloudTrailEvent), &record))
	return record
}

func by(key types.LookupAttributeKey, value string) *awstrail.LookupEventsInput {
	return &awstrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{{AttributeKey: key, AttributeValue: &value}}}
}

func TestEveryOperationIsBound(t *testing.T) {
	if names := cloudtrail.New(nil).Unbound(); len(names) > 0 {
		t.Errorf("not bound: %v", names)
	}
}

func TestWhatLookupsAskFor(t *testing.T) {
	wiretest.Access(t, cloudtrail.New(newWorld(t).room), wiretest.Sample{})
}

func TestTheSDKIsToldWhoDidWhat(t *testing.T) {
	w := newWorld(t)
	before := time.Now().Truncate(time.Second)
	id := w.record(t, ann("RunTask", "r1"))
	out, err := w.LookupEvents(t.Context(), nil)
	must(t, err)
	if len(out.Events) != 1 || out.NextToken != nil {
		t.Fatalf("%d events, then %v", len(out.Events), out.NextToken)
	}
	e := out.Events[0]
	if *e.EventId != id || *e.EventName != "RunTask" || *e.EventSource != "ecs.amazonaws.com" || *e.ReadOnly != "false" || *e.Username != "ann" || *e.AccessKeyId != "AKIAAAAAAAAAAAAAAAAA" {
		t.Errorf("event %+v", e)
	}
	if e.EventTime.Nanosecond() != 0 || e.EventTime.Before(before) || e.EventTime.After(time.Now()) {
		t.Errorf("at %s", e.EventTime)
	}
	if len(e.Resources) != 1 || *e.Resources[0].ResourceName != clusterA || *e.Resources[0].ResourceType != "AWS::ECS::Cluster" {
		t.Errorf("resources %+v", e.Resources)
	}
	want := `{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDAANN","arn":"arn:aws:iam::123456789012:user/ops/ann","accountId":"123456789012","accessKeyId":"AKIAAAAAAAAAAAAAAAAA","userName":"ann"},` +
		`"eventTime":"` + e.EventTime.Format(time.RFC3339) + `","eventSource":"ecs.amazonaws.com","eventName":"RunTask","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli/2.9.19 <&>",` +
		`"requestParameters":null,"responseElements":null,"requestID":"r1","eventID":"` + id + `","readOnly":false,` +
		`"resources":[{"ARN":"arn:aws:ecs:us-east-1:123456789012:cluster/a","accountId":"123456789012","type":"AWS::ECS::Cluster"}],` +
		`"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"123456789012","eventCategory":"Management"}`
	if *e.CloudTrailEvent != want {
		t.Errorf("record\n%s\nwant\n%s", *e.CloudTrailEvent, want)
	}
}

// Each sort of caller, as the member userIdentity and what is beside it say it.
func TestIdentitiesAsTheyAreTold(t *testing.T) {
	role := audit.Principal{Type: audit.PrincipalRole, ARN: "arn:aws:sts::123456789012:assumed-role/deploy/ci", UserID: "AROADEPLOY:ci", AccessKeyID: "ASIAAAAAAAAAAAAAAAAA",
		IssuerARN: "arn:aws:iam::123456789012:role/teams/deploy", IssuerID: "AROADEPLOY", SessionStart: time.Unix(1_700_000_000, 0)}
	for name, c := range map[string]struct {
		entry audit.Entry
		want  string
		user  string
	}{
		"root": {audit.Entry{Principal: audit.Principal{Type: audit.PrincipalRoot, ARN: "arn:aws:iam::123456789012:root", UserID: us, AccessKeyID: "AKIAAAAAAAAAAAAAAAAA"}},
			`{"accessKeyId":"AKIAAAAAAAAAAAAAAAAA","accountId":"123456789012","arn":"arn:aws:iam::123456789012:root","principalId":"123456789012","type":"Root"}`, "root"},
		"role": {audit.Entry{Principal: role},
			`{"accessKeyId":"ASIAAAAAAAAAAAAAAAAA","accountId":"123456789012","arn":"arn:aws:sts::123456789012:assumed-role/deploy/ci","principalId":"AROADEPLOY:ci",` +
				`"sessionContext":{"attributes":{"creationDate":"2023-11-14T22:13:20Z","mfaAuthenticated":"false"},"sessionIssuer":{"accountId":"123456789012","arn":"arn:aws:iam::123456789012:role/teams/deploy","principalId":"AROADEPLOY","type":"Role","userName":"deploy"}},"type":"AssumedRole"}`, "ci"},
		"service":            {audit.Entry{Principal: audit.Principal{Type: audit.PrincipalService, UserID: "ecs.amazonaws.com"}}, `{"invokedBy":"ecs.amazonaws.com","type":"AWSService"}`, ""},
		"nobody":             {audit.Entry{Principal: audit.Principal{Type: audit.PrincipalUnknown, AccessKeyID: "AKIAZZZZZZZZZZZZZZZZ"}}, `{"accessKeyId":"AKIAZZZZZZZZZZZZZZZZ","type":"Unknown"}`, ""},
		"of another account": {audit.Entry{Account: them, Owner: us, Principal: role}, `{"accountId":"999999999999","principalId":"AROADEPLOY:ci","type":"AWSAccount"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.entry.Account == "" {
				c.entry.Account = us
			}
			c.entry.Service, c.entry.Operation = "sts", "GetCallerIdentity"
			w.record(t, c.entry)
			out, err := w.LookupEvents(t.Context(), nil)
			must(t, err)
			got, err := json.Marshal(recordOf(t, out.Events[0])["userIdentity"])
			must(t, err)
			if string(got) != c.want || aws.ToString(out.Events[0].Username) != c.user {
				t.Errorf("called %q, identity\n%s\nwant\n%s", aws.ToString(out.Events[0].Username), got, c.want)
			}
		})
	}
}

func TestDenialsAndWhatElseThereIsToSay(t *testing.T) {
	w := newWorld(t)
	cause := w.record(t, ann("StopTask", "first"))
	e := ann("RunTask", "second")
	e.ErrorCode, e.ErrorMessage = "AccessDeniedException", "User: ann is not authorized"
	e.Action, e.Cause, e.Account, e.Owner, e.Resources = "iam:PassRole", cause, us, them, nil
	id := w.record(t, e)
	out, err := w.LookupEvents(t.Context(), nil)
	must(t, err)
	r := recordOf(t, out.Events[0])
	if r["errorCode"] != e.ErrorCode || r["errorMessage"] != e.ErrorMessage || r["sharedEventID"] != id || r["recipientAccountId"] != us {
		t.Errorf("record %v", r)
	}
	if more := fmt.Sprint(r["additionalEventData"]); more != "map[action:iam:PassRole causedBy:"+cause+"]" {
		t.Errorf("additionally %s", more)
	}
	if list := out.Events[0].Resources; list == nil || len(list) != 0 {
		t.Errorf("resources %v", list)
	}
}

func TestLookupByEachAttribute(t *testing.T) {
	w := newWorld(t)
	w.record(t, ann("RunTask", "run"))
	read := ann("DescribeImages", "read")
	read.Service, read.Resources = "ecr", []audit.Resource{{ARN: "arn:aws:ecr:us-east-1:123456789012:repository/team/app"}}
	read.Principal = audit.Principal{Type: audit.PrincipalRoot, ARN: "arn:aws:iam::123456789012:root", UserID: us, AccessKeyID: "AKIABBBBBBBBBBBBBBBB"}
	id := w.record(t, read)
	w.record(t, audit.Entry{Account: them, Service: "ecs", Operation: "RunTask", RequestID: "theirs"})

	for _, c := range []struct {
		key         types.LookupAttributeKey
		value, want string
	}{
		{types.LookupAttributeKeyEventName, "RunTask", "run"}, {types.LookupAttributeKeyEventName, "runtask", ""},
		{types.LookupAttributeKeyEventSource, "ecr.amazonaws.com", "read"}, {types.LookupAttributeKeyEventSource, "ecr", ""},
		{types.LookupAttributeKeyReadOnly, "true", "read"}, {types.LookupAttributeKeyReadOnly, "false", "run"},
		{types.LookupAttributeKeyUsername, "ann", "run"}, {types.LookupAttributeKeyUsername, "root", "read"},
		{types.LookupAttributeKeyAccessKeyId, "AKIABBBBBBBBBBBBBBBB", "read"},
		{types.LookupAttributeKeyResourceType, "AWS::ECR::Repository", "read"}, {types.LookupAttributeKeyResourceType, "AWS::S3::Bucket", ""},
		{types.LookupAttributeKeyResourceName, clusterA, "run"}, {types.LookupAttributeKeyResourceName, "team/app", "read"},
		{types.LookupAttributeKeyEventId, id, "read"}, {types.LookupAttributeKeyEventId, "none", ""},
	} {
		if got := w.lookUp(t, by(c.key, c.value)); got != c.want {
			t.Errorf("by %s %q: %q, want %q", c.key, c.value, got, c.want)
		}
	}
}

func TestTheSDKPagesThroughASpan(t *testing.T) {
	w := newWorld(t)
	want := []string{}
	for i := range 123 {
		w.record(t, ann("RunTask", fmt.Sprint(i)))
		want = append([]string{fmt.Sprint(i)}, want...)
	}
	now := time.Now()
	for name, in := range map[string]*awstrail.LookupEventsInput{
		"all":             {},
		"by tens":         {MaxResults: aws.Int32(10)},
		"until now":       {StartTime: aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now)},
		"of a name":       {LookupAttributes: by(types.LookupAttributeKeyEventName, "RunTask").LookupAttributes, MaxResults: aws.Int32(50)},
		"from the second": {StartTime: aws.Time(now.Add(-time.Minute).Truncate(time.Second))},
	} {
		if got := w.lookUp(t, in); got != strings.Join(want, " ") {
			t.Errorf("%s: found %s", name, got)
		}
	}
	for name, in := range map[string]*awstrail.LookupEventsInput{
		"before":    {EndTime: aws.Time(now.Add(-time.Hour))},
		"after":     {StartTime: aws.Time(now.Add(time.Hour))},
		"long ago":  {StartTime: aws.Time(time.Unix(0, 0)), EndTime: aws.Time(time.Unix(1, 0))},
		"far ahead": {StartTime: aws.Time(time.Unix(1e11, 0))},
	} {
		if got := w.lookUp(t, in); got != "" {
			t.Errorf("%s: found %s", name, got)
		}
	}
}

// The second that an event is told to be of finds it, as start and as end.
func TestSpanHasTheSecondsThatBoundIt(t *testing.T) {
	w := newWorld(t)
	w.record(t, ann("RunTask", "r"))
	out, err := w.LookupEvents(t.Context(), nil)
	must(t, err)
	at := *out.Events[0].EventTime
	for name, c := range map[string]struct {
		start, end time.Time
		want       string
	}{
		"that second":     {at, at, "r"},
		"within it":       {at, at.Add(time.Millisecond), "r"},
		"after it began":  {at.Add(time.Millisecond), at.Add(time.Hour), ""},
		"before it began": {at.Add(-time.Hour), at.Add(-time.Millisecond), ""},
	} {
		if got := w.lookUp(t, &awstrail.LookupEventsInput{StartTime: &c.start, EndTime: &c.end}); got != c.want {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
	}
}

func TestRefusalsAsTheSDKSeesThem(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.record(t, ann("RunTask", fmt.Sprint(i)))
	}
	page, err := w.LookupEvents(t.Context(), &awstrail.LookupEventsInput{MaxResults: aws.Int32(1)})
	must(t, err)
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	other := by(types.LookupAttributeKeyEventName, "RunTask")
	other.NextToken = page.NextToken
	two := by(types.LookupAttributeKeyEventName, "RunTask")
	two.LookupAttributes = append(two.LookupAttributes, two.LookupAttributes...)
	for name, c := range map[string]struct {
		in         *awstrail.LookupEventsInput
		code, text string
	}{
		"no results":          {&awstrail.LookupEventsInput{MaxResults: aws.Int32(0)}, "InvalidMaxResultsException", "MaxResults is 0: it must be from 1 to 50."},
		"too many":            {&awstrail.LookupEventsInput{MaxResults: aws.Int32(51)}, "InvalidMaxResultsException", "MaxResults is 51: it must be from 1 to 50."},
		"backwards":           {&awstrail.LookupEventsInput{StartTime: aws.Time(noon), EndTime: aws.Time(noon.Add(-time.Second))}, "InvalidTimeRangeException", "The start time 2026-11-21T12:00:00Z is after the end time 2026-11-21T11:59:59Z."},
		"insights":            {&awstrail.LookupEventsInput{EventCategory: types.EventCategoryInsight}, "InvalidEventCategoryException", "The event category 'insight' is not supported by Slipway: leave EventCategory out."},
		"no token":            {&awstrail.LookupEventsInput{NextToken: aws.String("x")}, "InvalidNextTokenException", "The NextToken is not valid, or is of a request with other parameters."},
		"token of another":    {other, "InvalidNextTokenException", "The NextToken is not valid, or is of a request with other parameters."},
		"two attributes":      {two, "InvalidLookupAttributesException", "There are 2 lookup attributes: only one can be specified."},
		"unknown attribute":   {by("Colour", "red"), "InvalidLookupAttributesException", "1 validation error detected: Value 'Colour' at 'lookupAttributes.1.member.attributeKey' failed to satisfy constraint: Member must satisfy enum value set: [EventId, EventName, ReadOnly, Username, ResourceType, ResourceName, EventSource, AccessKeyId]"},
		"attribute of a mile": {by(types.LookupAttributeKeyUsername, strings.Repeat("x", 2001)), "InvalidLookupAttributesException", ""},
	} {
		_, err := w.LookupEvents(t.Context(), c.in)
		var fault smithy.APIError
		if !errors.As(err, &fault) || fault.ErrorCode() != c.code || c.text != "" && fault.ErrorMessage() != c.text {
			t.Errorf("%s: %v\nwant %s: %s", name, err, c.code, c.text)
		}
	}
}

func TestCallOfNothingThatSlipwayHasIsToldAsSuch(t *testing.T) {
	w := newWorld(t)
	w.record(t, audit.Entry{Account: us, Principal: audit.Principal{Type: audit.PrincipalUnknown}, RequestID: "r", ErrorCode: "UnknownOperationException"})
	out, err := w.LookupEvents(t.Context(), nil)
	must(t, err)
	e := out.Events[0]
	if r := recordOf(t, e); e.EventSource != nil || e.EventName != nil || r["eventSource"] != "" || r["eventName"] != "" {
		t.Errorf("event %+v, record %v", e, r)
	}
}

func TestTrailsAreNotSupported(t *testing.T) {
	_, err := newWorld(t).CreateTrail(t.Context(), &awstrail.CreateTrailInput{Name: aws.String("t"), S3BucketName: aws.String("b")})
	var fault smithy.APIError
	if !errors.As(err, &fault) || fault.ErrorCode() != "UnsupportedOperationException" || fault.ErrorMessage() != "CreateTrail is an operation of CloudTrail that is not supported by Slipway." {
		t.Errorf("error %v", err)
	}
}
