package awswire_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/ecs"
	"slipway/api/sts"
)

// asking hands every request to a test, and allows it.
type asking func(*awswire.Request)

func (a asking) Authorize(_ context.Context, r *awswire.Request) error {
	a(r)
	return nil
}

func runWith(t *testing.T, access awswire.Authorizer, asks ...awswire.Ask) error {
	t.Helper()
	door := awswire.NewService(ecs.API, nil, ecs.RunTask.Handle(
		func(context.Context, *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) { return nil, nil },
		func(context.Context, *ecs.RunTaskInput) []awswire.Ask { return asks }))
	_, err := awsecs.NewFromConfig(wiretest.Serve(t, awswire.Config{Access: access}, door)).RunTask(t.Context(), &awsecs.RunTaskInput{
		TaskDefinition: aws.String("web"),
		Tags:           []types.Tag{{Key: aws.String("Team"), Value: aws.String("sea")}, {Key: aws.String("cost"), Value: aws.String("")}},
	})
	return err
}

func TestConditionKeysOfARequest(t *testing.T) {
	reads := 0
	ask := awswire.Ask{
		Resource: "arn:aws:ecs:us-east-1:210987654321:task-definition/web:1",
		Keys:     map[string][]string{"ecs:cluster": {"arn:aws:ecs:us-east-1:123456789012:cluster/blue"}, "ecs:nothing": nil},
		Tags: func(context.Context) (map[string]string, error) {
			reads++
			return map[string]string{"Stage": "test"}, nil
		},
		Policy: func(context.Context) (string, error) { return "{}", nil },
	}
	asked := false
	err := runWith(t, asking(func(r *awswire.Request) {
		asked = true
		for key, want := range map[string]string{
			"ecs:cluster":           "arn:aws:ecs:us-east-1:123456789012:cluster/blue",
			"aws:sourceip":          "127.0.0.1",
			"aws:securetransport":   "false",
			"aws:requestedregion":   wiretest.Region,
			"aws:resourceaccount":   "210987654321",
			"aws:viaawsservice":     "false",
			"aws:requesttag/team":   "sea",
			"aws:requesttag/cost":   "",
			"aws:resourcetag/stage": "test",
			"ecs:resourcetag/stage": "test",
		} {
			if got, ok := r.Values(key); !ok || len(got) != 1 || got[0] != want {
				t.Errorf("%s is %q, %v, want %q", key, got, ok, want)
			}
		}
		for _, key := range []string{"ecs:nothing", "aws:requesttag/other", "aws:resourcetag/other", "aws:referer", "aws:multifactorauthpresent", "nonsense", ""} {
			if got, ok := r.Values(key); ok {
				t.Errorf("%s is %q, and should not be there", key, got)
			}
		}
		names, _ := r.Values("aws:tagkeys")
		if slices.Sort(names); !slices.Equal(names, []string{"Team", "cost"}) {
			t.Errorf("aws:TagKeys is %q", names)
		}
		if agent, _ := r.Values("aws:useragent"); len(agent) != 1 || !strings.Contains(agent[0], "aws-sdk-go-v2") {
			t.Errorf("aws:UserAgent is %q", agent)
		}
		if now, _ := r.Values("aws:currenttime"); len(now) != 1 || !strings.HasPrefix(now[0], "20") || !strings.HasSuffix(now[0], "Z") {
			t.Errorf("aws:CurrentTime is %q", now)
		}
		if text, err := r.Policy(); text != "{}" || err != nil {
			t.Errorf("the resource's policy is %q, %v", text, err)
		}
	}), ask)
	if err != nil || !asked || reads != 1 {
		t.Errorf("%v; asked: %v; the resource's tags were read %d times", err, asked, reads)
	}
}

// A decision made without the tags that it asked for would be made on a guess.
func TestTagsThatCannotBeReadFailTheCall(t *testing.T) {
	ask := awswire.Ask{Tags: func(context.Context) (map[string]string, error) {
		return nil, errors.New("the disk with the tags is gone")
	}}
	if err := runWith(t, asking(func(r *awswire.Request) {}), ask); err != nil {
		t.Errorf("nobody asked for the tags, and the call failed: %v", err)
	}
	err := runWith(t, asking(func(r *awswire.Request) { r.Values("aws:resourcetag/a") }), ask)
	var fault smithy.APIError
	if !errors.As(err, &fault) || fault.ErrorCode() != "ServerException" || strings.Contains(err.Error(), "disk") {
		t.Errorf("answered %v, want a server fault that keeps the cause to itself", err)
	}
}

