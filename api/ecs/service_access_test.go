package ecs_test

import "slipway/api/awswire/wiretest"

// What calls about services are filled with, for the table of what they ask for.
func servicesNamed() wiretest.Sample {
	return wiretest.Sample{
		"serviceName": "web", "service": "web", "services": []string{"web", "db"}, "CreateService.desiredCount": 1, "role": "elb",
		"CreateService.enableExecuteCommand": true, "CreateService.propagateTags": "TASK_DEFINITION", "ListTasks.serviceName": nil,
		"UpdateService.capacityProviderStrategy": share("fast"),
		"UpdateService.networkConfiguration":     map[string]any{"awsvpcConfiguration": map[string]any{"subnets": []string{"subnet-1"}, "assignPublicIp": "ENABLED"}},
		"serviceDeploymentArns":                  []string{ours + "service-deployment/blue/web/d1", ours + "service-deployment/blue/web/d2"},
		"serviceDeploymentArn":                   ours + "service-deployment/blue/web/d1",
		"serviceRevisionArns":                    []string{ours + "service-revision/blue/web/1"},
		"protectionEnabled":                      true,
	}
}

func servicesInDefault() wiretest.Sample {
	return wiretest.Sample{"UpdateTaskProtection.cluster": "default", "GetTaskProtection.cluster": "default", "GetTaskProtection.tasks": nil, "UpdateService.taskDefinition": nil}
}

func serviceARNs(begin string) wiretest.Sample {
	return wiretest.Sample{
		"serviceName": "web", "service": begin + "service/blue/web", "services": []string{begin + "service/blue/web"}, "ListTasks.serviceName": nil,
		"serviceDeploymentArns": []string{begin + "service-deployment/blue/web/d1"}, "serviceDeploymentArn": begin + "service-deployment/blue/web/d1",
		"serviceRevisionArns": []string{begin + "service-revision/blue/web/1"}, "protectionEnabled": false,
	}
}
