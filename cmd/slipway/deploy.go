package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"
)

type deployOptions struct {
	cluster, service, image, definition, container, role string
	env, publish, command, targets                       []string
	count, cpu, memory, minimum, maximum                 int32
	rollback, detach                                     bool
	timeout                                              time.Duration
	given                                                func(flag string) bool
}

func deployCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy SERVICE [IMAGE [CMD...]]",
		Short: "Bring an image or a task definition into a service, and watch the rollout",
		Long: `Bring an image, or with --definition a task definition, into a service: the first time it makes
the service, and then a new revision of its definition, which differs by the image and by what the
options say. New tasks take the place of the old ones within the healthy percentages, and if they
fail again and again the service goes back to what it ran before.
The progress is told until the service is steady or the rollout has failed, which is exit code 1.
Ctrl-C leaves the rollout going; with --rollback-on-interrupt it takes it back. When --timeout is over it
ends like that too, with exit code 1.`,
		Example: `  slipway deploy web hello:v2
  slipway deploy web hello -p 80 --count 3
  slipway deploy web hello -p 80 --target-group arn:aws:elasticloadbalancing:...:targetgroup/web/73e2d6bc24d8a067
  slipway deploy web hello -- /hello --loud
  slipway deploy web --definition web:7 --rollback-on-interrupt`,
		Args: cobra.MinimumNArgs(1),
	}
	var o deployOptions
	data := dataFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&o.cluster, "cluster", "default", "cluster of the service")
	f.StringVar(&o.definition, "definition", "", "task definition to run, as web or web:7, in place of an image")
	f.StringVar(&o.container, "container", "", "container that gets the image, if there are several")
	f.Int32Var(&o.count, "count", 1, "how many tasks (default: as many as now, 1 the first time)")
	f.StringArrayVarP(&o.publish, "port", "p", nil, "publish a port: HOST:CONTAINER[/udp], or CONTAINER for any free one")
	f.StringArrayVarP(&o.env, "env", "e", nil, "environment variable NAME=value")
	f.StringVar(&o.role, "role", "", "role that the program acts in, by name or ARN")
	f.Int32Var(&o.cpu, "cpu", 128, "cpu units to reserve, 1024 a core")
	f.Int32VarP(&o.memory, "memory", "m", 128, "memory limit in MiB")
	f.Int32Var(&o.minimum, "min-healthy", 100, "percent of the tasks that stay healthy through rollouts")
	f.Int32Var(&o.maximum, "max", 200, "percent of the tasks that are there at most through rollouts")
	f.StringArrayVar(&o.targets, "target-group", nil, "ARN of a target group that the tasks are put into, with =PORT of the container if it has several ports")
	f.BoolVar(&o.rollback, "rollback-on-interrupt", false, "Ctrl-C takes the rollout back")
	f.DurationVar(&o.timeout, "timeout", 0, "how long to wait for the service to be steady, as 90s or 5m (default: as long as it takes)")
	f.BoolVarP(&o.detach, "detach", "d", false, "return when the rollout has begun")
	f.Lookup("count").DefValue, f.Lookup("min-healthy").DefValue, f.Lookup("max").DefValue = "0", "0", "0" // the service's own
	cmd.MarkFlagsMutuallyExclusive("detach", "rollback-on-interrupt")
	cmd.MarkFlagsMutuallyExclusive("detach", "timeout")
	cmd.ValidArgsFunction = completeDeploy(data)
	o.given = f.Changed
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.service = args[0]
		if len(args) > 1 {
			o.image, o.command = args[1], args[2:]
		}
		if err := o.check(); err != nil {
			return err
		}
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		return deploy(cmd.Context(), cmd.OutOrStdout(), c, o)
	}
	return cmd
}

// check finds what is wrong with the options before anything is asked.
func (o deployOptions) check() error {
	if (o.image == "") == (o.definition == "") {
		return withHint(fmt.Errorf("name an image, or give --definition"), `"slipway deploy --help" shows how it is used`)
	}
	if o.timeout < 0 {
		return fmt.Errorf("--timeout %s is in the past", o.timeout)
	}
	if o.definition != "" {
		for _, flag := range []string{"container", "port", "env", "role", "cpu", "memory"} {
			if o.given(flag) {
				return withHint(fmt.Errorf("--%s is for an image: a definition says that itself", flag), `"slipway deploy --help" shows how it is used`)
			}
		}
	}
	return nil
}

