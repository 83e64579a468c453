package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/spf13/cobra"
)

type fnOptions struct {
	name, runtime, handler, role, arch, description, staleness string
	env                                                        []string
	memory, timeout                                            int32
	given                                                      func(flag string) bool
}

func fnDeployCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy SOURCE [NAME]",
		Short: "Bring code into a function",
		Long: `Bring code into a function: the first time it makes the function, and then it updates it and publishes
a version, so that "slipway fn rollback" can go back to it. SOURCE is a folder with a Go program, which
is built; a folder with a program called bootstrap, or with a Python or Node.js script; a program; or a
zip. NAME is by default that of the source.

While the new code starts, calls are answered by the code before it. If it does not start, that stays in
service, which is exit code 1; of a function that nobody has called lately the next call shows it.
Without --role a function that is new gets the role slipway-functions, which is made if it is not there
and allows nothing.`,
		Example: `  slipway fn deploy ./greet
  slipway fn deploy ./greet hello -e GREETING=hi --memory 256 --timeout 10
  slipway fn deploy function.zip thumbnails --runtime python3.11 --handler main.handler --role thumbnails`,
		Args: cobra.RangeArgs(1, 2),
	}
	var o fnOptions
	data := dataFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&o.runtime, "runtime", "", "what the code runs in (default: guessed from what is there)")
	f.StringVar(&o.handler, "handler", "", "what of the code is called (default: guessed from what is there)")
	f.StringVar(&o.role, "role", "", "role that the function acts in, by name or ARN; it must trust lambda.amazonaws.com")
	f.StringVar(&o.arch, "arch", "", "x86_64 or arm64 (default: that of the machines)")
	f.StringVar(&o.description, "description", "", "what is said of the version")
	f.StringVar(&o.staleness, "staleness", "", "how long the code before an update may answer: allow-old, max-age=SECONDS or strict")
	f.StringArrayVarP(&o.env, "env", "e", nil, "environment variable NAME=value, beside those that there are")
	f.Int32VarP(&o.memory, "memory", "m", 128, "memory in MiB; cpu is in proportion")
	f.Int32Var(&o.timeout, "timeout", 3, "seconds that a call may take")
	cmd.RegisterFlagCompletionFunc("runtime", cobra.FixedCompletions([]string{runtimeOfNode, runtimeOfPrograms, runtimeOfPython}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("staleness", cobra.FixedCompletions([]string{"allow-old", "max-age=", "strict"}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
	cmd.RegisterFlagCompletionFunc("arch", cobra.FixedCompletions([]string{"arm64", "x86_64"}, cobra.ShellCompDirectiveNoFileComp))
	o.given = f.Changed
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.name = strings.TrimSuffix(baseName(args[0]), ".zip")
		if len(args) == 2 {
			o.name = args[1]
		}
		if _, err := o.variables(nil); err != nil {
			return err
		}
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		return c.deployFunction(cmd.Context(), cmd.OutOrStdout(), args[0], o)
	}
	return cmd
}

// variables are environment variables with those that are given.
func (o fnOptions) variables(present map[string]string) (map[string]string, error) {
	all := maps.Clone(present)
	if all == nil {
		all = map[string]string{}
	}
	for _, pair := range o.env {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("environment variable %q is not of the form NAME=value", pair)
		}
		all[name] = value
	}
	return all, nil
}

func (c *client) deployFunction(ctx context.Context, out io.Writer, source string, o fnOptions) error {
	arch, err := c.archOf(ctx, o)
	if err != nil {
		return err
	}
	code, err := readCode(ctx, source, arch)
	if err != nil {
		return err
	}
	present, err := c.lambda().GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &o.name})
	first := isAPIError(err, "ResourceNotFoundException")
	if err != nil && !first {
		return explain(err, c)
	}
	if !first && present.PackageType == types.PackageTypeImage {
		return withHint(fmt.Errorf("%s is a container image, and %s is none", o.name, source),
			`push an image, and "aws lambda update-function-code --function-name %s --image-uri IMAGE"; or give another name: "slipway fn deploy %s NAME"`, o.name, source)
	}
	if !first { // it stays what it was made as
		code.runtime, code.handler = cmp.Or(string(present.Runtime), code.runtime), cmp.Or(aws.ToString(present.Handler), code.handler)
	}
	if code.runtime, code.handler = cmp.Or(o.runtime, code.runtime), cmp.Or(o.handler, code.handler); code.runtime == "" || code.handler == "" {
		return withHint(fmt.Errorf("%s holds no Go program, no program called bootstrap, and no script whose handler is found", source),
			"say how it is run, as with --runtime %s --handler main.handler", runtimeOfPython)
	}
	fmt.Fprintf(out, "%s: %s, %s, %s %s\n", o.name, cmp.Or(code.told, filepath.Base(source)), sizeText(int64(len(code.zip))), code.runtime, code.handler)
	if first {
		err = c.createFunction(ctx, out, code, arch, o)
	} else {
		err = c.updateFunction(ctx, code, arch, o, present)
	}
	if err != nil {
		return err
	}
	return c.publishFunction(ctx, out, o)
}

