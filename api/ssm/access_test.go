package ssm_test

import (
	"maps"
	"testing"

	"slipway/api/awswire/wiretest"
	door "slipway/api/ssm"
	"slipway/store/storetest"
)

// The table of what every operation asks for: on one's own parameters by name, on those of ARNs, and on what
// is no parameter.
func TestAccess(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	own := wiretest.Sample{
		"Name": "/app/db", "Names": []string{"/app/db", "plain"}, "Path": "/app", "Recursive": true, "Labels": []string{"prod"}, "ParameterVersion": 1,
		"ResourceType": "Parameter", "ResourceId": "/app/db", "Overwrite": true, "Value": "x",
		"TagKeys": []string{"team"}, "AddTagsToResource.Tags": []any{map[string]any{"Key": "team", "Value": "sea"}},
	}
	theirs := maps.Clone(own)
	maps.Copy(theirs, wiretest.Sample{
		"Name": "arn:aws:ssm:us-east-1:999999999999:parameter/app/db", "Names": []string{"arn:aws:ssm:us-east-1:999999999999:parameter/app/db:1"},
		"PutParameter.Name": "/app/new", "PutParameter.Tags": []any{map[string]any{"Key": "team", "Value": "sea"}}, "Overwrite": nil, "Recursive": nil, "Path": "/",
	})
	other := maps.Clone(own)
	maps.Copy(other, wiretest.Sample{"ResourceType": "Document", "Name": "arn:aws:ssm:eu-west-1:123456789012:parameter/app/db"})
	wiretest.Access(t, door.New(w.room), own, theirs, other)
}
