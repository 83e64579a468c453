package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"slipway/server"
)

func upCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start everything on this machine: control plane and node",
		Long: `Start the control plane and a node in one process, with all state in a data folder.
The node serves every cluster of the account. Containers outlive this process: stop it, or
kill it, and the next "slipway up" on the same data folder finds them again. Calls of functions
that run when it is told to stop, by Ctrl-C or SIGTERM, have 30 s to finish; told again, it stops at once.`,
		Example: `  sudo slipway up
  sudo slipway up --data ./data --listen 127.0.0.1:4700 --region eu-west-1`,
		Args: cobra.NoArgs,
	}
	config := serverFlags(cmd, "")
	node := nodeFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		setLog(cmd)
		srv, err := openServer(cmd, *config)
		if err != nil {
			return err
		}
		node.data = filepath.Join(config.Data, "agent")
		// The node ends after the doors: calls of functions that are under way are answered.
		life, endNode := context.WithCancel(context.WithoutCancel(cmd.Context()))
		err = together(cmd.Context(), func(ctx context.Context) error {
			defer endNode()
			return srv.Run(ctx)
		}, func(context.Context) error { return node.run(life, srv.Node(), srv.API()) })
		endNode()
		return errors.Join(err, srv.Close())
	}
	return cmd
}

func serverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Start the control plane alone",
		Long:  `Start the control plane without a node. Nodes join it with "slipway agent".`,
		Example: `  slipway server --nodes 0.0.0.0:4602
  slipway server --listen 0.0.0.0:4600 --advertise 192.0.2.7:4600 --nodes 0.0.0.0:4602 --store postgres://slipway@db/slipway`,
		Args: cobra.NoArgs,
	}
	config := serverFlags(cmd, "127.0.0.1:4602")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		setLog(cmd)
		srv, err := openServer(cmd, *config)
		if err != nil {
			return err
		}
		return errors.Join(srv.Run(cmd.Context()), srv.Close())
	}
	return cmd
}

// serverFlags are those of what has a control plane in it. Nodes join at the given address unless told otherwise.
func serverFlags(cmd *cobra.Command, nodes string) *server.Config {
	c := server.Config{Throttle: server.DefaultThrottle, Sweeping: server.DefaultSweeping()}
	f := cmd.Flags()
	f.StringVar(&c.Data, "data", server.DefaultDataDir(), "data folder; made when it is not there")
	f.StringVar(&c.Listen, "listen", "127.0.0.1:4600", "address of the APIs")
	f.StringVar(&c.Advertise, "advertise", "", "address by which clients and nodes reach the APIs (default: --listen)")
	f.StringVar(&c.Nodes, "nodes", nodes, `address where other machines join as nodes, over mutual TLS; "": none do`)
	f.StringVar(&c.Peers, "peers", "", "address where other servers over the same PostgreSQL reach this one, over mutual TLS (default: a port on loopback)")
	f.StringVar(&c.PeersAdvertise, "peers-advertise", "", "address by which they do, where it is another (default: --peers)")
	f.StringVar(&c.Ingress, "ingress", "127.0.0.1", "IP address that listeners of load balancers bind to; 0.0.0.0 for all of this machine's")
	f.StringVar(&c.Admin, "admin", "", `address of metrics and profiles, or "off" (default: loopback, the port after the APIs')`)
	f.StringVar(&c.Region, "region", "us-east-1", "region that signatures must name")
	f.StringVar(&c.AccountID, "account-id", "", "twelve digits of the root account (default: chosen at the first start)")
	f.StringVar(&c.Store, "store", "", "postgres://USER@HOST/DATABASE, its password in PGPASSWORD (default: SQLite in the data folder)")
	f.StringVar(&c.Blobs, "blobs", "", "s3://BUCKET/PREFIX?endpoint=URL&region=R where layers are kept, its credentials where AWS's tools look for them (default: the data folder)")
	f.DurationVar(&c.KeepClosed, "keep-closed", 90*24*time.Hour, "how long what a closed account has is kept")
	f.StringVar(&c.Sweeping.At, "sweep-at", c.Sweeping.At, `time of day, in UTC, at which what nobody needs is taken out of the registry, or "off"`)
	f.DurationVar(&c.Sweeping.Untagged, "keep-untagged", c.Sweeping.Untagged, "how long an image that has no tag, and that nobody pulls, is kept; less than 0: for ever")
	f.Var(&c.Throttle, "throttle", `how many times the calls that AWS allows an account each account may make, or "off"`)
	f.IntVar(&c.FunctionConcurrency, "function-concurrency", server.DefaultFunctionConcurrency, "how many calls at a time the functions of an account may be in")
	f.BoolVar(&c.FunctionCPULimit, "function-cpu-limit", false, "bind functions to the cpu that goes with their memory, on idle machines too (default: that is their share beside others)")
	f.StringVar(&c.FunctionDomain, "function-domain", "", "domain under which the URLs of functions are, with :PORT if it is not 80 (default: localhost, at the port of the APIs)")
	f.String("master-key-command", "", "command that prints the key that secrets are sealed under (default: master.key in the data folder)")
	f.String("log-level", "info", "debug, info, warn or error")
	return &c
}

// setLog makes the log what --log-level says.
func setLog(cmd *cobra.Command) {
	var level slog.Level
	name, err := cmd.Flags().GetString("log-level")
	if err == nil {
		err = level.UnmarshalText([]byte(name))
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level})))
	if err != nil {
		slog.Warn("the log level is not understood; info it is", "level", name)
	}
}

func openServer(cmd *cobra.Command, config server.Config) (*server.Server, error) {
	command, err := cmd.Flags().GetString("master-key-command")
	if err != nil {
		return nil, err
	}
	if config.MasterKey, err = server.MasterKey(command); err != nil {
		return nil, err
	}
	go keepBusy(cmd.Context()) // until the command ends
	go settle(cmd.Context())
	srv, err := server.Open(cmd.Context(), config)
	switch {
	case errors.Is(err, server.ErrDataInUse):
		return nil, withHint(err, "stop the other one, or give this one a folder of its own with --data DIR")
	case errors.Is(err, os.ErrPermission):
		return nil, withHint(err, "run it as root, or give it a folder of your own with --data DIR")
	case errors.Is(err, syscall.EADDRINUSE) && strings.HasPrefix(err.Error(), "admin "):
		return nil, withHint(err, "choose another address with --admin HOST:PORT")
	case errors.Is(err, syscall.EADDRINUSE) && strings.HasPrefix(err.Error(), "listener of nodes"):
		return nil, withHint(err, `choose another address with --nodes HOST:PORT, or none with --nodes ""`)
	case errors.Is(err, syscall.EADDRINUSE) && strings.HasPrefix(err.Error(), "listener of servers"):
		return nil, withHint(err, "choose another address with --peers HOST:PORT")
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, withHint(err, "choose another address with --listen HOST:PORT")
	}
	return srv, err
}

// together runs all until ctx ends or one of them does, and returns when all have returned.
func together(ctx context.Context, all ...func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make([]error, len(all))
	var running sync.WaitGroup
	for i, run := range all {
		running.Go(func() {
			failed[i] = run(ctx)
			stop()
		})
	}
	running.Wait()
	return errors.Join(failed...)
}
