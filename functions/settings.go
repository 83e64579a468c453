package functions

import (
	"maps"
	"slices"
	"strings"

	"slipway/internal/errs"
)

// Limits of settings. Source: Lambda Developer Guide, "Lambda quotas".
const (
	maxMemory      = 10240 // MiB
	maxTimeout     = 900   // seconds
	maxEnvironment = 4096  // bytes, as JSON
	maxName        = 64
)

// What a function has of that of which nothing is said. Source: Lambda API, CreateFunction.
const (
	defaultMemory       = 128
	defaultDisk         = 512
	defaultTimeout      = 3
	defaultArchitecture = "x86_64"
	defaultTracing      = "PassThrough"
	defaultLevel        = "INFO"
)

// fill gives a function what nothing is said of.
func (s *Settings) fill(name string) {
	or(&s.Memory, defaultMemory)
	or(&s.Disk, defaultDisk)
	or(&s.Timeout, defaultTimeout)
	or(&s.Architecture, defaultArchitecture)
	or(&s.Tracing, defaultTracing)
	or(&s.Log.Group, "/aws/lambda/"+name)
	if s.Log.JSON {
		or(&s.Log.Application, defaultLevel)
		or(&s.Log.System, defaultLevel)
	} else {
		s.Log.Application, s.Log.System = "", ""
	}
}

func or[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// check returns ErrInput or ErrForm.
func (s *Settings) check() error {
	switch {
	case s.Packaged && (s.Runtime != "" || s.Handler != "" || len(s.Layers) > 0):
		return errs.Say(ErrInput, "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.")
	case !s.Packaged && (s.Runtime == "" || s.Handler == ""):
		return errs.Say(ErrInput, "Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case !s.Packaged && !s.ImageConfig.zero():
		return errs.Say(ErrInput, "Please don't provide ImageConfig when the intended function PackageType is Zip.")
	case s.Memory > maxMemory:
		return tooGreat("memorySize", s.Memory, maxMemory)
	case s.Timeout > maxTimeout:
		return tooGreat("timeout", s.Timeout, maxTimeout)
	}
	return nil
}

func tooGreat(member string, value, most int) error {
	return errs.Say(ErrForm, "1 validation error detected: Value '%d' at '%s' failed to satisfy constraint: Member must have value less than or equal to %d", value, member, most)
}

func (i ImageConfig) zero() bool {
	return i.Entrypoint == nil && i.Command == nil && i.WorkingDir == ""
}

// reservedVariables are those that the runtime's environment has of itself. Source: Lambda Developer Guide, "Working
// with Lambda environment variables".
var reservedVariables = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
	"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

// check returns ErrInput. It names no values.
func (e Environment) check() error {
	var used []string
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if slices.Contains(reservedVariables, name) {
			used = append(used, name)
		}
		if strings.ContainsRune(e[name], 0) {
			return errs.Say(ErrInput, "The environment variable %s has a NUL character in its value.", name)
		}
	}
	if len(used) > 0 {
		return errs.Say(ErrInput, "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(used, ", "))
	}
	if len(e) > 0 && len(text(map[string]string(e))) > maxEnvironment {
		return errs.Say(ErrInput, "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.")
	}
	return nil
}
