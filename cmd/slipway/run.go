package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"

	"slipway/nodeapi"
)

// exitNotStarted is what run exits with when the container never ran, as docker run does.
const exitNotStarted = exitCode(125)

type runOptions struct {
	cluster, name, user, workdir, entrypoint, role string
	env, publish                                   []string
	strategies, constraints                        []string
	provider                                       string
	cpu, memory                                    int32
	detach                                         bool
}

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run IMAGE [CMD...]",
		Short: "Run an image as a task and watch what it prints",
		Long: `Run an image as a task, print what it prints and exit with its exit code.
It is a short way through the public API: it registers a task definition, runs a task of
it and follows its log. A name without a registry means an image in Slipway's own; a URL means an archive.
Ctrl-C stops the task.`,
		Example: `  slipway run hello
  slipway run -d -p 8080:80 web
  slipway run -e NAME=value hello /hello --loud
  slipway run --strategy spread:attribute:zone --constraint 'memberOf:attribute:disk == ssd' hello`,
		Args: cobra.MinimumNArgs(1),
	}
	var o runOptions
	data := dataFlag(cmd)
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows the image is the container's
	f.StringVar(&o.cluster, "cluster", "default", "cluster to run in")
	f.StringVar(&o.name, "name", "", "name of the container (default: the image's)")
	f.StringVarP(&o.user, "user", "u", "", "user to run as (default: the image's)")
	f.StringVarP(&o.workdir, "workdir", "w", "", "working directory (default: the image's)")
	f.StringVar(&o.entrypoint, "entrypoint", "", "program to run (default: the image's)")
	f.StringVar(&o.role, "role", "", "role that the program acts in, by name or ARN; it must trust ecs-tasks.amazonaws.com")
	f.StringArrayVarP(&o.env, "env", "e", nil, "environment variable NAME=value")
	f.StringArrayVarP(&o.publish, "publish", "p", nil, "publish a port: HOST:CONTAINER[/udp] or CONTAINER")
	f.Int32Var(&o.cpu, "cpu", 128, "cpu units to reserve, 1024 a core")
	f.Int32VarP(&o.memory, "memory", "m", 128, "memory limit in MiB")
	f.StringArrayVar(&o.strategies, "strategy", nil, "where the task goes, as TYPE[:FIELD]: random, spread:instanceId, spread:attribute:NAME, binpack:cpu, binpack:memory, roundrobin, leastloaded:cpu, together:tag:KEY, scheduler:NAME; more than one break each other's ties")
	f.StringArrayVar(&o.constraints, "constraint", nil, "what its machine must fit, as TYPE[:EXPRESSION]: 'memberOf:attribute:zone == north', distinctInstance, tagged:KEY, together:KEY")
	f.StringVar(&o.provider, "capacity-provider", "", "capacity provider on whose machines it goes")
	f.BoolVarP(&o.detach, "detach", "d", false, "print the task's id and return")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		t, err := start(cmd.Context(), c, o, args[0], args[1:])
		if err != nil {
			return err
		}
		if o.detach {
			fmt.Fprintln(cmd.OutOrStdout(), taskID(t))
			return nil
		}
		return watch(cmd, c, t)
	}
	return cmd
}

func start(ctx context.Context, c *client, o runOptions, image string, command []string) (types.Task, error) {
	def, err := definitionOf(o, image)
	if err != nil {
		return types.Task{}, err
	}
	env, err := environment(o.env)
	if err != nil {
		return types.Task{}, err
	}
	if err := c.knowRole(ctx, o.role); err != nil {
		return types.Task{}, err
	}
	container := &def.ContainerDefinitions[0]
	if container.Image, err = c.locate(ctx, image); err != nil {
		return types.Task{}, err
	}
	family, err := c.register(ctx, def)
	if err != nil {
		return types.Task{}, err
	}
	override := types.ContainerOverride{Name: container.Name, Command: command, Environment: env}
	in := &ecs.RunTaskInput{
		Cluster: &o.cluster, TaskDefinition: &family, StartedBy: aws.String("slipway run"), EnableExecuteCommand: true,
		Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{override}},
	}
	o.place(in)
	out, err := c.ecs.RunTask(ctx, in)
	if isAPIError(err, "ClusterNotFoundException") {
		return types.Task{}, withHint(fmt.Errorf("no cluster %q", o.cluster), `"aws ecs create-cluster --cluster-name %s" makes it; machines are invited for an account, and for one of its clusters or all`, o.cluster)
	}
	if err != nil {
		return types.Task{}, explain(err, c)
	}
	if len(out.Tasks) == 0 {
		return types.Task{}, unplaced(out.Failures, o.cluster, "family:"+family)
	}
	return out.Tasks[0], nil
}

var notInNames = regexp.MustCompile(`[^a-zA-Z0-9_-]+`)

