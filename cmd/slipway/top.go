package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"
)

func topCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show machines and tasks by what they use",
		Long: `Show the machines of a cluster, with what tasks hold of what they offer and how busy they are by their own
measure, and its running tasks by what they use, the busiest first. On a terminal it is shown anew every
two seconds until Ctrl-C; elsewhere, and with -o json, once. 100 % of a task's cpu is one core.`,
		Example: "  slipway top\n  slipway top --cluster web -o json",
		Args:    cobra.NoArgs,
	}
	data := dataFlag(cmd)
	cluster := cmd.Flags().String("cluster", "default", "cluster to show")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		out, live := cmd.OutOrStdout(), false
		if f, ok := out.(*os.File); ok && *output == "table" {
			_, err := sizeOf(f)
			live = err == nil
		}
		if live {
			return c.topLive(cmd.Context(), out, *cluster)
		}
		t, err := c.top(cmd.Context(), *cluster)
		if err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(out, t)
		}
		return t.print(out, 0)
	}
	return cmd
}

// topTable is what is shown at once.
type topTable struct {
	Machines []machineRow `json:"machines"`
	Tasks    []usageRow   `json:"tasks"`
}

// machineRow is a machine: what it offers, what tasks hold of it, and how busy it is.
type machineRow struct {
	Machine    string   `json:"machine"`
	Status     string   `json:"status"`
	Connected  bool     `json:"connected"`
	CPU        int32    `json:"cpu"` // units, 1024 a core
	HeldCPU    int32    `json:"heldCpu"`
	Memory     int32    `json:"memory"` // MiB
	HeldMemory int32    `json:"heldMemory"`
	BusyCPU    *float64 `json:"busyCpuPercent,omitempty"` // of the whole machine; none: not measured
	BusyMemory *float64 `json:"busyMemoryPercent,omitempty"`
	Running    int32    `json:"runningTasks"`
	Pending    int32    `json:"pendingTasks"`
	Provider   string   `json:"capacityProvider,omitempty"`
}

const machineHeader = "MACHINE STATUS TASKS CPU HELD BUSY MEMORY HELD BUSY"

func (r machineRow) cells() []string {
	status := r.Status
	if !r.Connected {
		status += ",away"
	}
	tasks := fmt.Sprint(r.Running)
	if r.Pending > 0 {
		tasks += fmt.Sprintf("+%d", r.Pending)
	}
	return []string{
		r.Machine[:min(12, len(r.Machine))], status, tasks,
		fmt.Sprint(r.CPU), part(r.HeldCPU, r.CPU), percent(r.BusyCPU), size(int64(r.Memory) << 20), part(r.HeldMemory, r.Memory), percent(r.BusyMemory),
	}
}

func part(held, all int32) string {
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*float64(held)/float64(all))
}

func percent(p *float64) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", *p)
}

// top reads all once. What tasks use is known when they were looked at twice.
func (c *client) top(ctx context.Context, cluster string) (t topTable, err error) {
	if t.Machines, err = c.machineRows(ctx, cluster); err != nil {
		return t, err
	}
	w, err := c.watchCluster(ctx, cluster)
	if err != nil {
		return t, err
	}
	defer w.close()
	t.Tasks, err = w.whole(ctx)
	t.sort()
	return t, err
}

