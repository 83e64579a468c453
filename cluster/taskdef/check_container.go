package taskdef

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"slipway/nodeapi"
)

// The ranges of what a container is given, in seconds where they are times. Source: Amazon ECS API
// Reference, ContainerDefinition, HealthCheck and ContainerRestartPolicy.
const (
	minStartTimeout = 2
	maxStartTimeout = 24 * 60 * 60
	maxIgnoredCodes = 50
	maxLabels       = 100
)

func (c *checker) container(s Container, i int, region string) {
	at := func(member string) string { return fmt.Sprintf("containerDefinitions[%d].%s", i, member) }
	c.refuse(s.Name == "", at("name"), "Container.name should not be null or empty.")
	c.refuse(!IsName(s.Name), at("name"), "Invalid container name %q: up to 255 letters, digits, hyphens and underscores are allowed.", s.Name)
	c.refuse(s.Image == "", at("image"), "Container.image should not be null or empty.")
	c.image(s.Image, at("image"))
	c.refuse(s.VersionConsistency == "disabled", at("versionConsistency"), "%q is not supported by Slipway; use enabled, or leave it out.", s.VersionConsistency)
	c.resources(s, at)
	c.refuse(s.WorkingDir != "" && !path.IsAbs(s.WorkingDir), at("workingDirectory"), "%q is not an absolute path.", s.WorkingDir)
	c.refuse(s.Hostname != "" && !hostnamePattern.MatchString(s.Hostname), at("hostname"), "%q is not a host name.", s.Hostname)
	c.within(s.StopTimeout, 0, maxStopTimeout, " seconds", at("stopTimeout"))
	c.within(s.StartTimeout, minStartTimeout, maxStartTimeout, " seconds", at("startTimeout"))
	c.words(s.Entrypoint, at("entryPoint"))
	c.words(s.Command, at("command"))
	c.words([]string{s.User, s.WorkingDir}, at("user or workingDirectory"))
	c.labels(s.Labels, at("dockerLabels"))
	c.values(s, at)
	c.health(s.Health, at("healthCheck"))
	c.restart(s.Restart, at("restartPolicy"))
	c.linux(s.Linux, at("linuxParameters"))
	c.ulimits(s.Ulimits, at("ulimits"))
	c.security(s, at("dockerSecurityOptions"))
	c.lookups(s, at)
	if s.Log != nil {
		c.log(*s.Log, at("logConfiguration"), region)
	}
}

// image checks where an image comes from: a registry, or an archive at a URL.
func (c *checker) image(image, path string) {
	if !nodeapi.IsLocation(image) {
		c.refuse(!imagePattern.MatchString(image), path, "%q is not the name of an image.", image)
		return
	}
	if _, err := nodeapi.ParseLocation(image); err != nil {
		c.refuse(true, path, "%v.", err) // the URL may hold a password
	}
}

func (c *checker) resources(s Container, at func(string) string) {
	c.refuse(s.CPU < 0, at("cpu"), "%d is below 0.", s.CPU)
	c.memory(s.Memory, at("memory"))
	c.memory(s.MemoryReservation, at("memoryReservation"))
	c.refuse(s.Memory != nil && s.MemoryReservation != nil && *s.MemoryReservation > *s.Memory, at("memoryReservation"), "%d is greater than 'memory', %d.", deref(s.MemoryReservation), deref(s.Memory))
}

func (c *checker) labels(labels map[string]string, path string) {
	c.refuse(len(labels) > maxLabels, path, "%d labels are more than %d.", len(labels), maxLabels)
	for name, value := range labels {
		c.refuse(name == "", path, "A label has no name.")
		c.text(name, path)
		c.text(value, path+"."+name)
	}
}

// health checks a health check. NONE is Docker's word for having none.
func (c *checker) health(h *Health, path string) {
	if h == nil {
		return
	}
	c.refuse(len(h.Command) == 0, path+".command", "Health check command must not be empty.")
	if c.err != nil {
		return
	}
	c.refuse(!slices.Contains([]string{"CMD", "CMD-SHELL", "NONE"}, h.Command[0]), path+".command[0]", "%q is not one of CMD, CMD-SHELL, NONE.", h.Command[0])
	c.refuse(h.Command[0] != "NONE" && len(h.Command) < 2, path+".command", "%s is followed by nothing to run.", h.Command[0])
	c.refuse(h.Command[0] == "NONE" && len(h.Command) > 1, path+".command", "NONE is followed by nothing.")
	c.words(h.Command, path+".command")
	c.within(&h.Interval, 5, 300, " seconds", path+".interval")
	c.within(&h.Timeout, 2, 120, " seconds", path+".timeout")
	c.within(&h.Retries, 1, 10, "", path+".retries")
	c.within(h.StartPeriod, 0, 300, " seconds", path+".startPeriod")
}

