package functions

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/functions/fleet"
	"slipway/internal/ids"
	"slipway/nodeapi"
)

// credentialLife is for how long the credentials of a sandbox are good: longer than a sandbox lives.
const credentialLife = 5 * time.Hour

// release is a version as the fleet is told of it. It returns ErrRuntime.
func (c *Control) release(ctx context.Context, f *function, v Version) (*fleet.Release, error) {
	s := v.Settings
	arn := c.ARN(f.ref())
	r := &fleet.Release{
		ID: v.Release, Account: f.account, Function: arn, Name: f.name, Version: v.Qualifier(), Packaged: s.Packaged,
		Memory: s.Memory, Disk: s.Disk, Timeout: time.Duration(s.Timeout) * time.Second,
		Assignment: nodeapi.Assignment{
			Function: arn, Name: f.name, Version: v.Qualifier(), Handler: s.Handler, Memory: s.Memory,
			Timeout: time.Duration(s.Timeout) * time.Second, Role: true, JSONLog: s.Log.JSON,
			Entrypoint: s.ImageConfig.Entrypoint, Command: s.ImageConfig.Command, WorkingDir: s.ImageConfig.WorkingDir,
			Log: nodeapi.Log{Group: s.Log.Group, CreateGroup: true},
		},
	}
	if v.Code != "" {
		r.Assignment.Code = append(r.Assignment.Code, nodeapi.Code{Digest: v.Code, Size: v.Size})
	}
	for _, l := range s.Layers {
		r.Assignment.Code = append(r.Assignment.Code, nodeapi.Code{Digest: l.Code, Size: l.Size, Layer: true})
	}
	r.Env = func(ctx context.Context) ([]string, error) { return c.environmentOf(ctx, v) }
	var err error
	r.Runtime, err = c.imageOf(ctx, v)
	return r, err
}

// imageOf is the image of a version's sandboxes.
func (c *Control) imageOf(ctx context.Context, v Version) (fleet.Image, error) {
	if !v.Settings.Packaged {
		return c.config.Images.Runtime(ctx, v.Account, v.Settings.Runtime, v.Settings.Architecture)
	}
	var i fleet.Image
	i.Name, i.Digest, _ = strings.Cut(v.Image, "@")
	bare := i
	i.Login = func(ctx context.Context) (*nodeapi.Login, error) { return c.config.Images.Login(ctx, v.Account, bare) }
	return i, nil
}

// environmentOf is all that the runtime of a version is given, with credentials that are fresh. Of a variable that is
// there twice the later counts. Source: Lambda Developer Guide, "Working with Lambda environment variables".
func (c *Control) environmentOf(ctx context.Context, v Version) ([]string, error) {
	given, err := c.openEnvironment(ctx, v.environment, v.sealed)
	if err != nil {
		return nil, err
	}
	who, err := c.config.Roles.Issue(ctx, v.Account, v.Settings.Role, v.Name+"-"+ids.Hex(8), credentialLife)
	if err != nil {
		return nil, err
	}
	var env []string
	if !v.Settings.Packaged { // an image has its own
		env = append(env,
			"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin",
			"LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
			"LANG=en_US.UTF-8", "TZ=:UTC", "_HANDLER="+v.Settings.Handler)
		if !strings.HasPrefix(v.Settings.Runtime, "provided") {
			env = append(env, "AWS_EXECUTION_ENV=AWS_Lambda_"+v.Settings.Runtime)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		env = append(env, name+"="+given[name])
	}
	return append(env,
		"LAMBDA_TASK_ROOT=/var/task", "LAMBDA_RUNTIME_DIR=/var/runtime",
		"AWS_REGION="+c.config.Region, "AWS_DEFAULT_REGION="+c.config.Region,
		"AWS_LAMBDA_FUNCTION_NAME="+v.Name, "AWS_LAMBDA_FUNCTION_VERSION="+v.Qualifier(),
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(v.Settings.Memory), "AWS_LAMBDA_LOG_GROUP_NAME="+v.Settings.Log.Group,
		"AWS_ACCESS_KEY_ID="+who.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+who.SecretAccessKey, "AWS_SESSION_TOKEN="+who.SessionToken,
	), nil
}