// deploy makes the service or changes it, and follows what comes of it.
func deploy(ctx context.Context, out io.Writer, c *client, o deployOptions) error {
	present, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &o.cluster, Services: []string{o.service}})
	if isAPIError(err, "ClusterNotFoundException") {
		return noCluster(o.cluster)
	}
	if err != nil {
		return explain(err, c)
	}
	i := slices.IndexFunc(present.Services, func(s types.Service) bool { return aws.ToString(s.Status) == "ACTIVE" })
	var s types.Service
	if i < 0 {
		s, err = c.createService(ctx, o)
	} else {
		s, err = c.updateService(ctx, o, present.Services[i])
	}
	if err != nil {
		return err
	}
	r := newRollout(c, s, out)
	r.first, r.rollback = i < 0, o.rollback
	fmt.Fprintf(out, "%s: deploying %s\n", o.service, lastPart(s.TaskDefinition))
	if o.detach {
		return nil
	}
	if o.timeout == 0 {
		return r.follow(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("%s is not steady after %s", o.service, o.timeout))
	defer cancel()
	return r.follow(ctx)
}

func (c *client) createService(ctx context.Context, o deployOptions) (types.Service, error) {
	definition := o.definition
	if definition == "" {
		def, err := o.newDefinition()
		if err != nil {
			return types.Service{}, err
		}
		if definition, err = c.registerImage(ctx, o, def, 0); err != nil {
			return types.Service{}, err
		}
	}
	configuration := &types.DeploymentConfiguration{
		DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
		MinimumHealthyPercent:    &o.minimum, MaximumPercent: &o.maximum,
	}
	balancers, err := c.balancers(ctx, o, definition)
	if err != nil {
		return types.Service{}, err
	}
	out, err := c.ecs.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: &o.cluster, ServiceName: &o.service, TaskDefinition: &definition, DesiredCount: &o.count,
		DeploymentConfiguration: configuration, EnableExecuteCommand: true, LoadBalancers: balancers,
	})
	if err != nil {
		return types.Service{}, explain(err, c)
	}
	return *out.Service, nil
}

// updateService leaves what no option speaks of as it is.
func (c *client) updateService(ctx context.Context, o deployOptions, s types.Service) (types.Service, error) {
	definition := o.definition
	if definition == "" {
		var err error
		if definition, err = c.revise(ctx, o, aws.ToString(s.TaskDefinition)); err != nil {
			return types.Service{}, err
		}
	}
	balancers, err := c.balancers(ctx, o, definition)
	if err != nil {
		return types.Service{}, err
	}
	in := &ecs.UpdateServiceInput{Cluster: &o.cluster, Service: &o.service, TaskDefinition: &definition, ForceNewDeployment: true, LoadBalancers: balancers}
	if o.given("count") {
		in.DesiredCount = &o.count
	}
	if o.given("min-healthy") || o.given("max") {
		in.DeploymentConfiguration = o.percentages(s.DeploymentConfiguration)
	}
	out, err := c.ecs.UpdateService(ctx, in)
	if err != nil {
		return types.Service{}, explain(err, c)
	}
	return *out.Service, nil
}

func (o deployOptions) percentages(now *types.DeploymentConfiguration) *types.DeploymentConfiguration {
	var d types.DeploymentConfiguration
	if now != nil {
		d = *now
	}
	if o.given("min-healthy") {
		d.MinimumHealthyPercent = &o.minimum
	}
	if o.given("max") {
		d.MaximumPercent = &o.maximum
	}
	return &d
}

// newDefinition is the definition of a service that is made of an image.
func (o deployOptions) newDefinition() (*ecs.RegisterTaskDefinitionInput, error) {
	def, err := definitionOf(runOptions{name: cmp.Or(o.container, notInNames.ReplaceAllString(o.service, "-")), role: o.role, publish: o.publish, cpu: o.cpu, memory: o.memory}, o.image)
	if err != nil {
		return nil, err
	}
	def.Family, def.ContainerDefinitions[0].Command = &o.service, o.command
	def.ContainerDefinitions[0].Environment, err = environment(o.env)
	return def, err
}

