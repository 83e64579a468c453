package main

// service names what Slipway serves of one AWS service. To serve one more operation,
// add its line here, run `go generate ./api/gen`, and bind it in the door.
type service struct {
	Name        string // the model file, the folder under api/ and the signing name
	Invalid     string // code of the fault that answers a broken constraint
	Style       string // wording of that fault: an awswire.Style
	ServerFault string // code of the fault that answers what no door foresaw
	Operations  []string
}

var served = []service{
	{
		Name:        "sts",
		Invalid:     "ValidationError",
		Style:       "Coral",
		ServerFault: "InternalFailure",
		Operations: []string{
			"GetCallerIdentity",
		},
	},
	{
		Name:        "ecr",
		Invalid:     "InvalidParameterException",
		Style:       "Registry",
		ServerFault: "ServerException",
		Operations: []string{
			"BatchCheckLayerAvailability",
			"BatchDeleteImage",
			"BatchGetImage",
			"CompleteLayerUpload",
			"CreateRepository",
			"DeleteRepository",
			"DescribeImages",
			"DescribeRegistry",
			"DescribeRepositories",
			"GetAuthorizationToken",
			"GetDownloadUrlForLayer",
			"InitiateLayerUpload",
			"ListImages",
			"ListTagsForResource",
			"PutImage",
			"PutImageTagMutability",
			"TagResource",
			"UntagResource",
			"UploadLayerPart",
		},
	},
	{
		Name:        "ecs",
		Invalid:     "InvalidParameterException",
		Style:       "Coral",
		ServerFault: "ServerException",
		Operations: []string{
			"CreateCluster",
			"DeleteCluster",
			"DeregisterTaskDefinition",
			"DescribeClusters",
			"DescribeContainerInstances",
			"DescribeTaskDefinition",
			"DescribeTasks",
			"ListClusters",
			"ListContainerInstances",
			"ListTagsForResource",
			"ListTaskDefinitionFamilies",
			"ListTaskDefinitions",
			"ListTasks",
			"RegisterTaskDefinition",
			"RunTask",
			"StartTask",
			"StopTask",
			"TagResource",
			"UntagResource",
		},
	},
	{
		Name:        "logs",
		Invalid:     "InvalidParameterException",
		Style:       "Coral",
		ServerFault: "ServiceUnavailableException",
		Operations: []string{
			"CreateLogGroup",
			"CreateLogStream",
			"DeleteLogGroup",
			"DeleteLogStream",
			"DeleteRetentionPolicy",
			"DescribeLogGroups",
			"DescribeLogStreams",
			"FilterLogEvents",
			"GetLogEvents",
			"ListTagsForResource",
			"PutLogEvents",
			"PutRetentionPolicy",
			"TagResource",
			"UntagResource",
		},
	},
}