// archOf is the architecture that is asked for, or that of the machines, as Go calls it.
func (c *client) archOf(ctx context.Context, o fnOptions) (string, error) {
	if o.arch != "" {
		return goArch(o.arch)
	}
	out, err := c.ecs.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{})
	if err != nil || len(out.ContainerInstanceArns) == 0 {
		return usualArch(), nil // who may not see machines may have functions
	}
	machines, err := c.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{ContainerInstances: out.ContainerInstanceArns})
	if err != nil {
		return usualArch(), nil
	}
	var all []string
	for _, m := range machines.ContainerInstances {
		for _, a := range m.Attributes {
			if arch, err := goArch(aws.ToString(a.Value)); aws.ToString(a.Name) == "ecs.cpu-architecture" && err == nil {
				all = append(all, arch)
			}
		}
	}
	if len(all) == 0 || slices.Contains(all, usualArch()) {
		return usualArch(), nil
	}
	return all[0], nil
}

// stalenessTag is the tag of a function that says how long the code before an update may answer.
const stalenessTag = "slipway:staleness"

func (c *client) createFunction(ctx context.Context, out io.Writer, code fnCode, arch string, o fnOptions) error {
	role, err := c.functionRole(ctx, out, o.role)
	if err != nil {
		return err
	}
	env, err := o.variables(nil)
	if err != nil {
		return err
	}
	in := &lambda.CreateFunctionInput{
		FunctionName: &o.name, Role: &role, Code: &types.FunctionCode{ZipFile: code.zip}, Runtime: types.Runtime(code.runtime), Handler: &code.handler,
		Architectures: []types.Architecture{types.Architecture(architectures[arch])}, MemorySize: &o.memory, Timeout: &o.timeout,
		Environment: &types.Environment{Variables: env},
	}
	if o.staleness != "" {
		in.Tags = map[string]string{stalenessTag: o.staleness}
	}
	if _, err := c.lambda().CreateFunction(ctx, in); err != nil {
		return explain(err, c)
	}
	return c.followFunction(ctx, o.name)
}

func (c *client) updateFunction(ctx context.Context, code fnCode, arch string, o fnOptions, present *lambda.GetFunctionConfigurationOutput) error {
	if o.staleness != "" {
		arn := present.FunctionArn
		if _, err := c.lambda().TagResource(ctx, &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{stalenessTag: o.staleness}}); err != nil {
			return explain(err, c)
		}
	}
	if in, err := c.configurationOf(ctx, code, o, present); err != nil {
		return err
	} else if in != nil {
		if _, err := c.lambda().UpdateFunctionConfiguration(ctx, in); err != nil {
			return explain(err, c)
		}
		if err := c.followFunction(ctx, o.name); err != nil && !errors.Is(err, errNotStarted) { // the code that comes may be what it takes
			return err
		}
	}
	_, err := c.lambda().UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
		FunctionName: &o.name, ZipFile: code.zip, Architectures: []types.Architecture{types.Architecture(architectures[arch])},
	})
	if err != nil {
		return explain(err, c)
	}
	return c.followFunction(ctx, o.name)
}

