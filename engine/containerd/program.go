package containerd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
)

// searchPath is ours and, for what a bare environment lacks, where Debian has the tools.
func searchPath() string {
	return strings.TrimPrefix(os.Getenv("PATH")+":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ":")
}

// findProgram looks for a program on the search path.
func findProgram(name string) (string, error) {
	for _, dir := range filepath.SplitList(searchPath()) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("no program %s on the search path %s", name, searchPath())
}

// runProgram runs a short program to its end. It dies with us: what we do about its work when we are
// started again must not meet it still working.
func runProgram(ctx context.Context, path string, args, env []string, stdin string) (stdout, stderr string, err error) {
	runtime.LockOSThread() // the kernel watches over the thread, not the process
	defer runtime.UnlockOSThread()
	var out, warnings strings.Builder
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(env, "PATH="+searchPath()) // and nothing of ours, which may hold secrets
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Stdout, cmd.Stderr = &out, &warnings
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	return out.String(), strings.TrimSpace(warnings.String()), err
}

// pluginExec runs CNI plugins by runProgram.
type pluginExec struct{ *invoke.DefaultExec }

func (pluginExec) ExecPlugin(ctx context.Context, plugin string, stdin []byte, environ []string) ([]byte, error) {
	var env []string
	for _, pair := range environ {
		if strings.HasPrefix(pair, "CNI_") {
			env = append(env, pair)
		}
	}
	stdout, stderr, err := runProgram(ctx, plugin, nil, env, string(stdin))
	if err == nil {
		return []byte(stdout), nil
	}
	said := &types.Error{}
	if json.Unmarshal([]byte(stdout), said) == nil && said.Msg != "" {
		return nil, said
	}
	return nil, errors.Join(err, errors.New(strings.TrimSpace(stderr+" "+stdout)))
}