// topLive shows all anew every period until ctx ends. Tasks that have come since are listened to as well.
func (c *client) topLive(ctx context.Context, out io.Writer, cluster string) error {
	tick := time.NewTicker(usagePeriod)
	defer tick.Stop()
	var w *usageWatch
	defer func() {
		if w != nil {
			w.close()
		}
	}()
	known := ""
	for {
		machines, err := c.machineRows(ctx, cluster)
		if err == nil {
			w, known, err = c.rewatch(ctx, cluster, w, known)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		t := topTable{Machines: machines}
		t.Tasks, _, _, _, _ = w.rows() // a machine that has gone meanwhile tells nothing more
		t.sort()
		fmt.Fprint(out, "\x1b[H\x1b[2J")
		if err := t.print(out, rowsOf(out)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// rewatch listens to the running tasks of a cluster anew if they are others than those that are known.
func (c *client) rewatch(ctx context.Context, cluster string, w *usageWatch, known string) (*usageWatch, string, error) {
	tasks, err := c.running(ctx, cluster)
	if err != nil {
		return w, known, err
	}
	ids := make([]string, len(tasks))
	for i, t := range tasks {
		ids[i] = taskID(t)
	}
	slices.Sort(ids)
	now := strings.Join(ids, " ")
	if w != nil && now == known {
		return w, known, nil
	}
	anew, err := c.watchUsage(ctx, tasks)
	if err != nil {
		return w, known, err
	}
	if w != nil {
		w.close()
		anew.remember(w)
	}
	return anew, now, nil
}

// remember takes over what another watch has seen, so that what is shown goes on.
func (w *usageWatch) remember(before *usageWatch) {
	before.mu.Lock()
	defer before.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, pair := range before.seen {
		if w.seen[key] == nil {
			w.seen[key] = pair
		}
	}
}

func (c *client) watchCluster(ctx context.Context, cluster string) (*usageWatch, error) {
	tasks, err := c.running(ctx, cluster)
	if err != nil {
		return nil, err
	}
	return c.watchUsage(ctx, tasks)
}

func (c *client) running(ctx context.Context, cluster string) ([]types.Task, error) {
	all, err := c.tasksOf(ctx, cluster, types.DesiredStatusRunning)
	return slices.DeleteFunc(all, func(t types.Task) bool { return aws.ToString(t.LastStatus) != "RUNNING" }), explain(err, c)
}

// whole waits until all containers were looked at twice, or no more is told, or it has taken too long.
func (w *usageWatch) whole(ctx context.Context) ([]usageRow, error) {
	patient, cancel := context.WithTimeout(ctx, 5*usagePeriod)
	defer cancel()
	for {
		rows, whole, over, news, err := w.rows()
		if err != nil || whole || over || patient.Err() != nil {
			return rows, err
		}
		select {
		case <-news:
		case <-patient.Done():
		}
		if ctx.Err() != nil {
			return nil, exitCode(codeInterrupted)
		}
	}
}

func (t *topTable) sort() {
	slices.SortStableFunc(t.Machines, func(a, b machineRow) int { return cmp.Compare(busyness(b), busyness(a)) })
	slices.SortStableFunc(t.Tasks, func(a, b usageRow) int { return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(b.Memory, a.Memory)) })
	if t.Machines == nil {
		t.Machines = []machineRow{}
	}
	if t.Tasks == nil {
		t.Tasks = []usageRow{}
	}
}

func busyness(r machineRow) float64 { return aws.ToFloat64(r.BusyCPU) }

// print writes both tables, of at most so many lines; 0 is all.
func (t topTable) print(w io.Writer, lines int) error {
	table := listing("table")
	machines, tasks := t.Machines, t.Tasks
	if lines > 0 {
		machines = machines[:min(len(machines), max(lines/2, 3))]
		tasks = tasks[:max(0, min(len(tasks), lines-len(machines)-4))]
	}
	if err := printRows(w, &table, machines, machineHeader, machineRow.cells); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return printRows(w, &table, tasks, usageHeader, usageRow.cells)
}

// rowsOf is how many lines a terminal has; 0: nobody knows.
func rowsOf(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok {
		return 0
	}
	size, err := sizeOf(f)
	if err != nil {
		return 0
	}
	return int(size.Rows)
}

// machineRows reads the machines of a cluster.
func (c *client) machineRows(ctx context.Context, cluster string) (rows []machineRow, err error) {
	pages := ecs.NewListContainerInstancesPaginator(c.ecs, &ecs.ListContainerInstancesInput{Cluster: &cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain(err, c)
		}
		if len(page.ContainerInstanceArns) == 0 {
			continue
		}
		some, err := c.describeMachines(ctx, cluster, page.ContainerInstanceArns)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

func (c *client) describeMachines(ctx context.Context, cluster string, arns []string) (rows []machineRow, err error) {
	out, err := c.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{Cluster: &cluster, ContainerInstances: arns})
	if err != nil {
		return nil, explain(err, c)
	}
	ids := make([]string, len(arns))
	for i, a := range arns {
		ids[i] = lastPart(&a)
	}
	busy, err := c.machineUsage(ctx, cluster, ids)
	if err != nil {
		return nil, err
	}
	for _, i := range out.ContainerInstances {
		rows = append(rows, rowOfMachine(i, busy))
	}
	return rows, nil
}

func rowOfMachine(i types.ContainerInstance, busy map[string]machineUsage) machineRow {
	r := machineRow{
		Machine: lastPart(i.ContainerInstanceArn), Status: aws.ToString(i.Status), Connected: i.AgentConnected,
		CPU: resource(i.RegisteredResources, "CPU"), Memory: resource(i.RegisteredResources, "MEMORY"),
		Running: i.RunningTasksCount, Pending: i.PendingTasksCount, Provider: aws.ToString(i.CapacityProviderName),
	}
	r.HeldCPU, r.HeldMemory = r.CPU-resource(i.RemainingResources, "CPU"), r.Memory-resource(i.RemainingResources, "MEMORY")
	if b, measured := busy[r.Machine]; measured && r.Connected {
		r.BusyCPU, r.BusyMemory = aws.Float64(100*b.CPU), aws.Float64(100*b.Memory)
	}
	return r
}

func resource(all []types.Resource, name string) int32 {
	for _, r := range all {
		if aws.ToString(r.Name) == name {
			return r.IntegerValue
		}
	}
	return 0
}

// machineUsage is how busy a machine is, as shares of it.
type machineUsage struct {
	Machine string `json:"containerInstance"`
	CPU     float64
	Memory  float64
}

// machineUsage asks how busy machines are, by id. No SDK knows the call, for it is Slipway's own.
func (c *client) machineUsage(ctx context.Context, cluster string, ids []string) (map[string]machineUsage, error) {
	var out struct{ Machines []machineUsage }
	if err := c.call(ctx, "Slipway_20261121.DescribeMachineUsage", map[string]any{"cluster": cluster, "containerInstances": ids}, &out); err != nil {
		return nil, explain(err, c)
	}
	busy := map[string]machineUsage{}
	for _, m := range out.Machines {
		busy[m.Machine] = m
	}
	return busy, nil
}