func TestAHandlerAsksForMore(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/web"
	door := awswire.NewService(ecs.API, nil, ecs.ListClusters.Handle(
		func(ctx context.Context, _ *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
			return nil, awswire.Require(ctx, awswire.Ask{Action: "iam:PassRole", Resource: role})
		}, awswire.Any))
	var call *awswire.Call
	config := awswire.Config{
		Access: refusing("iam:PassRole"),
		Record: func(_ context.Context, c *awswire.Call) error { call = c; return nil },
	}
	_, err := awsecs.NewFromConfig(wiretest.Serve(t, config, door)).ListClusters(t.Context(), nil)
	var fault smithy.APIError
	if !errors.As(err, &fault) || fault.ErrorCode() != "AccessDeniedException" {
		t.Errorf("answered %v", err)
	}
	if want := []awswire.Asked{{Action: "ecs:ListClusters", Resource: "*"}, {Action: "iam:PassRole", Resource: role}}; !slices.Equal(call.Asked, want) {
		t.Errorf("written down: %v, want %v", call.Asked, want)
	}
	if err := awswire.Require(t.Context(), awswire.Ask{}); err == nil {
		t.Error("outside of a call, everything is allowed")
	}
}

// refusing denies one action.
type refusing string

func (a refusing) Authorize(_ context.Context, r *awswire.Request) error {
	if r.Action == string(a) {
		return awswire.Denied("User: " + r.Who.ARN + " is not authorized to perform: " + r.Action)
	}
	return nil
}

func TestCallsAreWrittenDownBeforeTheyAreAnswered(t *testing.T) {
	var calls []*awswire.Call
	failing := error(nil)
	mux := awswire.NewMux(awswire.Config{
		Region: wiretest.Region, Keys: keyring{}, Access: keyring{}, Log: slog.New(slog.DiscardHandler),
		Record: func(_ context.Context, c *awswire.Call) error { calls = append(calls, c); return failing },
	}, awswire.NewService(ecs.API, nil, ecs.RunTask.Handle(runTask, awswire.Any)))

	serve(mux, signedRunTask([]byte(`{"taskDefinition": "web"}`)))
	serve(mux, signedRunTask([]byte(`{`)))
	serve(mux, httptest.NewRequest("GET", "/", nil)) // nobody's
	if len(calls) != 2 {
		t.Fatalf("%d calls written down, want the two of a known caller", len(calls))
	}
	if c := calls[0]; c.Fault != nil || c.Who.AccessKeyID != wiretest.AccessKey || c.Operation != "RunTask" || c.RequestID == "" || c.SourceAddress == "" || c.Time.IsZero() {
		t.Errorf("written down: %+v", c)
	}
	if c := calls[1]; c.Fault == nil || c.Fault.Shape != "SerializationException" {
		t.Errorf("written down: %+v", c)
	}
	failing = errors.New("no space left on device")
	if w := serve(mux, signedRunTask([]byte(`{"taskDefinition": "web"}`))); w.Code != 500 || strings.Contains(w.Body.String(), "space") {
		t.Errorf("what could not be written down was answered with %d %s", w.Code, w.Body)
	}
}

func TestWhoIsTooFastIsToldWhenToCallAgain(t *testing.T) {
	decoded := false
	limit := func(who awswire.Caller, service, operation string) time.Duration {
		if who.Account != wiretest.Account || service != "ecs" || operation != "RunTask" {
			t.Errorf("limited %+v at %s:%s", who, service, operation)
		}
		return 1500 * time.Millisecond
	}
	mux := awswire.NewMux(awswire.Config{Region: wiretest.Region, Keys: keyring{}, Access: keyring{}, Limit: limit},
		awswire.NewService(ecs.API, nil, ecs.RunTask.Handle(
			func(context.Context, *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) { decoded = true; return nil, nil }, awswire.Any)))
	w := serve(mux, signedRunTask([]byte(`{"taskDefinition": "web"}`)))
	if w.Code != 400 || w.Header().Get("Retry-After") != "2" || !strings.Contains(w.Body.String(), `"ThrottlingException","message":"Rate exceeded"`) {
		t.Errorf("%d, Retry-After %q: %s", w.Code, w.Header().Get("Retry-After"), w.Body)
	}
	if decoded {
		t.Error("the call was made all the same")
	}
}

func TestGlobalServicesAreSignedForUSEast1Too(t *testing.T) {
	config := wiretest.Serve(t, awswire.Config{Region: "eu-west-1"}, sts.New(nil))
	for region, works := range map[string]bool{"eu-west-1": true, "us-east-1": true, "us-west-2": false} {
		config.Region = region
		_, err := awssts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
		if (err == nil) != works {
			t.Errorf("signed for %s: %v", region, err)
		}
	}
}