// configurationOf is what of a function is to be changed beside its code; nil: nothing is.
func (c *client) configurationOf(ctx context.Context, code fnCode, o fnOptions, present *lambda.GetFunctionConfigurationOutput) (*lambda.UpdateFunctionConfigurationInput, error) {
	in := &lambda.UpdateFunctionConfigurationInput{FunctionName: &o.name}
	changed := false
	if o.given("memory") {
		in.MemorySize, changed = &o.memory, true
	}
	if o.given("timeout") {
		in.Timeout, changed = &o.timeout, true
	}
	if code.runtime != string(present.Runtime) || code.handler != aws.ToString(present.Handler) {
		in.Runtime, in.Handler, changed = types.Runtime(code.runtime), &code.handler, true
	}
	if o.given("role") {
		role, err := c.functionRole(ctx, io.Discard, o.role)
		if err != nil {
			return nil, err
		}
		in.Role, changed = &role, true
	}
	if len(o.env) > 0 {
		var variables map[string]string
		if present.Environment != nil {
			variables = present.Environment.Variables
		}
		env, err := o.variables(variables)
		if err != nil {
			return nil, err
		}
		in.Environment, changed = &types.Environment{Variables: env}, true
	}
	if !changed {
		return nil, nil
	}
	return in, nil
}

// publishFunction publishes what is in service as a version.
func (c *client) publishFunction(ctx context.Context, out io.Writer, o fnOptions) error {
	in := &lambda.PublishVersionInput{FunctionName: &o.name}
	if o.description != "" {
		in.Description = &o.description
	}
	v, err := c.lambda().PublishVersion(ctx, in)
	if err != nil {
		return explain(err, c)
	}
	f, err := c.function(ctx, o.name)
	if err == nil {
		err = c.noteServed(ctx, f.Configuration, servedOf(f.Tags).with(aws.ToString(v.Version)))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: version %s is in service\n", o.name, aws.ToString(v.Version))
	return nil
}

// errNotStarted is an update whose code, with its configuration, does not start.
var errNotStarted = errors.New("the update does not start")

// followFunction waits until a function is ready to be called, and its last update is in service. What went wrong is
// an error.
func (c *client) followFunction(ctx context.Context, name string) error {
	for {
		f, err := c.lambda().GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			return explain(err, c)
		}
		switch {
		case f.State == types.StateFailed:
			return fmt.Errorf("%s cannot be called: %s", name, aws.ToString(f.StateReason))
		case f.LastUpdateStatus == types.LastUpdateStatusFailed:
			return withHint(fmt.Errorf("%s: %w: %s", name, errNotStarted, aws.ToString(f.LastUpdateStatusReason)),
				`what was there before stays in service; "slipway fn logs %s" tells what the new one printed`, name)
		case f.State != types.StatePending && f.LastUpdateStatus != types.LastUpdateStatusInProgress:
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

const (
	functionRole = "slipway-functions"
	trustLambda  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
)

// functionRole is the ARN of the role that a function is to act in: the one that is named, or one that is there for all
// functions that need none.
func (c *client) functionRole(ctx context.Context, out io.Writer, name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	roles := iam.NewFromConfig(c.config)
	wanted := cmp.Or(name, functionRole)
	found, err := roles.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(path.Base(wanted))})
	switch {
	case err == nil:
		return aws.ToString(found.Role.Arn), nil
	case !isAPIError(err, "NoSuchEntity"):
		return "", withHint(explain(err, c), "--role takes the ARN of a role that is there")
	case name != "":
		return "", withHint(fmt.Errorf("no role %q", name), `"aws iam create-role" makes one; it must trust lambda.amazonaws.com`)
	}
	made, err := roles.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String(functionRole), AssumeRolePolicyDocument: aws.String(trustLambda), Description: aws.String("Of functions that need no rights."),
	})
	if isAPIError(err, "EntityAlreadyExists") { // somebody else has just made it
		return c.functionRole(ctx, out, name)
	}
	if err != nil {
		return "", withHint(explain(err, c), "--role takes the ARN of a role that is there")
	}
	fmt.Fprintf(out, "made the role %s, which allows nothing\n", functionRole)
	return aws.ToString(made.Role.Arn), nil
}

// versions lists the versions that were published of a function, the first first.
func (c *client) versions(ctx context.Context, name string) (all []types.FunctionConfiguration, err error) {
	pages := lambda.NewListVersionsByFunctionPaginator(c.lambda(), &lambda.ListVersionsByFunctionInput{FunctionName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isAPIError(err, "ResourceNotFoundException") {
			return nil, noFunction(name)
		}
		if err != nil {
			return nil, explain(err, c)
		}
		for _, v := range page.Versions {
			if aws.ToString(v.Version) != "$LATEST" {
				all = append(all, v)
			}
		}
	}
	return all, nil
}
