package containerd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"slipway/engine"
	"slipway/internal/lazyregexp"
)

// network keeps what tasks have of the machine beside containers. All of a task's is in one folder,
// which exists from before the first piece is made until the last is gone:
//
//	<tasks>/<task>/ns            the network namespace, mounted
//	<tasks>/<task>/network.json  ports and address, written before and after it is plugged in
//	<tasks>/<task>/group.json    what else its containers share, written before it is made
//	<tasks>/<task>/ipc, shm      the namespace and the folder by which they talk, mounted
type network struct {
	tasks   string // folder
	cni     cni
	rules   rules
	cgroups cgroups
	locks   keyedLock // by task

	mu   sync.Mutex
	held map[string][]engine.Port // host ports, by task

	spare   string        // name of the folder that a task may have; "": none
	started chan struct{} // a start is over
}

// attachment is what network.json holds.
type attachment struct {
	ID      string // by which the plugins know it: the task's own, or that of the spare it was
	Spare   bool   // plugged in, but no task has asked for it
	Plain   bool   // there is nothing to plug in: it is in the machine's network, or in none
	Address string // "" until all is plugged in
	Ports   []engine.Port
}

func newNetwork(o Options, run, tasks string, c cgroups) (*network, error) {
	subnet, err := netip.ParsePrefix(o.Subnet)
	if err != nil || !subnet.Addr().Is4() {
		return nil, fmt.Errorf("subnet %q is not an IPv4 prefix such as 10.87.0.0/16", o.Subnet)
	}
	n := &network{
		tasks:   tasks,
		cni:     newCNI(o, subnet, run),
		rules:   newRules(o.Bridge, subnet.Masked().String(), heldPart(subnet).String()),
		cgroups: c,
		held:    map[string][]engine.Port{},
		started: make(chan struct{}, 1),
	}
	ids, err := n.list()
	for _, id := range ids {
		a, _ := n.read(id)
		n.held[id] = a.Ports
	}
	return n, err
}

// list names the tasks that have something here.
func (n *network) list() ([]string, error) {
	entries, err := os.ReadDir(n.tasks)
	var ids []string
	for _, entry := range entries {
		if !isSpare(entry.Name()) {
			ids = append(ids, entry.Name())
		}
	}
	return ids, err
}

func (n *network) namespace(task string) string { return filepath.Join(n.tasks, task, "ns") }
func (n *network) file(task string) string      { return filepath.Join(n.tasks, task, "network.json") }

// read gives the zero attachment where there is none.
func (n *network) read(task string) (attachment, error) {
	var a attachment
	data, err := os.ReadFile(n.file(task))
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	} else if err != nil {
		return a, err
	}
	return a, json.Unmarshal(data, &a)
}

func (n *network) write(task string, a attachment) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return replaceFile(n.file(task), data, 0o600)
}

var taskName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

func checkTask(task string) error {
	if !taskName.MatchString(task) {
		return fmt.Errorf("%w: task %q is not a name of up to 64 letters, digits, - and _", engine.ErrCreate, task)
	}
	return nil
}

// Attach runs the CNI plugins for the task, once.
func (e *Engine) Attach(ctx context.Context, task string, ports []engine.Port) (engine.Network, error) {
	if err := checkTask(task); err != nil {
		return engine.Network{}, err
	}
	defer e.network.locks.lock(task)()
	g, err := e.network.group(task)
	if err != nil {
		return engine.Network{}, err
	}
	namespace, err := e.network.prepare(task, engine.Group{Network: g.Network})
	if err != nil {
		return engine.Network{}, err
	}
	attach := e.network.attach
	switch g.Network {
	case engine.NoNetwork:
		return engine.Network{Namespace: namespace, Ports: ports}, nil
	case engine.HostNet:
		attach = e.network.note
	}
	a, err := attach(ctx, task, ports)
	if err != nil {
		return engine.Network{}, fmt.Errorf("attach task %s: %w", task, err)
	}
	return engine.Network{Namespace: namespace, Address: a.Address, Ports: a.Ports}, nil
}