// revise registers the definition anew, with the image and what else the options say.
func (c *client) revise(ctx context.Context, o deployOptions, now string) (string, error) {
	out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &now, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}})
	if err != nil {
		return "", explain(err, c)
	}
	def := registrationOf(out.TaskDefinition, out.Tags)
	i, err := o.containerOf(def.ContainerDefinitions)
	if err == nil {
		err = o.change(def, i)
	}
	if err != nil {
		return "", err
	}
	return c.registerImage(ctx, o, def, i)
}

// registerImage puts the image into the i-th container and registers the definition: "web:3".
func (c *client) registerImage(ctx context.Context, o deployOptions, def *ecs.RegisterTaskDefinitionInput, i int) (string, error) {
	var err error
	if def.ContainerDefinitions[i].Image, err = c.locate(ctx, o.image); err != nil {
		return "", err
	}
	out, err := c.ecs.RegisterTaskDefinition(ctx, def)
	if err != nil {
		return "", explain(err, c)
	}
	return fmt.Sprintf("%s:%d", *out.TaskDefinition.Family, out.TaskDefinition.Revision), nil
}

// containerOf finds the container that gets the image: the one that is named, or the only one.
func (o deployOptions) containerOf(all []types.ContainerDefinition) (int, error) {
	var names []string
	for i, c := range all {
		if aws.ToString(c.Name) == o.container || o.container == "" && len(all) == 1 {
			return i, nil
		}
		names = append(names, aws.ToString(c.Name))
	}
	if o.container == "" {
		return 0, withHint(fmt.Errorf("the tasks of %s have %d containers", o.service, len(all)), "say with --container which of %q gets the image", names)
	}
	return 0, withHint(fmt.Errorf("the tasks of %s have no container %q", o.service, o.container), "there are %q", names)
}

// change makes a definition what the options say that are given.
func (o deployOptions) change(def *ecs.RegisterTaskDefinitionInput, i int) error {
	d := &def.ContainerDefinitions[i]
	env, err := environment(o.env)
	if err != nil {
		return err
	}
	d.Environment = merged(d.Environment, env)
	if len(o.command) > 0 {
		d.Command = o.command
	}
	if o.given("cpu") {
		d.Cpu = o.cpu
	}
	if o.given("memory") {
		d.Memory = &o.memory
	}
	if o.given("role") {
		def.TaskRoleArn = &o.role
	}
	if o.given("port") {
		d.PortMappings = nil
		for _, p := range o.publish {
			mapping, err := portMapping(p)
			if err != nil {
				return err
			}
			d.PortMappings = append(d.PortMappings, mapping)
		}
	}
	return nil
}

// merged is the environment with changes.
func merged(now, changes []types.KeyValuePair) []types.KeyValuePair {
	var all []types.KeyValuePair
	for _, v := range now {
		if !slices.ContainsFunc(changes, func(c types.KeyValuePair) bool { return aws.ToString(c.Name) == aws.ToString(v.Name) }) {
			all = append(all, v)
		}
	}
	return append(all, changes...)
}

// registrationOf is what one would register to get the same definition.
func registrationOf(d *types.TaskDefinition, tags []types.Tag) *ecs.RegisterTaskDefinitionInput {
	return &ecs.RegisterTaskDefinitionInput{
		Family: d.Family, ContainerDefinitions: d.ContainerDefinitions, Cpu: d.Cpu, Memory: d.Memory, Tags: tags,
		NetworkMode: d.NetworkMode, PidMode: d.PidMode, IpcMode: d.IpcMode, EphemeralStorage: d.EphemeralStorage, EnableFaultInjection: d.EnableFaultInjection,
		RequiresCompatibilities: d.RequiresCompatibilities, RuntimePlatform: d.RuntimePlatform, PlacementConstraints: d.PlacementConstraints,
		TaskRoleArn: d.TaskRoleArn, ExecutionRoleArn: d.ExecutionRoleArn, Volumes: d.Volumes, ProxyConfiguration: d.ProxyConfiguration,
	}
}

// completeDeploy offers services and leaves images to the user.
func completeDeploy(data *string) cobra.CompletionFunc {
	services := completeServices(data)
	return func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return services(cmd, args, start)
	}
}
