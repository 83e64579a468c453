package seal_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"slipway/seal"
	"slipway/seal/sealtest"
)

func TestFileIsMadeOnceForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	first, err := seal.NewFile(path).Master(t.Context(), nil)
	check(t, err)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != seal.MasterSize {
		t.Errorf("file %+v, %v", info, err)
	}
	again, err := seal.NewFile(path).Master(t.Context(), nil)
	if err != nil || !same(again, first) {
		t.Errorf("the second start has %v, %v, want %v", again, err, first)
	}
}

func TestFileThatOthersCanUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	source := seal.NewFile(path)
	_, err := source.Master(t.Context(), nil)
	check(t, err)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644, 0o620, 0o601} {
		check(t, os.Chmod(path, mode))
		_, err := source.Master(t.Context(), nil)
		wantErr(t, err, seal.ErrSource)
		if text := fmt.Sprint(err); !strings.Contains(text, fmt.Sprintf("%04o", mode)) || !strings.Contains(text, "chmod 600 "+path) {
			t.Errorf("mode %04o: %q does not say what to do", mode, text)
		}
	}
	check(t, os.Chmod(path, 0o400))
	_, err = source.Master(t.Context(), nil)
	check(t, err)

	check(t, source.Stage(sealtest.Master('n')))
	check(t, os.Chmod(path+".new", 0o644))
	_, err = source.Master(t.Context(), nil)
	wantErr(t, err, seal.ErrSource)
}

func TestFileOfAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: cannot give a file away; the check of the owner is not tried")
		return
	}
	path := filepath.Join(t.TempDir(), "master.key")
	source := seal.NewFile(path)
	_, err := source.Master(t.Context(), nil)
	check(t, err)
	check(t, os.Chown(path, 65534, 65534))
	_, err = source.Master(t.Context(), nil)
	wantErr(t, err, seal.ErrSource)
	if err != nil && !strings.Contains(err.Error(), "65534") {
		t.Errorf("error %q does not name the owner", err)
	}
}

func TestWhatIsNoKeyFile(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"empty": 0, "short": 31, "long": 33, "base64": 45} {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, make([]byte, size), 0o600))
		_, err := seal.NewFile(path).Master(t.Context(), nil)
		wantErr(t, err, seal.ErrMasterKey)
		if after, err := os.ReadFile(path); err != nil || len(after) != size {
			t.Errorf("%s: the file was changed: %v", name, err)
		}
	}
	check(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	_, err := seal.NewFile(filepath.Join(dir, "folder")).Master(t.Context(), nil)
	wantErr(t, err, seal.ErrSource)
	_, err = seal.NewFile(filepath.Join(dir, "none", "master.key")).Master(t.Context(), nil)
	wantErr(t, err, seal.ErrSource)
}

// A staged key becomes the key when the data is under it, and not before.
func TestStagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	source := seal.NewFile(path)
	first, err := source.Master(t.Context(), nil)
	check(t, err)
	next := sealtest.Master('n')
	check(t, source.Stage(next))
	for _, try := range []struct {
		marks []string
		want  seal.Master
	}{
		{nil, first},
		{[]string{first.Mark()}, first},
		{[]string{next.Mark(), first.Mark()}, next},
		{[]string{next.Mark()}, next},
	} {
		got, err := source.Master(t.Context(), try.marks)
		if err != nil || !same(got, try.want) {
			t.Errorf("data under %v: %v, %v, want %v", try.marks, got, err, try.want)
		}
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the staged file is still there: %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	key := sealtest.Master('e')
	t.Run("is taken once", func(t *testing.T) {
		t.Setenv(seal.EnvName, key.Text())
		source, found, err := seal.TakeEnv()
		if err != nil || !found {
			t.Fatalf("found %v, %v", found, err)
		}
		if _, there := os.LookupEnv(seal.EnvName); there {
			t.Error("it is still there for children to inherit")
		}
		if got, err := source.Master(t.Context(), nil); err != nil || !same(got, key) {
			t.Errorf("got %v, %v", got, err)
		}
		if text := fmt.Sprintf("%v %+v %#v", source, source, source); !strings.Contains(text, seal.EnvName) || strings.Contains(text, "eeee") {
			t.Errorf("printed as %s", text)
		}
	})
	t.Run("may not be there", func(t *testing.T) {
		if _, found, err := seal.TakeEnv(); found || err != nil {
			t.Errorf("found %v, %v", found, err)
		}
	})
	for name, text := range map[string]string{
		"empty": "", "short": base64.StdEncoding.EncodeToString(make([]byte, 31)), "not base64": "SECRETSECRET!", "raw": strings.Repeat("e", 32),
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(seal.EnvName, text)
			_, found, err := seal.TakeEnv()
			wantErr(t, err, seal.ErrMasterKey)
			if !found || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "eeee") {
				t.Errorf("found %v, error %v", found, err)
			}
		})
	}
}

