package logs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"slipway/accounts/policy"
	"slipway/api/awswire/wiretest"
)

// checkPolicy is what the server has policies read by.
func checkPolicy(text string) error {
	_, err := policy.Parse(text, policy.Resource)
	return err
}

const groups = "arn:aws:logs:us-east-1:" + wiretest.Account + ":log-group:"

func allow(account, action, resource string) *string {
	return aws.String(fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"one","Effect":"Allow","Principal":{"AWS":%q},"Action":%q,"Resource":%q}]}`, account, action, resource))
}

func TestResourcePolicies(t *testing.T) {
	client, _ := app(t)
	c, name, text := t.Context(), aws.String("read"), allow("210987654321", "logs:GetLogEvents", "*")
	put, err := client.PutResourcePolicy(c, &cloudwatchlogs.PutResourcePolicyInput{PolicyName: name, PolicyDocument: text})
	must(t, err)
	_, err = client.PutResourcePolicy(c, &cloudwatchlogs.PutResourcePolicyInput{PolicyName: aws.String("write"), PolicyDocument: text})
	must(t, err)
	if p := put.ResourcePolicy; *p.PolicyName != "read" || *p.PolicyDocument != *text || *p.LastUpdatedTime == 0 {
		t.Errorf("put %+v", p)
	}
	var names []string
	for in := (&cloudwatchlogs.DescribeResourcePoliciesInput{Limit: aws.Int32(1)}); len(names) == 0 || in.NextToken != nil; {
		page, err := client.DescribeResourcePolicies(c, in)
		must(t, err)
		for _, p := range page.ResourcePolicies {
			names = append(names, *p.PolicyName)
		}
		in.NextToken = page.NextToken
	}
	if fmt.Sprint(names) != "[read write]" {
		t.Errorf("policies %v", names)
	}
	none, err := client.DescribeResourcePolicies(c, &cloudwatchlogs.DescribeResourcePoliciesInput{PolicyScope: types.PolicyScopeResource})
	must(t, err)
	if none.ResourcePolicies == nil || len(none.ResourcePolicies) != 0 {
		t.Errorf("of resources: %+v", none.ResourcePolicies)
	}
	_, err = client.DeleteResourcePolicy(c, &cloudwatchlogs.DeleteResourcePolicyInput{PolicyName: name})
	must(t, err)
	_, err = client.DeleteResourcePolicy(c, &cloudwatchlogs.DeleteResourcePolicyInput{PolicyName: name})
	refused(t, err, "ResourceNotFoundException", "Policy does not exist.")
}

func TestResourcePoliciesThatAreNotTaken(t *testing.T) {
	client, _ := app(t)
	c, name, text := t.Context(), aws.String("read"), allow("210987654321", "logs:GetLogEvents", "*")
	for _, in := range []cloudwatchlogs.PutResourcePolicyInput{
		{PolicyDocument: text}, {PolicyName: name}, {PolicyName: aws.String(""), PolicyDocument: text},
		{PolicyName: name, PolicyDocument: aws.String("nonsense")},
		{PolicyName: name, PolicyDocument: text, ResourceArn: aws.String(groups + "/app")},
		{PolicyName: name, PolicyDocument: text, ExpectedRevisionId: aws.String("1")},
	} {
		_, err := client.PutResourcePolicy(c, &in)
		var fault smithy.APIError
		if !errors.As(err, &fault) || fault.ErrorCode() != "InvalidParameterException" {
			t.Errorf("%+v: %v", in, err)
		}
	}
	_, err := client.PutResourcePolicy(c, &cloudwatchlogs.PutResourcePolicyInput{PolicyName: name, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:*","Resource":"*"}]}`)})
	if err == nil || !strings.Contains(err.Error(), "Statement[0]") {
		t.Errorf("%v does not say where", err)
	}
	for i := range 10 {
		_, err := client.PutResourcePolicy(c, &cloudwatchlogs.PutResourcePolicyInput{PolicyName: aws.String(fmt.Sprint("p", i)), PolicyDocument: text})
		must(t, err)
	}
	_, err = client.PutResourcePolicy(c, &cloudwatchlogs.PutResourcePolicyInput{PolicyName: name, PolicyDocument: text})
	refused(t, err, "LimitExceededException", "Resource limit exceeded.")
}

// What the policies of an account allow others, they do: to groups that they name by ARN.
func TestAnotherAccountSeesWhatItIsAllowed(t *testing.T) {
	client, w := app(t)
	put(t, client, "web", "for you")
	team, err := w.accounts.CreateAccount(t.Context(), "team")
	must(t, err)
	key, err := w.accounts.CreateKey(t.Context(), team.ID)
	must(t, err)
	theirs, c, app := w.client(key), t.Context(), aws.String(groups+"/app")

	read := func() (*cloudwatchlogs.GetLogEventsOutput, error) {
		return theirs.GetLogEvents(c, &cloudwatchlogs.GetLogEventsInput{LogGroupIdentifier: app, LogStreamName: aws.String("web")})
	}
	_, err = read()
	denied(t, err, "User: arn:aws:iam::"+team.ID+":root is not authorized to perform: logs:GetLogEvents on resource: "+*app+":log-stream:web")

	for name, text := range map[string]*string{
		"read":  allow(team.ID, "logs:GetLogEvents", *app+":*"),
		"list":  allow(team.ID, "logs:Describe*", *app+":*"),
		"else":  allow(team.ID, "logs:*", groups+"/other:*"),
		"tags":  allow(team.ID, "logs:ListTagsForResource", *app),
		"other": allow("111111111111", "logs:*", "*"),
	} {
		_, err := client.PutResourcePolicy(c, &cloudwatchlogs.PutResourcePolicyInput{PolicyName: &name, PolicyDocument: text})
		must(t, err)
	}
	out, err := read()
	must(t, err)
	if len(out.Events) != 1 || *out.Events[0].Message != "for you" {
		t.Errorf("they read %+v", out.Events)
	}
	streams, err := theirs.DescribeLogStreams(c, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupIdentifier: app})
	must(t, err)
	found, err := theirs.DescribeLogGroups(c, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupIdentifiers: []string{*app}})
	must(t, err)
	if *streams.LogStreams[0].Arn != *app+":log-stream:web" || *found.LogGroups[0].LogGroupArn != *app {
		t.Errorf("they see %s in %s", *streams.LogStreams[0].Arn, *found.LogGroups[0].LogGroupArn)
	}
	tags, err := theirs.ListTagsForResource(c, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: app})
	must(t, err)
	if tags.Tags["team"] != "blue" {
		t.Errorf("tags %v", tags.Tags)
	}

	_, err = theirs.TagResource(c, &cloudwatchlogs.TagResourceInput{ResourceArn: app, Tags: map[string]string{"a": "b"}})
	denied(t, err, "User: arn:aws:iam::"+team.ID+":root is not authorized to perform: logs:TagResource on resource: "+*app)
	_, err = theirs.FilterLogEvents(c, &cloudwatchlogs.FilterLogEventsInput{LogGroupIdentifier: app})
	denied(t, err, "User: arn:aws:iam::"+team.ID+":root is not authorized to perform: logs:FilterLogEvents on resource: "+*app)
	_, err = theirs.DescribeLogGroups(c, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupIdentifiers: []string{*app, "/own"}})
	refused(t, err, "InvalidParameterException", "logGroupIdentifiers of more than one account is not supported by Slipway.")
}
