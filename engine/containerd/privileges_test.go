package containerd

import (
	"slices"
	"strings"
	"testing"

	"slipway/engine"
)

func TestCapabilitiesAreReadAsDockerDoes(t *testing.T) {
	given := []string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"}
	for _, c := range []struct{ add, drop, want string }{
		{"", "", "CAP_CHOWN CAP_KILL CAP_NET_RAW"},
		{"sys_ptrace", "net_raw", "CAP_CHOWN CAP_KILL CAP_SYS_PTRACE"},
		{"CAP_KILL", "", "CAP_CHOWN CAP_KILL CAP_NET_RAW"},
		{"KILL", "ALL", "CAP_KILL"},
		{"", "all", ""},
	} {
		got, err := capabilities(given, engine.Spec{CapAdd: strings.Fields(c.add), CapDrop: strings.Fields(c.drop)})
		if text := strings.Join(got, " "); err != nil || text != c.want {
			t.Errorf("added %q, dropped %q: %q %v, want %q", c.add, c.drop, text, err, c.want)
		}
	}
	all, err := capabilities(given, engine.Spec{CapAdd: []string{"ALL"}, CapDrop: []string{"MKNOD"}})
	if err != nil || slices.Contains(all, "CAP_MKNOD") || !slices.Contains(all, "CAP_NET_ADMIN") {
		t.Errorf("all but one: %q %v", all, err)
	}
	if _, err := capabilities(given, engine.Spec{CapDrop: []string{"FLY"}}); err == nil {
		t.Error("a capability that nobody knows is dropped")
	}
}

func TestSwap(t *testing.T) {
	e := &Engine{cgroups: cgroups{trees: []string{"/x/memory"}}}
	swap, swappiness := int64(10<<20), uint64(5)
	_, memory, _ := e.limitsOf(engine.Spec{MemoryLimit: 64 << 20, SwapMax: &swap, Swappiness: &swappiness})
	if memory.Swap != nil || *memory.Swappiness != 5 {
		t.Errorf("where swap cannot be limited: %+v", memory)
	}
	root := t.TempDir()
	write(t, root+"/memory/memory.memsw.limit_in_bytes", "")
	e.cgroups.trees = []string{root + "/memory"}
	for want, s := range map[int64]*int64{64 << 20: nil, 74 << 20: &swap} {
		if _, memory, _ := e.limitsOf(engine.Spec{MemoryLimit: 64 << 20, SwapMax: s}); *memory.Swap != want {
			t.Errorf("memory and swap of %d, want %d", *memory.Swap, want)
		}
	}
}

func TestStatsOfBothVersions(t *testing.T) {
	root := t.TempDir()
	files := map[string]string{
		"cpuacct/x/t/c/cpuacct.usage": "3000000000\n", "cpuacct/x/t/c/cpuacct.stat": "user 200\nsystem 100\n",
		"cpu/x/t/c/cpu.stat":                 "nr_periods 1\nthrottled_time 5000000\n",
		"memory/x/t/c/memory.usage_in_bytes": "5000\n", "memory/x/t/c/memory.max_usage_in_bytes": "6000\n",
		"memory/x/t/c/memory.limit_in_bytes":                    "9223372036854771712\n",
		"memory/x/t/c/memory.stat":                              "cache 9\ntotal_inactive_file 300\ntotal_active_file 400\n",
		"pids/x/t/c/pids.current":                               "7\n",
		"blkio/x/t/c/blkio.throttle.io_service_bytes_recursive": "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\n8:16 Read 1\nTotal 31\n",

		"two/x/t/c/cpu.stat":       "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nthrottled_usec 5000\n",
		"two/x/t/c/memory.current": "5000\n", "two/x/t/c/memory.peak": "6000\n", "two/x/t/c/memory.max": "max\n",
		"two/x/t/c/memory.stat": "anon 1\nfile 900\ninactive_file 300\nactive_file 400\n", "two/x/t/c/pids.current": "7\n",
		"two/x/t/c/io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=1\n8:16 rbytes=1 wbytes=0\n",
	}
	for file, text := range files {
		write(t, root+"/"+file, text)
	}
	one := cgroups{prefix: "x"}
	for _, name := range []string{"cpuacct", "cpu", "memory", "pids", "blkio"} {
		one.trees = append(one.trees, root+"/"+name)
	}
	two := cgroups{prefix: "x", unified: true, trees: []string{root + "/two"}}
	want := engine.Stats{
		CPU: 3e9, CPUSystem: 1e9, Throttled: 5e6, Memory: 5000, MemoryPeak: 6000, MemoryCache: 700,
		Pids: 7, BlockRead: 11, BlockWritten: 20,
	}
	for version, tree := range map[int]cgroups{1: one, 2: two} {
		if got := tree.stats("t", "c"); got != want {
			t.Errorf("version %d: %+v, want %+v", version, got, want)
		}
	}
}
