package ecs

import "slices"

// What of a task definition is honoured, as a node and its engine do it. What is on no list here is
// refused by its name. executionRoleArn is the role as which secrets, environment files and the logins
// of registries are read; images of our own registry are pulled and logs are written without it.
var honouredInDefinition = slices.Concat(
	[]string{"family", "cpu", "memory", "networkMode", "requiresCompatibilities", "runtimePlatform", "tags", "taskRoleArn", "executionRoleArn"},
	inContainers(
		"name", "image", "versionConsistency", "essential", "command", "entryPoint", "environment", "cpu", "memory", "memoryReservation",
		"user", "workingDirectory", "hostname", "stopTimeout", "logConfiguration.logDriver", "logConfiguration.options",
		"portMappings", // name and appProtocol are labels for Service Connect, which is refused itself
	),
)

// inContainers are the paths of members of a container definition.
func inContainers(members ...string) []string {
	return all(members, func(m string) string { return "containerDefinitions[]." + m })
}
