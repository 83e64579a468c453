// Command slipway is a container cloud for one's own machines: the control plane, the
// node agent and the short everyday commands in one binary.
//
// Each subcommand has a file of its own. The commands that start something drive
// package server or agent; all others speak the public AWS APIs, as any client does.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

// run is main as the tests call it: it returns the exit code.
func run() int {
	ctx := untilSignal()
	return codeOf(ctx, rootCommand().ExecuteContext(ctx))
}

// codeInterrupted is the exit code, as of shells, of what the user has ended before it was done.
const codeInterrupted = 130

// codeOf says what went wrong, if anything did, and makes an exit code of it.
func codeOf(ctx context.Context, err error) int {
	var exit exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return codeInterrupted
	}
	fmt.Fprintln(os.Stderr, "slipway:", err)
	if hint := hintOf(err); hint != "" {
		fmt.Fprintln(os.Stderr, "hint:", hint)
	}
	return 1
}

// untilSignal ends with the first signal that asks us to end. A second one ends the process at once.
func untilSignal() context.Context {
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // lives as long as the process
		<-signals
		signal.Stop(signals)
		end()
	}()
	return ctx
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "slipway",
		Short: "A container cloud for your own machines that speaks the AWS APIs",
		Long: `Slipway is an image registry, a container service, functions, load balancers, buckets and
a log store in one binary. It speaks the wire APIs of ECR, ECS, Lambda, S3, Elastic Load
Balancing, CloudWatch Logs, IAM and STS and the OCI Distribution protocol, so aws, the AWS
SDKs, Terraform, docker, skopeo and containerd work against it unchanged.`,
		Example: `  sudo slipway up                     start everything on this machine
  eval "$(sudo slipway env)"          point aws and this command at it
  slipway push ./hello                make an image of a folder and push it
  slipway run hello                   run it and watch what it prints`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddGroup(
		&cobra.Group{ID: "start", Title: "Start Slipway:"},
		&cobra.Group{ID: "use", Title: "Use it:"},
	)
	for _, c := range []*cobra.Command{upCommand(), serverCommand(), agentCommand(), nodeCommand(), doctorCommand(), keysCommand(), registryCommand()} {
		c.GroupID = "start"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{envCommand(), pushCommand(), runCommand(), deployCommand(), servicesCommand(), scaleCommand(), rollbackCommand(), fnCommand(), invokeCommand(), rebalanceCommand(), schedulerCommand(), prefetchCommand(), psCommand(), whyCommand(), topCommand(), execCommand(), statsCommand(), logsCommand(), stopCommand(), eventsCommand(), accountCommand(), auditCommand()} {
		c.GroupID = "use"
		root.AddCommand(c)
	}
	root.AddCommand(versionCommand())
	for _, c := range root.Commands() {
		hintUsage(c)
	}
	return root
}

// hintUsage has a command that is called wrongly say where to read how it is called, also one that only has
// others below it.
func hintUsage(cmd *cobra.Command) {
	if !cmd.Runnable() {
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	hinted := func(err error) error {
		if err == nil {
			return nil
		}
		return withHint(err, `"%s --help" shows how it is used`, cmd.CommandPath())
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return hinted(err) })
	args := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		return hinted(nameArguments(cmd, args(cmd, given)))
	}
	for _, c := range cmd.Commands() {
		hintUsage(c)
	}
}

// nameArguments adds what a command takes to an error that only says how many.
func nameArguments(cmd *cobra.Command, err error) error {
	if err == nil || !strings.Contains(err.Error(), " arg(s)") {
		return err
	}
	_, takes, _ := strings.Cut(cmd.Use, " ")
	return fmt.Errorf("%s takes %s: %w", strings.TrimPrefix(cmd.CommandPath(), "slipway "), takes, err)
}

// exitCode ends the program with a code and says nothing more.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// hinted is an error with a word on what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func withHint(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

func hintOf(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}
