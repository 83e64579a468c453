package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"slipway/internal/durable"
)

// Source is where a master key comes from. Its String is what errors and lists call it, as
// "file /var/lib/slipway/master.key".
type Source interface {
	fmt.Stringer
	// Master gives the key as it is now. marks are those of the master keys that the database is
	// under, so that a source with several knows which is right; with none it is the first start.
	// The errors are ErrSource and ErrMasterKey.
	Master(ctx context.Context, marks []string) (Master, error)
}

// Keeper is a source that can be given a new key. Until Install it gives the old one, unless the
// database is under the new one alone: so at no instant does it hold no key that opens it.
type Keeper interface {
	Source
	Stage(Master) error // on disk when it returns
	Install() error     // makes the staged key the key
}

// Fixed is a source that was given its key: for tests, and for keys that are in hand.
func Fixed(m Master, name string) Source { return fixed{m, name} }

type fixed struct {
	master Master
	name   string
}

func (f fixed) String() string { return f.name }

func (f fixed) Master(context.Context, []string) (Master, error) { return f.master, nil }

// EnvName is the environment variable that may hold the master key, as base64.
const EnvName = "SLIPWAY_MASTER_KEY"

// TakeEnv is the master key in the environment, or false when there is none. The variable is taken
// out of it, so that no program started from here gets it.
func TakeEnv() (source Source, found bool, err error) {
	text, found := os.LookupEnv(EnvName)
	if !found {
		return nil, false, nil
	}
	if err := os.Unsetenv(EnvName); err != nil {
		return nil, true, err
	}
	m, err := ParseMaster(text)
	if err != nil {
		return nil, true, fmt.Errorf("environment variable %s: %w", EnvName, err)
	}
	return Fixed(m, "environment variable "+EnvName), true, nil
}

// File is a master key in a file: its 32 bytes, readable by its owner alone. It makes the file at
// the first start. Beside it, with .new at its end, is for a short while the key that follows.
type File struct{ path string }

// NewFile is the source that keeps its key in the file at path.
func NewFile(path string) *File { return &File{path} }

func (f *File) String() string { return "file " + f.path }

func (f *File) staged() string { return f.path + ".new" }

// Master satisfies Source. A rotation that was cut short is carried on: when the database is under
// the staged key, that one becomes the key.
func (f *File) Master(_ context.Context, marks []string) (Master, error) {
	for _, path := range []string{f.path, f.staged()} {
		os.Remove(path + partSuffix) // of a crash: it was no key yet
	}
	next, err := readKey(f.staged())
	if err == nil && slices.Contains(marks, next.mark) {
		return next, f.Install()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Master{}, err
	}
	m, err := readKey(f.path)
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return m, err
	case len(marks) > 0:
		return Master{}, fmt.Errorf("%w: there is no %s, and the data is sealed under master key %s", ErrMasterKey, f, strings.Join(marks, " or "))
	}
	m = RandomMaster()
	return m, writeKey(f.path, m)
}

// Stage satisfies Keeper.
func (f *File) Stage(m Master) error { return writeKey(f.staged(), m) }

// Install satisfies Keeper.
func (f *File) Install() error {
	if err := os.Rename(f.staged(), f.path); err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	return durable.SyncDir(filepath.Dir(f.path))
}

// readKey reads a key file that its owner alone can read.
func readKey(path string) (Master, error) {
	file, err := os.Open(path)
	if err != nil {
		return Master{}, fmt.Errorf("%w: %w", ErrSource, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Master{}, fmt.Errorf("%w: %w", ErrSource, err)
	}
	if err := checkPrivate(path, info); err != nil {
		return Master{}, err
	}
	raw := make([]byte, MasterSize+1)
	defer clear(raw)
	n, err := io.ReadFull(file, raw)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Master{}, fmt.Errorf("%w: %w", ErrSource, err)
	}
	m, err := NewMaster(raw[:n])
	if err != nil {
		return Master{}, fmt.Errorf("file %s: %w", path, err)
	}
	return m, nil
}

// checkPrivate refuses a key that somebody else can read, or could have put there.
func checkPrivate(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s is not a file", ErrSource, path)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%w: others than its owner can use %s, whose mode is %04o: chmod 600 %[2]s", ErrSource, path, info.Mode().Perm())
	case ok && int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to user %d, and this is user %d: chown it", ErrSource, path, stat.Uid, os.Geteuid())
	}
	return nil
}

// partSuffix is of a key file that is not whole yet.
const partSuffix = ".part"

// writeKey writes a key file as a whole: a crash leaves it, or what was there.
func writeKey(path string, m Master) error {
	part := path + partSuffix
	os.Remove(part) // of a crash
	tmp, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	defer os.Remove(part) // after the rename it is not there
	_, err = tmp.Write(m.key[:])
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	return durable.SyncDir(filepath.Dir(path))
}

// What a command that prints a master key may take.
const (
	commandTime   = 30 * time.Second
	commandOutput = 4 << 10 // bytes
	commandErrors = 1 << 10 // bytes of its standard error that are told
)

// Command is a source that runs a program, which prints the key as base64.
type Command struct{ words []string }

// NewCommand is the source that runs the program that line names, with the arguments after it.
// There is no shell: words are parted by white space, and quotes (' or ") and backslashes keep
// white space in a word. Who wants a shell writes sh -c '...'.
func NewCommand(line string) (*Command, error) {
	words, err := splitWords(line)
	if err != nil {
		return nil, fmt.Errorf("%w: command: %w", ErrSource, err)
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("%w: the command is empty", ErrSource)
	}
	return &Command{words}, nil
}

// String names the program alone: what it is given may be nobody's business.
func (c *Command) String() string { return "command " + c.words[0] }

// Master satisfies Source. The program has half a minute, and what it says on its standard error
// is in the error when it fails; what it prints never is.
func (c *Command) Master(ctx context.Context, _ []string) (Master, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	out, said := newLimited(commandOutput), newLimited(commandErrors)
	defer func() { clear(out.kept) }()
	cmd := exec.CommandContext(ctx, c.words[0], c.words[1:]...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, EnvName+"=") })
	cmd.Stdout, cmd.Stderr = out, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // and what it started
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return Master{}, fmt.Errorf("%w: the %s: %w", ErrSource, c, context.Cause(ctx))
	case err != nil:
		return Master{}, fmt.Errorf("%w: the %s: %w: %q", ErrSource, c, err, bytes.TrimSpace(said.kept))
	case out.cut:
		return Master{}, fmt.Errorf("%w: the %s printed more than %d bytes", ErrSource, c, commandOutput)
	}
	m, err := ParseMaster(string(out.kept))
	if err != nil {
		return Master{}, fmt.Errorf("%w: the %s printed something else: %w", ErrSource, c, err)
	}
	return m, nil
}

// limited keeps the beginning of what is written.
type limited struct {
	kept []byte
	left int // bytes there is room for
	cut  bool
}

func newLimited(size int) *limited { return &limited{kept: make([]byte, 0, size), left: size} }

func (l *limited) Write(p []byte) (int, error) {
	keep := min(len(p), l.left)
	l.left -= keep
	l.cut = l.cut || keep < len(p)
	l.kept = append(l.kept, p[:keep]...)
	return len(p), nil
}
