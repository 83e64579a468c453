package ecs

import "slices"

// What of a task definition is honoured, as a node and its engine do it. What is on no list here is
// refused by its name. executionRoleArn is the role as which secrets, environment files and the logins
// of registries are read; images of our own registry are pulled and logs are written without it.
var honouredInDefinition = slices.Concat(
	[]string{
		"family", "cpu", "memory", "networkMode", "pidMode", "ipcMode", "ephemeralStorage", "requiresCompatibilities", "runtimePlatform", "tags", "placementConstraints",
		"taskRoleArn", "executionRoleArn", "volumes[].name", "volumes[].host",
		"volumes[].dockerVolumeConfiguration.scope", "volumes[].dockerVolumeConfiguration.autoprovision", "volumes[].dockerVolumeConfiguration.driver",
	},
	inContainers(
		"name", "image", "versionConsistency", "repositoryCredentials", "essential", "command", "entryPoint", "environment", "environmentFiles", "secrets",
		"cpu", "memory", "memoryReservation", "user", "workingDirectory", "hostname",
		"dependsOn", "startTimeout", "stopTimeout", "healthCheck", "restartPolicy", "logConfiguration.logDriver", "logConfiguration.options",
		"portMappings", // name and appProtocol are labels for Service Connect, which is refused itself
		"mountPoints", "volumesFrom", "readonlyRootFilesystem", "linuxParameters", "privileged", "dockerSecurityOptions", "ulimits", "systemControls",
		"dockerLabels", "dnsServers", "dnsSearchDomains", "extraHosts", "interactive", "pseudoTerminal",
	),
)

// inContainers are the paths of members of a container definition.
func inContainers(members ...string) []string {
	return all(members, func(m string) string { return "containerDefinitions[]." + m })
}
