package ecs

import (
	"errors"
	"strings"

	"slipway/api/awswire"
	"slipway/cluster"
)

// executeCommand admits a session in a container. Where it is not interactive, which ECS refuses, the program
// gets no terminal.
func (d *door) executeCommand(c ctx, in *ExecuteCommandInput) (*ExecuteCommandOutput, error) {
	r := cluster.ExecRequest{Container: awswire.Or(in.Container, ""), Terminal: in.Interactive}
	var err error
	if r.Cluster, err = d.cluster(c, in.Cluster); err != nil {
		return nil, err
	}
	if r.Task, err = d.id(c, "task", r.Cluster, in.Task); err != nil {
		return nil, err
	}
	if r.Args, err = words(in.Command); err != nil {
		return nil, InvalidParameterException.Newf("command: %s.", err)
	}
	a, err := d.control.Exec(c, awswire.CallerOf(c).Account, r)
	if err != nil {
		return nil, err
	}
	return &ExecuteCommandOutput{
		ClusterArn:    new(cluster.ClusterARN(d.region, a.Task.Account, a.Task.Cluster)),
		TaskArn:       new(cluster.TaskARN(d.region, a.Task.Account, a.Task.Cluster, a.Task.ID)),
		ContainerArn:  new(cluster.ContainerARN(d.region, a.Task, a.Container)),
		ContainerName: &a.Container,
		Interactive:   &in.Interactive,
		Session:       &Session{SessionId: new(a.SessionID()), StreamUrl: new(a.URL()), TokenValue: &a.Token},
	}, nil
}

func (d *door) onExecuteCommand(c ctx, in *ExecuteCommandInput) []awswire.Ask {
	place, task := d.clusterARN(c, in.Cluster), d.member(c, "task", in.Cluster, in.Task)
	asks := d.on(c, place, task)
	for i := range asks {
		asks[i].Keys = map[string][]string{"ecs:cluster": {place}, "ecs:task": {task}}
		if in.Container != nil {
			asks[i].Keys["ecs:container-name"] = []string{*in.Container}
		}
	}
	return asks
}

var errQuote = errors.New("a quotation mark is not closed, or nothing follows the last backslash")

// words splits a command as a POSIX shell does, without doing anything else that a shell does.
func words(command string) (all []string, err error) {
	var word strings.Builder
	var quote rune // that is open; 0: none
	in, escaped := false, false
	for _, r := range command {
		switch {
		case escaped:
			if quote == '"' && !strings.ContainsRune("$`\"\\\n", r) {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			in, escaped = true, true
		case r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			in, quote = true, r
		case quote == 0 && strings.ContainsRune(" \t\r\n", r):
			if in {
				all, in = append(all, word.String()), false
				word.Reset()
			}
		default:
			in = true
			word.WriteRune(r)
		}
	}
	if quote != 0 || escaped {
		return nil, errQuote
	}
	if in {
		all = append(all, word.String())
	}
	return all, nil
}