func (c *checker) restart(r *Restart, path string) {
	if r == nil {
		return
	}
	c.within(r.AttemptPeriod, 60, 1800, " seconds", path+".restartAttemptPeriod")
	c.refuse(len(r.IgnoredExitCodes) > maxIgnoredCodes, path+".ignoredExitCodes", "%d exit codes are more than %d.", len(r.IgnoredExitCodes), maxIgnoredCodes)
	for i, code := range r.IgnoredExitCodes {
		c.within(&code, 0, 255, "", fmt.Sprintf("%s.ignoredExitCodes[%d]", path, i))
	}
}

// security checks options of Docker's. Profiles of AppArmor and SELinux are not laid on containers.
func (c *checker) security(s Container, path string) {
	for i, option := range s.SecurityOptions {
		c.refuse(option != noNewPrivileges && option != noNewPrivileges+":true", fmt.Sprintf("%s[%d]", path, i), "%q is not supported by Slipway; supported is %s.", option, noNewPrivileges)
	}
}

const noNewPrivileges = "no-new-privileges"

// noNewPrivs tells whether the container's processes can gain no rights.
func (c Container) noNewPrivs() bool { return len(c.SecurityOptions) > 0 }

// lookups checks how a container finds others by name.
func (c *checker) lookups(s Container, at func(string) string) {
	for i, server := range s.DNS {
		c.refuse(!isAddress(server), at(fmt.Sprintf("dnsServers[%d]", i)), "%q is not an IP address.", server)
	}
	for i, domain := range s.DNSSearch {
		c.refuse(!domainPattern.MatchString(domain), at(fmt.Sprintf("dnsSearchDomains[%d]", i)), "%q is not a domain.", domain)
	}
	for i, host := range s.ExtraHosts {
		c.refuse(!domainPattern.MatchString(host.Name), at(fmt.Sprintf("extraHosts[%d].hostname", i)), "%q is not a host name.", host.Name)
		c.refuse(!isAddress(host.Address), at(fmt.Sprintf("extraHosts[%d].ipAddress", i)), "%q is not an IP address.", host.Address)
	}
}

// roles refuses what is read as the execution role where there is none. Source: the answers of Amazon ECS.
func (c *checker) roles(s Spec) {
	if s.ExecutionRole != "" {
		return
	}
	for i, container := range s.Containers {
		at := fmt.Sprintf("containerDefinitions[%d].", i)
		c.refuse(len(container.Secrets) > 0, at+"secrets", "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
		c.refuse(container.RegistryLogin != "", at+"repositoryCredentials", "Private repository authentication requires that the task definition specify a value for executionRoleArn.")
		c.refuse(len(container.EnvFiles) > 0, at+"environmentFiles", "When you are specifying environment files, you must also specify a value for 'executionRoleArn'.")
	}
}

// values checks what a container's environment is made of.
func (c *checker) values(s Container, at func(string) string) {
	given := map[string]bool{}
	for i, v := range s.Env {
		c.variable(v.Name, at(fmt.Sprintf("environment[%d].name", i)))
		c.refuse(strings.Contains(v.Value, "\x00"), at(fmt.Sprintf("environment[%d].value", i)), "The value holds a NUL byte.")
		given[v.Name] = true
	}
	for i, secret := range s.Secrets {
		path := at(fmt.Sprintf("secrets[%d]", i))
		c.variable(secret.Name, path+".name")
		c.refuse(given[secret.Name], path+".name", "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '%s'.", secret.Name)
		c.source(secret.From, path+".valueFrom")
		given[secret.Name] = true
	}
	c.refuse(len(s.EnvFiles) > maxEnvFiles, at("environmentFiles"), "%d files are more than %d.", len(s.EnvFiles), maxEnvFiles)
	for i, file := range s.EnvFiles {
		path := at(fmt.Sprintf("environmentFiles[%d]", i))
		c.oneOf(file.Type, path+".type", "s3")
		c.refuse(!objectPattern.MatchString(file.ARN), path+".value", "%q is not the ARN of an object, such as arn:aws:s3:::bucket/key.env.", file.ARN)
	}
	if s.RegistryLogin != "" {
		known := isSecretARN(s.RegistryLogin) || secretPattern.MatchString(s.RegistryLogin)
		c.refuse(!known, at("repositoryCredentials.credentialsParameter"), "%q is neither the ARN nor the name of a secret.", s.RegistryLogin)
	}
}

func (c *checker) variable(name, path string) {
	c.refuse(name == "" || strings.ContainsAny(name, "=\x00"), path, "%q is not the name of a variable.", name)
}
