package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"

	"slipway/internal/datachannel"
	"slipway/nodeapi"
)

// usagePeriod is how often a node is asked to tell what is used.
const usagePeriod = 2 * time.Second

func statsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stats [TASK...]",
		Short: "Show what tasks use: cpu, memory, network and disk",
		Long: `Show what the containers of tasks use, every two seconds, until they have stopped or Ctrl-C.
Without names it shows all tasks that run. 100 % of cpu is one core; what goes by the
network is that of all containers of a task together.`,
		Example: "  slipway stats\n  slipway stats 3f1c9a --no-stream -o json",
	}
	data := dataFlag(cmd)
	output := outputFlag(cmd)
	once := cmd.Flags().Bool("no-stream", false, "print once, after the first two looks")
	cmd.ValidArgsFunction = completeTasks(data)
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		tasks, err := tasksNamed(cmd, c, args)
		if err != nil {
			return err
		}
		w, err := c.watchUsage(cmd.Context(), tasks)
		if err != nil {
			return err
		}
		defer w.close()
		if *once {
			return w.once(cmd.Context(), cmd.OutOrStdout(), output)
		}
		return w.stream(cmd.Context(), cmd.OutOrStdout(), output)
	}
	return cmd
}

// usageRow is what one container uses now.
type usageRow struct {
	Task         string  `json:"task"`
	Container    string  `json:"container"`
	CPU          float64 `json:"cpuPercent"` // of one core
	Memory       int64   `json:"memory"`     // bytes, as all below
	MemoryLimit  int64   `json:"memoryLimit,omitempty"`
	Received     int64   `json:"networkReceived"`
	Sent         int64   `json:"networkSent"`
	BlockRead    int64   `json:"blockRead"`
	BlockWritten int64   `json:"blockWritten"`
	Pids         int64   `json:"pids"`
}

func (r usageRow) cells() []string {
	limit := "-"
	if r.MemoryLimit > 0 {
		limit = size(r.MemoryLimit)
	}
	return []string{
		shortTask(r.Task), r.Container, fmt.Sprintf("%.1f%%", r.CPU), size(r.Memory), limit,
		size(r.Received), size(r.Sent), size(r.BlockRead), size(r.BlockWritten), fmt.Sprint(r.Pids),
	}
}

// size is a number of bytes for people.
func size(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%dB", n)
	}
	f, unit := float64(n)/(1<<10), 0
	for f >= 1024 && unit < 3 {
		f, unit = f/1024, unit+1
	}
	return fmt.Sprintf("%.1f%ciB", f, "KMGT"[unit])
}

// usageWatch keeps what nodes tell of containers.
type usageWatch struct {
	talks []*talk

	mu   sync.Mutex
	seen map[string]*usagePair // by task and container
	open int
	news chan struct{} // closed and made anew whenever something is told
	err  error
}

// usagePair is a container at its last two looks.
type usagePair struct {
	before, now nodeapi.ContainerUsage
	at          time.Time // here
}

// watchUsage begins to listen to the nodes of tasks.
func (c *client) watchUsage(ctx context.Context, tasks []types.Task) (*usageWatch, error) {
	byCluster := map[string][]string{}
	for _, t := range tasks {
		name := clusterName(t.ClusterArn)
		byCluster[name] = append(byCluster[name], taskID(t))
	}
	w := &usageWatch{seen: map[string]*usagePair{}, news: make(chan struct{})}
	for cluster, all := range byCluster {
		for some := range slices.Chunk(all, 100) {
			sessions, err := c.usageSessions(ctx, cluster, some)
			for _, s := range sessions {
				var t *talk
				if t, err = c.talk(ctx, &s); err != nil {
					break
				}
				w.talks = append(w.talks, t)
			}
			if err != nil {
				w.close()
				return nil, err
			}
		}
	}
	w.open = len(w.talks)
	for _, t := range w.talks {
		go w.listen(t) // until close
	}
	return w, nil
}

func (w *usageWatch) close() {
	for _, t := range w.talks {
		t.close()
	}
}

func (w *usageWatch) listen(t *talk) {
	err := t.hear(w.take)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open--
	w.err = cmp.Or(w.err, err)
	w.tell()
}

// hear passes on what a node tells, until the session ends.
func (t *talk) hear(take func(nodeapi.Usage)) error {
	for {
		m, err := t.channel.Next()
		if err != nil {
			return t.whyClosed(err)
		}
		var u nodeapi.Usage
		if m.Kind == datachannel.Bytes {
			if err := json.Unmarshal(m.Payload, &u); err != nil {
				return err
			}
			take(u)
		}
		if err := t.channel.Done(t.ctx, m); err != nil {
			return t.whyClosed(err)
		}
	}
}

func (w *usageWatch) take(u nodeapi.Usage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range u.Containers {
		key := c.Task + "/" + c.Container
		pair := &usagePair{now: c, at: time.Now()}
		if before := w.seen[key]; before != nil && before.now.CPU <= c.CPU {
			pair.before = before.now
		}
		w.seen[key] = pair
	}
	w.tell()
}

// tell is called with the lock held.
func (w *usageWatch) tell() {
	close(w.news)
	w.news = make(chan struct{})
}

// rows are the containers that still tell something, in the order of their names.
func (w *usageWatch) rows() (rows []usageRow, whole, over bool, news <-chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	whole = len(w.seen) > 0
	for key, p := range w.seen {
		if time.Since(p.at) > 4*usagePeriod {
			delete(w.seen, key)
			continue
		}
		whole = whole && !p.before.Read.IsZero()
		rows = append(rows, p.row())
	}
	slices.SortFunc(rows, func(a, b usageRow) int {
		return cmp.Or(strings.Compare(a.Task, b.Task), strings.Compare(a.Container, b.Container))
	})
	return rows, whole, w.open == 0, w.news, w.err
}

func (p usagePair) row() usageRow {
	now := p.now
	r := usageRow{
		Task: now.Task, Container: now.Container, Memory: now.Memory, MemoryLimit: now.MemoryLimit, Received: now.Received, Sent: now.Sent,
		BlockRead: now.BlockRead, BlockWritten: now.BlockWritten, Pids: now.Pids,
	}
	if passed := now.Read.Sub(p.before.Read); !p.before.Read.IsZero() && passed > 0 {
		r.CPU = 100 * float64(now.CPU-p.before.CPU) / float64(passed)
	}
	return r
}

const usageHeader = "TASK CONTAINER CPU MEMORY LIMIT RECEIVED SENT READ WRITTEN PIDS"

// once prints as soon as all containers were looked at twice.
func (w *usageWatch) once(ctx context.Context, out io.Writer, output *listing) error {
	rows, err := w.whole(ctx)
	if err != nil {
		return err
	}
	return printRows(out, output, rows, usageHeader, usageRow.cells)
}

// stream prints every period, until all sessions have ended or ctx does.
func (w *usageWatch) stream(ctx context.Context, out io.Writer, output *listing) error {
	tick := time.NewTicker(usagePeriod)
	defer tick.Stop()
	clear, shown := "", false
	if f, ok := out.(*os.File); ok && *output == "table" {
		if _, err := sizeOf(f); err == nil {
			clear = "\x1b[H\x1b[2J"
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		rows, _, over, _, err := w.rows()
		if err != nil || over {
			return err
		}
		fmt.Fprint(out, clear)
		if err := printRows(out, output, rows, usageHeader, usageRow.cells); err != nil {
			return err
		}
		if shown && len(rows) == 0 {
			return nil // all have stopped
		}
		shown = shown || len(rows) > 0
	}
}
