package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slipway/agent"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/server"
)

func agentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent [--join URL --token TOKEN]",
		Short: "Start a node, which joins a control plane",
		Long: `Start a node that runs tasks for a control plane elsewhere. It joins once, by a token that
"slipway node invite" prints there; from then on it knows who it is, and the data folder is all
that it takes. A machine that was removed joins again by a new token. It opens one line to the
control plane, over mutual TLS, and no port of its own. Whoever works on this machine can see
--token in the list of processes: a token for many machines is better off in a file.

When it is told to end, by Ctrl-C or SIGTERM, calls of functions are made on other machines from
then on, and those that run here have 30 s to finish; told again, it ends at once. Tasks go on.`,
		Example: `  sudo slipway agent --join https://192.0.2.7:4602 --token 4f3c9a...
  sudo slipway agent --join https://192.0.2.7:4602 --token-file -    the token on standard input
  sudo slipway agent                                                  once it has joined`,
		Args: cobra.NoArgs,
	}
	node := nodeFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&node.data, "data", filepath.Join(server.DefaultDataDir(), "agent"), "data folder of the node")
	var j joining
	f.StringVar(&j.url, "join", "", "where the control plane takes nodes in, as https://192.0.2.7:4602")
	f.StringVar(&j.token, "token", "", "token that admits this machine")
	f.StringVar(&j.file, "token-file", "", `file that holds it, "-" for standard input`)
	cmd.MarkFlagsMutuallyExclusive("token", "token-file")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		setLog(cmd)
		i, err := j.identity(cmd.Context(), node, cmd.InOrStdin())
		if err != nil {
			return joinHint(err)
		}
		address, _ := i.Membership()
		plane, err := url.Parse(address)
		if err != nil {
			return err
		}
		node.line = i
		go keepLean(cmd.Context()) // until the command ends
		go settle(cmd.Context())
		return together(cmd.Context(), func(ctx context.Context) error { return node.run(ctx, i.Client(), plane) }, i.Run)
	}
	return cmd
}

// joining is how a machine becomes a node.
type joining struct{ url, token, file string }

// identity is who the node is: as the folder has it, or as it becomes by joining. A token that it has not
// joined with has it join anew, as a machine must that was removed.
func (j joining) identity(ctx context.Context, n *node, stdin io.Reader) (*nodeapi.Identity, error) {
	i, err := nodeapi.OpenIdentity(n.data)
	invited := j.token != "" || j.file != ""
	switch {
	case err == nil:
		if j.url == "" {
			j.url, _ = i.Membership()
		}
		token, unread := j.read(stdin)
		if !invited || unread != nil || i.JoinedBy(token) { // a token may be thrown away once it was used
			return i, i.Move(j.url)
		}
		return j.join(ctx, token, n)
	case !errors.Is(err, nodeapi.ErrNotJoined) && !errors.Is(err, nodeapi.ErrExpired), j.url == "", !invited:
		return nil, err
	}
	token, err := j.read(stdin)
	if err != nil {
		return nil, err
	}
	return j.join(ctx, token, n)
}

func (j joining) read(stdin io.Reader) (nodeapi.Token, error) {
	if u, err := url.Parse(j.url); err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return nodeapi.Token{}, fmt.Errorf("--join %q: want where the control plane takes nodes in, as https://192.0.2.7:4602", j.url)
	}
	text := j.token
	if j.file != "" {
		all, err := readFile(j.file, stdin)
		if err != nil {
			return nodeapi.Token{}, fmt.Errorf("token: %w", err)
		}
		text = string(all)
	}
	return nodeapi.ParseToken(text)
}

// readFile reads a small file, or standard input.
func readFile(name string, stdin io.Reader) ([]byte, error) {
	const most = 64 << 10
	if name == "-" {
		return io.ReadAll(io.LimitReader(stdin, most))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// join asks until it is answered: the control plane may not be up yet.
func (j joining) join(ctx context.Context, token nodeapi.Token, n *node) (*nodeapi.Identity, error) {
	if err := n.fit(); err != nil { // before the token is used up
		return nil, err
	}
	node, err := agent.NodeID(n.data)
	if err != nil {
		return nil, err
	}
	for {
		i, err := nodeapi.Join(ctx, j.url, token, node, n.data)
		switch {
		case err == nil:
			_, given := i.Membership()
			slog.Info("joined; from now on the data folder is enough", "node", node, "account", given.Account, "cluster", cmp.Or(given.Cluster, "every"))
			return i, nil
		case errs.KindOf(err) != errs.Unavailable, errors.Is(err, http.ErrSchemeMismatch):
			return nil, err
		}
		slog.Warn("joining is tried again in 2 s", "error", err)
		select {
		case <-ctx.Done():
			return nil, errors.New("ended before this machine had joined")
		case <-time.After(2 * time.Second):
		}
	}
}

// joinHint says what to do next.
func joinHint(err error) error {
	switch {
	case errors.Is(err, nodeapi.ErrNotJoined):
		return withHint(err, `"slipway node invite" at the control plane prints a token: slipway agent --join URL --token TOKEN`)
	case errors.Is(err, http.ErrSchemeMismatch):
		return withHint(err, `the APIs may be there; nodes join where --nodes of "slipway server" says, at port 4602 unless told otherwise`)
	case errs.KindOf(err) == errs.Denied:
		return withHint(err, `"slipway node invite" at the control plane prints a new token`)
	}
	return err
}
