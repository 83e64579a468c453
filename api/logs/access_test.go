package logs_test

import (
	"maps"
	"testing"

	"slipway/api/awswire/wiretest"
	door "slipway/api/logs"
)

// The table of what every operation asks for: of groups by their names, by their ARNs, and by ARNs of
// another account.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	named := wiretest.Sample{
		"logGroupName": "/app", "logStreamName": "web", "retentionInDays": 7, "tags": map[string]any{"team": "sea"}, "tagKeys": []string{"team"},
		"resourceArn": "arn:aws:logs:us-east-1:123456789012:log-group:/app", "policyName": "read", "policyDocument": "{}",
		"destination": "kept", "from": 1, "to": 2, "taskId": "2f7c",
		"PutResourcePolicy.resourceArn": nil, "DescribeResourcePolicies.resourceArn": nil, "DeleteResourcePolicy.resourceArn": nil,
	}
	wiretest.Access(t, door.New(w.room, wiretest.Region), named, byARN(named, wiretest.Account), byARN(named, "210987654321"))
}

// byARN names groups by ARN where that can be.
func byARN(s wiretest.Sample, account string) wiretest.Sample {
	s = maps.Clone(s)
	arn := "arn:aws:logs:us-east-1:" + account + ":log-group:/app"
	for _, operation := range []string{"DescribeLogStreams", "GetLogEvents", "FilterLogEvents"} {
		s[operation+".logGroupName"] = nil
	}
	s["logGroupIdentifier"], s["logGroupIdentifiers"], s["resourceArn"] = arn, []string{"/list", arn}, arn
	return s
}
