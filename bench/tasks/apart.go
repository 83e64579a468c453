package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// startApart starts a control plane and a node as processes of their own.
func startApart(ctx context.Context, p programs, data string) (*slipway, error) {
	nodes, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s, began, err := launch(p, data, "server", "--nodes", nodes)
	if err != nil {
		return nil, err
	}
	if err := s.joinApart(ctx, nodes, began); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *slipway) joinApart(ctx context.Context, nodes string, began time.Time) error {
	if err := s.poll(ctx, s.isReady); err != nil {
		return err
	}
	s.connect()
	token, err := s.background("node", "invite", "--data", s.data).Output()
	if err != nil {
		return fmt.Errorf("slipway node invite: %w", err)
	}
	agent := s.background("agent", "--data", filepath.Join(s.data, "agent"), "--join", "https://"+nodes, "--token", firstWord(token))
	said, err := os.Create(filepath.Join(s.data, "agent.log"))
	if err != nil {
		return err
	}
	defer said.Close() // the agent has its own of it
	agent.Stdout, agent.Stderr = said, said
	if err := agent.Start(); err != nil {
		return err
	}
	s.agent = agent
	return s.awaitNode(ctx, began)
}

func firstWord(text []byte) string {
	words := strings.Fields(string(text))
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// process is one that belongs to a Slipway.
type process struct {
	name string
	pid  int
}

func (s *slipway) processes() []process {
	its := process{"its containerd", s.containerd}
	if s.agent == nil {
		return []process{{"control plane and node", s.cmd.Process.Pid}, its}
	}
	return []process{{"control plane", s.cmd.Process.Pid}, {"agent", s.agent.Process.Pid}, its}
}