func TestParseMaster(t *testing.T) {
	key := sealtest.Master('k')
	for _, text := range []string{key.Text(), " " + key.Text() + "\n", strings.TrimRight(key.Text(), "="), key.Text() + "\r\n"} {
		if got, err := seal.ParseMaster(text); err != nil || !same(got, key) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestCommand(t *testing.T) {
	key := sealtest.Master('c')
	dir := t.TempDir()
	file := filepath.Join(dir, "a key")
	check(t, os.WriteFile(file, []byte(key.Text()+"\n"), 0o600))
	for _, line := range []string{
		"echo " + key.Text(),
		"cat '" + file + "'",
		`cat "` + file + `"`,
		"cat " + strings.ReplaceAll(file, " ", `\ `),
		"sh -c 'cat \"" + file + "\" | tr -d x; echo noise >&2'",
	} {
		source, err := seal.NewCommand(line)
		check(t, err)
		if got, err := source.Master(t.Context(), nil); err != nil || !same(got, key) {
			t.Errorf("%s: %v, %v", line, got, err)
		}
	}
}

func TestCommandThatFails(t *testing.T) {
	for _, c := range []struct {
		line string
		want error
		says string
	}{
		{"sh -c 'echo HIDDEN; echo no such entry >&2; exit 3'", seal.ErrSource, "exit status 3: \"no such entry\""},
		{"echo HIDDEN!", seal.ErrMasterKey, "base64"},
		{"printf ''", seal.ErrMasterKey, "0 bytes"},
		{"/no/such/program HIDDEN", seal.ErrSource, "/no/such/program"},
		{"head -c 100000 /dev/zero", seal.ErrSource, "more than 4096 bytes"},
		{"echo $(echo HIDDEN)", seal.ErrMasterKey, "base64"}, // no shell: nothing is put in place of it
	} {
		source, err := seal.NewCommand(c.line)
		check(t, err)
		_, err = source.Master(t.Context(), nil)
		wantErr(t, err, c.want)
		if text := fmt.Sprint(err); !strings.Contains(text, c.says) || strings.Contains(text, "HIDDEN") {
			t.Errorf("%s: error %q, want one with %q", c.line, text, c.says)
		}
	}
	for _, line := range []string{"", "  ", "pass 'show", `pass show\`, `pass "`} {
		_, err := seal.NewCommand(line)
		wantErr(t, err, seal.ErrSource)
	}
}

// A command that does not end is ended, and so is all that it has started.
func TestCommandThatDoesNotEnd(t *testing.T) {
	dir := t.TempDir()
	source, err := seal.NewCommand(fmt.Sprintf("sh -c 'sleep 600 & echo $! > %s/pid; wait'", dir))
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		eventually(t, "the command to start", func() bool {
			text, err := os.ReadFile(filepath.Join(dir, "pid"))
			return err == nil && strings.HasSuffix(string(text), "\n")
		})
	}()
	_, err = source.Master(ctx, nil)
	wantErr(t, err, seal.ErrSource)
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	check(t, err)
	var pid int
	fmt.Sscan(string(text), &pid)
	eventually(t, "its child to end", func() bool { return gone(pid) })
}

// gone says whether a process has ended; one that nobody has waited for is a zombie.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// A command is not told the key that it may be there to replace.
func TestCommandDoesNotInheritTheKey(t *testing.T) {
	t.Setenv(seal.EnvName, sealtest.Master('e').Text())
	source, err := seal.NewCommand("printenv " + seal.EnvName)
	check(t, err)
	_, err = source.Master(t.Context(), nil)
	wantErr(t, err, seal.ErrSource)
}

func same(a, b seal.Master) bool { return a.Text() == b.Text() }