func (n *network) attach(ctx context.Context, task string, ports []engine.Port) (attachment, error) {
	former, err := n.read(task)
	if err != nil || former.Address != "" && !former.Spare {
		return former, err
	}
	if former.Address == "" || len(udpOf(ports)) > 0 { // cut off, or plugged in without portmap
		if err := n.unplug(ctx, task); err != nil {
			return attachment{}, err
		}
		former = attachment{ID: task}
	}
	a, err := n.reserve(task, attachment{ID: former.ID}, ports)
	if err != nil {
		return attachment{}, err
	}
	if err := n.rules.ensure(ctx); err != nil {
		return attachment{}, err
	}
	a.Address = former.Address
	if err := n.plug(ctx, task, &a); err != nil {
		return attachment{}, errors.Join(err, n.unplug(context.WithoutCancel(ctx), task))
	}
	return a, n.write(task, a)
}

// note writes down the ports of a task in the machine's network, where they are nobody else's.
func (n *network) note(_ context.Context, task string, ports []engine.Port) (attachment, error) {
	former, err := n.read(task)
	if err != nil || former.Plain {
		return former, err
	}
	asked := slices.Clone(ports)
	for i, p := range asked {
		asked[i].Host = cmp.Or(p.Host, p.Container)
	}
	return n.reserve(task, attachment{ID: task, Plain: true}, asked)
}

// plug joins the bridge, unless that is done, and publishes the ports.
func (n *network) plug(ctx context.Context, task string, a *attachment) (err error) {
	if a.Address == "" {
		if a.Address, err = n.cni.add(ctx, a.ID, n.namespace(task), a.Ports); err != nil {
			return err
		}
	}
	return n.rules.publish(ctx, task, a.Address, a.Ports)
}

// reserve writes down the ports before anything is done with them.
func (n *network) reserve(task string, a attachment, wanted []engine.Port) (attachment, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	given, err := givePorts(wanted, n.held)
	if err != nil {
		return attachment{}, err
	}
	a.Ports = given
	if err := n.write(task, a); err != nil {
		return attachment{}, err
	}
	n.held[task] = given
	return a, nil
}

// unplug undoes what reserve and the plugins did, as far as they came.
func (n *network) unplug(ctx context.Context, task string) error {
	a, err := n.read(task)
	if err != nil {
		return err
	}
	if _, err := os.Stat(n.file(task)); err == nil && !a.Plain {
		err := errors.Join(n.unpublish(ctx, task, a), n.cni.unpin(a.Address), n.cni.del(ctx, cmp.Or(a.ID, task), n.namespace(task), a.Ports))
		if err != nil {
			return err
		}
	}
	n.mu.Lock()
	delete(n.held, task)
	n.mu.Unlock()
	if err := os.Remove(n.file(task)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (n *network) unpublish(ctx context.Context, task string, a attachment) error {
	if len(tcpOf(a.Ports)) == 0 {
		return nil
	}
	return n.rules.unpublish(ctx, task)
}

// Detach takes away the task's address, ports, namespace and cgroup.
func (e *Engine) Detach(ctx context.Context, task string) error {
	if err := checkTask(task); err != nil {
		return err
	}
	defer e.network.locks.lock(task)()
	// What is in the run folder may be gone with a boot; what volumes and disks hold is not, and names the task till then.
	if err := errors.Join(e.network.detach(ctx, task), e.dropDisk(task), e.volumes.drop(task)); err != nil {
		return fmt.Errorf("detach task %s: %w", task, err)
	}
	return nil
}

func (n *network) detach(ctx context.Context, task string) error {
	if _, err := os.Stat(filepath.Join(n.tasks, task)); errors.Is(err, fs.ErrNotExist) {
		return n.cgroups.remove(task)
	}
	if err := n.unplug(ctx, task); err != nil {
		return err
	}
	if err := errors.Join(unmount(n.namespace(task)), unmount(n.ipc(task)), unmountShm(n.shm(task))); err != nil {
		return err
	}
	if err := n.cgroups.remove(task); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(n.tasks, task))
}

// Tasks names the tasks that have a folder here, volumes or a disk, and those of containers.
func (e *Engine) Tasks(ctx context.Context) ([]string, error) {
	tasks, err := e.network.list()
	if err != nil {
		return nil, err
	}
	owners, err := e.volumes.tasks()
	if err != nil {
		return nil, err
	}
	disks, err := e.disks()
	if err != nil {
		return nil, err
	}
	tasks = slices.Concat(tasks, owners, disks)
	containers, err := e.List(ctx)
	for _, c := range containers {
		tasks = append(tasks, c.Task)
	}
	slices.Sort(tasks)
	return slices.Compact(tasks), err
}