// definitionOf leaves command and environment to overrides, so that one definition serves many runs.
func definitionOf(o runOptions, image string) (*ecs.RegisterTaskDefinitionInput, error) {
	base := baseOf(image)
	d := types.ContainerDefinition{
		Name:      aws.String(cmp.Or(o.name, notInNames.ReplaceAllString(base, "-"))),
		Cpu:       o.cpu,
		Memory:    &o.memory,
		Essential: aws.Bool(true),
	}
	if o.user != "" {
		d.User = &o.user
	}
	if o.workdir != "" {
		d.WorkingDirectory = &o.workdir
	}
	if o.entrypoint != "" {
		d.EntryPoint = []string{o.entrypoint}
	}
	for _, p := range o.publish {
		mapping, err := portMapping(p)
		if err != nil {
			return nil, err
		}
		d.PortMappings = append(d.PortMappings, mapping)
	}
	def := &ecs.RegisterTaskDefinitionInput{ContainerDefinitions: []types.ContainerDefinition{d}}
	if o.role != "" {
		def.TaskRoleArn = &o.role
	}
	return def, nil
}

// baseOf is the last part of an image's name, or of an archive's.
func baseOf(image string) string {
	if l, err := nodeapi.ParseLocation(image); err == nil {
		l.Digest = ""
		base, _, _ := strings.Cut(path.Base(l.Name()), ".tar")
		return base
	}
	base, _, _ := strings.Cut(path.Base(image), "@")
	base, _, _ = strings.Cut(base, ":")
	return base
}

func portMapping(text string) (types.PortMapping, error) {
	ports, protocol, _ := strings.Cut(text, "/")
	host, container, both := strings.Cut(ports, ":")
	if !both {
		host, container = "0", host // any free port
	}
	h, err1 := strconv.ParseUint(host, 10, 16)
	n, err2 := strconv.ParseUint(container, 10, 16)
	if err := errors.Join(err1, err2); err != nil || n == 0 {
		return types.PortMapping{}, fmt.Errorf("port %q is not of the form HOST:CONTAINER[/udp] or CONTAINER", text)
	}
	return types.PortMapping{
		HostPort: aws.Int32(int32(h)), ContainerPort: aws.Int32(int32(n)),
		Protocol: types.TransportProtocol(cmp.Or(protocol, "tcp")),
	}, nil
}

func environment(pairs []string) ([]types.KeyValuePair, error) {
	var env []types.KeyValuePair
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("environment variable %q is not of the form NAME=value", pair)
		}
		env = append(env, types.KeyValuePair{Name: &name, Value: &value})
	}
	return env, nil
}

// locate gives a name without a registry the address of Slipway's own, when it has such a repository.
func (c *client) locate(ctx context.Context, image string) (*string, error) {
	first, _, slash := strings.Cut(image, "/")
	if slash && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return &image, nil
	}
	name, tag := image, ""
	if i := strings.IndexAny(image, ":@"); i >= 0 {
		name, tag = image[:i], image[i:]
	}
	out, err := c.ecr.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{name}})
	if isAPIError(err, "RepositoryNotFoundException") {
		return nil, withHint(fmt.Errorf("no image %q in Slipway's registry", image),
			`"slipway push SOURCE %s" puts one there; an image elsewhere is named with its registry, as docker.io/library/%[1]s`, name)
	}
	if err != nil {
		return nil, explain(err, c)
	}
	return aws.String(aws.ToString(out.Repositories[0].RepositoryUri) + cmp.Or(tag, ":latest")), nil
}

// register names the definition by its content, so that running the same again registers nothing new.
func (c *client) register(ctx context.Context, def *ecs.RegisterTaskDefinitionInput) (family string, err error) {
	text, err := json.Marshal(def)
	if err != nil {
		return "", err
	}
	family = fmt.Sprintf("run-%s-%.4x", *def.ContainerDefinitions[0].Name, sha256.Sum256(text))
	if _, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &family}); err == nil {
		return family, nil
	}
	def.Family = &family
	_, err = c.ecs.RegisterTaskDefinition(ctx, def)
	return family, explain(err, c)
}

// watch prints what the task prints and ends as its container ended.
func watch(cmd *cobra.Command, c *client, t types.Task) error {
	p := &printer{out: cmd.OutOrStdout()}
	if isTerminal(os.Stderr) {
		p.pulling = c.showPulls(cmd.Context(), cmd.ErrOrStderr())
	}
	var err error
	if p.streams, err = c.streamsOf(cmd.Context(), t, ""); err != nil {
		return err
	}
	ended, err := p.follow(cmd.Context(), c, t)
	if cmd.Context().Err() != nil {
		return interrupted(context.WithoutCancel(cmd.Context()), c, t)
	}
	if err != nil {
		return err
	}
	code := ended.Containers[0].ExitCode
	if code == nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "slipway:", cmp.Or(aws.ToString(ended.Containers[0].Reason), aws.ToString(ended.StoppedReason)))
		return exitNotStarted
	}
	if *code != 0 {
		return exitCode(*code)
	}
	return nil
}

func interrupted(ctx context.Context, c *client, t types.Task) error {
	_, err := c.ecs.StopTask(ctx, &ecs.StopTaskInput{Cluster: t.ClusterArn, Task: t.TaskArn, Reason: aws.String("Interrupted")})
	if err != nil {
		return explain(err, c)
	}
	return exitCode(130) // 128 + SIGINT
}
