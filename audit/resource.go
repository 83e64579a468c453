package audit

import (
	"strings"

	"slipway/internal/arn"
)

// services is how AWS CloudFormation writes the names of services; any other is in capitals.
var services = map[string]string{
	"apigateway": "ApiGatewayV2", "cloudtrail": "CloudTrail", "cloudwatch": "CloudWatch", "codepipeline": "CodePipeline",
	"elasticloadbalancing": "ElasticLoadBalancingV2", "guardduty": "GuardDuty", "lambda": "Lambda", "logs": "Logs",
	"organizations": "Organizations", "secretsmanager": "SecretsManager", "servicediscovery": "ServiceDiscovery",
}

// kinds is how it writes the kinds of resources that are more than the words in the ARN.
var kinds = map[string]string{
	"loadbalancer": "LoadBalancer", "targetgroup": "TargetGroup", "oidc-provider": "OIDCProvider", "saml-provider": "SAMLProvider",
	"mfa": "VirtualMFADevice", "ou": "OrganizationalUnit",
}

// typeOf tells the type of a resource from its ARN: "AWS::ECS::TaskDefinition"; "" if it tells none.
func typeOf(name string) string {
	a, err := arn.Parse(name)
	if err != nil {
		return ""
	}
	service, kind := services[a.Service], kindOf(a)
	if service == "" {
		service = strings.ToUpper(a.Service)
	}
	if kind == "" {
		return ""
	}
	return "AWS::" + service + "::" + kind
}

func kindOf(a arn.ARN) string {
	end := strings.IndexAny(a.Resource, "/:")
	switch {
	case a.Service == "logs" && strings.Contains(a.Resource, ":log-stream:"):
		return "LogStream"
	case a.Service == "codepipeline":
		return "Pipeline"
	case end < 0:
		return ""
	}
	word := a.Resource[:end]
	if kind := kinds[word]; kind != "" {
		return kind
	}
	return camel(word)
}

// camel turns "task-definition" into "TaskDefinition".
func camel(words string) string {
	var b strings.Builder
	for _, word := range strings.Split(words, "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// nameOf is the part of an ARN by which people know a resource: "web" of
// "arn:aws:ecs:us-east-1:123456789012:cluster/web", "/app" of that of a log group.
func nameOf(name string) string {
	a, err := arn.Parse(name)
	if err != nil {
		return name
	}
	kind, id, found := strings.Cut(a.Resource, ":")
	if !found || strings.Contains(kind, "/") {
		_, id = a.ResourceID()
	}
	if id == "" {
		return a.Resource
	}
	return strings.TrimSuffix(id, ":*")
}
