package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"
)

// exitNotExecuted is what exec exits with when the command never ran, as docker exec does.
const exitNotExecuted = exitCode(126)

func execCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec TASK [--container NAME] [-it] -- CMD [ARG...]",
		Short: "Run a command in a container of a task",
		Long: `Run a command in a running container, print what it prints and exit with its exit code.
The task must have been run with --enable-execute-command, as "slipway run" does. Ctrl-C
ends the command, and so does whatever ends its container.`,
		Example: `  slipway exec -it 3f1c9a -- /bin/sh
  slipway exec 3f1c9a -c web -- ls -l /srv
  tar c . | slipway exec -i 3f1c9a -- tar x -C /srv`,
		Args: cobra.MinimumNArgs(2),
	}
	data := dataFlag(cmd)
	f := cmd.Flags()
	var o execOptions
	f.StringVarP(&o.container, "container", "c", "", "container to run it in (default: the task's only one)")
	f.BoolVarP(&o.input, "interactive", "i", false, "pass standard input on")
	f.BoolVarP(&o.terminal, "tty", "t", false, "give it a terminal")
	cmd.ValidArgsFunction = completeTasks(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		t, err := c.findTask(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return c.exec(cmd, t, o, args[1:])
	}
	return cmd
}

type execOptions struct {
	container       string
	input, terminal bool
}

// exec runs a command in a container of a task.
func (c *client) exec(cmd *cobra.Command, t types.Task, o execOptions, args []string) error {
	ctx := cmd.Context()
	if _, err := sizeOf(os.Stdin); o.terminal && err != nil {
		return withHint(errors.New("standard input is not a terminal"), "leave -t out")
	}
	in := &ecs.ExecuteCommandInput{
		Cluster: t.ClusterArn, Task: t.TaskArn, Command: aws.String(quoted(args)), Interactive: o.terminal,
	}
	if o.container != "" {
		in.Container = &o.container
	}
	out, err := c.ecs.ExecuteCommand(ctx, in)
	if err != nil {
		return explain(err, c)
	}
	talk, err := c.talk(ctx, out.Session)
	if err != nil {
		return err
	}
	defer talk.close()
	if o.terminal {
		restore, err := talk.useTerminal(ctx, os.Stdin)
		if err != nil {
			return err
		}
		defer restore()
	}
	var input io.Reader = strings.NewReader("")
	if o.input {
		input = cmd.InOrStdin()
	}
	go talk.send(ctx, input) // it may wait for what is typed for as long as the process lives
	code, err := talk.print(cmd.OutOrStdout(), cmd.ErrOrStderr())
	switch {
	case ctx.Err() != nil:
		return exitCode(130) // 128 + SIGINT
	case errors.As(err, new(notExecuted)):
		fmt.Fprintln(cmd.ErrOrStderr(), "slipway:", err)
		return exitNotExecuted
	case err != nil:
		return err
	case code != 0:
		return exitCode(code)
	}
	return nil
}

// notExecuted is why a session has no exit code.
type notExecuted string

func (n notExecuted) Error() string { return string(n) }

var plainWord = regexp.MustCompile(`^[a-zA-Z0-9_@%+=:,./-]+$`)

// quoted is a command line that a POSIX shell would split into these words.
func quoted(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		if words[i] = a; !plainWord.MatchString(a) {
			words[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// talk opens the channel of a session.
func (c *client) talk(ctx context.Context, s *types.Session) (*talk, error) {
	t, err := dialTalk(ctx, aws.ToString(s.StreamUrl), aws.ToString(s.TokenValue))
	if err != nil {
		return nil, fmt.Errorf("session %s: %w", cmp.Or(aws.ToString(s.SessionId), "?"), err)
	}
	return t, nil
}
