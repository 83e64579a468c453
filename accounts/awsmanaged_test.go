package accounts

import (
	"strings"
	"testing"
	"testing/fstest"

	"slipway/accounts/policy"
)

// The policies that the services of Slipway need are there, by the ARNs that everybody knows, and
// each does what it is for.
func TestPoliciesOfAWS(t *testing.T) {
	for _, try := range []struct{ arn, may, mayNot string }{
		{"AdministratorAccess", "iam:CreateUser", ""},
		{"PowerUserAccess", "ecs:RunTask", "iam:CreateUser"},
		{"ReadOnlyAccess", "ecs:ListTasks", "ecs:RunTask"},
		{"job-function/ViewOnlyAccess", "logs:DescribeLogGroups", "logs:GetLogEvents"},
		{"IAMFullAccess", "iam:CreateUser", "ecs:RunTask"},
		{"IAMReadOnlyAccess", "iam:GetUser", "iam:CreateUser"},
		{"AmazonECS_FullAccess", "ecs:RunTask", "ecr:PutImage"},
		{"service-role/AmazonECSTaskExecutionRolePolicy", "ecr:BatchGetImage", "ecr:PutImage"},
		{"service-role/AmazonEC2ContainerServiceforEC2Role", "ecs:RegisterContainerInstance", "ecs:RunTask"},
		{"service-role/AmazonEC2ContainerServiceRole", "elasticloadbalancing:RegisterTargets", "ecs:RunTask"},
		{"aws-service-role/AmazonECSServiceRolePolicy", "elasticloadbalancing:RegisterTargets", "ecs:RunTask"},
		{"AmazonEC2ContainerRegistryFullAccess", "ecr:DeleteRepository", "ecs:RunTask"},
		{"AmazonEC2ContainerRegistryPowerUser", "ecr:PutImage", "ecr:DeleteRepository"},
		{"AmazonEC2ContainerRegistryReadOnly", "ecr:BatchGetImage", "ecr:PutImage"},
		{"AmazonEC2ContainerRegistryPullOnly", "ecr:BatchGetImage", "ecr:ListImages"},
		{"AWSLambda_FullAccess", "lambda:CreateFunction", "iam:CreateRole"},
		{"AWSLambda_ReadOnlyAccess", "lambda:GetFunction", "lambda:InvokeFunction"},
		{"service-role/AWSLambdaBasicExecutionRole", "logs:PutLogEvents", "logs:GetLogEvents"},
		{"service-role/AWSLambdaRole", "lambda:InvokeFunction", "lambda:GetFunction"},
		{"CloudWatchLogsFullAccess", "logs:DeleteLogGroup", "ecs:RunTask"},
		{"CloudWatchLogsReadOnlyAccess", "logs:GetLogEvents", "logs:PutLogEvents"},
		{"CloudWatchFullAccess", "cloudwatch:PutMetricData", "ecs:RunTask"},
		{"CloudWatchFullAccessV2", "cloudwatch:PutMetricData", "ecs:RunTask"},
		{"CloudWatchReadOnlyAccess", "cloudwatch:GetMetricData", "cloudwatch:PutMetricData"},
		{"AWSCodePipeline_FullAccess", "codepipeline:CreatePipeline", "ecs:RunTask"},
		{"AWSCodePipeline_ReadOnlyAccess", "codepipeline:GetPipeline", "codepipeline:CreatePipeline"},
		{"AmazonGuardDutyFullAccess", "guardduty:CreateDetector", "ecs:RunTask"},
		{"AmazonGuardDutyReadOnlyAccess", "guardduty:GetDetector", "guardduty:CreateDetector"},
		{"AmazonAPIGatewayInvokeFullAccess", "execute-api:Invoke", "apigateway:GET"},
		{"AmazonAPIGatewayAdministrator", "apigateway:POST", "execute-api:Invoke"},
		{"AmazonSSMReadOnlyAccess", "ssm:GetParameter", "ssm:PutParameter"},
		{"SecretsManagerReadWrite", "secretsmanager:GetSecretValue", "ecs:RunTask"},
		{"AWSCloudTrail_ReadOnlyAccess", "cloudtrail:LookupEvents", "cloudtrail:DeleteTrail"},
		{"AWSOrganizationsFullAccess", "organizations:CreateAccount", "ecs:RunTask"},
		{"AWSOrganizationsReadOnlyAccess", "organizations:ListAccounts", "organizations:CreateAccount"},
		{"AmazonS3ReadOnlyAccess", "s3:GetObject", "s3:PutObject"},
	} {
		p := awsPolicies()["arn:aws:iam::aws:policy/"+try.arn]
		switch {
		case p == nil:
			t.Errorf("%s is not there", try.arn)
		case !allows(p, try.may) || try.mayNot != "" && allows(p, try.mayNot):
			t.Errorf("%s: %s is %v, %s is %v", try.arn, try.may, allows(p, try.may), try.mayNot, allows(p, try.mayNot))
		}
	}
}

// allows asks a policy alone for an action on a resource that fits every policy.
func allows(p *awsPolicy, action string) bool {
	service, _, _ := strings.Cut(action, ":")
	resource := "arn:aws:" + service + ":us-east-1:123456789012:thing"
	if service == "apigateway" {
		resource = "arn:aws:apigateway:us-east-1::/apis"
	}
	r := &policy.Request{Principal: &policy.Principal{Type: policy.User, Account: us}, Action: action, Resource: resource}
	all := &policy.Policies{Identity: []policy.Attached{{Document: p.doc}}}
	return policy.Evaluate(r, all).Outcome == policy.Allowed
}

func TestPoliciesOfAWSAreComplete(t *testing.T) {
	ids := map[string]string{}
	for arn, p := range awsPolicies() {
		if !uniquePolicyID(p.ID) || ids[p.ID] != "" {
			t.Errorf("%s has the id %s, as has %q", arn, p.ID, ids[p.ID])
		}
		ids[p.ID] = arn
		if p.check() != nil || p.Description == "" || p.version.Number < 1 || p.Created.IsZero() || p.Updated.Before(p.Created) {
			t.Errorf("%s: %+v", arn, p.Entity)
		}
	}
}

func uniquePolicyID(id string) bool {
	return len(id) == 21 && strings.HasPrefix(id, "ANPA") && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

func TestBrokenFilesOfAWSsPoliciesAreNoticed(t *testing.T) {
	for what, text := range map[string]string{
		"no JSON":    `{`,
		"no version": `{"name":"x","path":"/","document":{"Version":"2012-10-17","Statement":[]}}`,
		"no policy":  `{"name":"x","path":"/","version":"v1","document":{"Statement":1}}`,
	} {
		_, err := readAWSPolicies(fstest.MapFS{"awsmanaged/x.json": {Data: []byte(text)}})
		if err == nil || !strings.HasPrefix(err.Error(), "x.json: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
