package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// fnCode is the code of a function, and how it is to be run.
type fnCode struct {
	zip              []byte
	runtime, handler string
	told             string // what was found, as people read it
}

const (
	runtimeOfPrograms = "provided.al2023"
	runtimeOfNode     = "nodejs18.x"
	runtimeOfPython   = "python3.11"
)

// readCode makes the zip of a function from a folder, a program or a zip, for a machine's GOARCH, and guesses from
// what is there how it is to be run.
func readCode(ctx context.Context, source, arch string) (fnCode, error) {
	info, err := os.Stat(source)
	if err != nil {
		return fnCode{}, withHint(fmt.Errorf("read what is to be deployed: %w", err), `"slipway fn deploy --help" shows what it takes`)
	}
	if !info.IsDir() {
		return readCodeFile(source)
	}
	folder := os.DirFS(source)
	switch {
	case hasFile(folder, "bootstrap"):
		code := fnCode{runtime: runtimeOfPrograms, handler: "bootstrap", told: "the program bootstrap"}
		return code, code.pack(folder)
	case hasGo(folder):
		return buildGo(ctx, source, arch)
	}
	code := guessScript(folder)
	return code, code.pack(folder)
}

// readCodeFile takes a zip as it is, and puts a program into one.
func readCodeFile(path string) (code fnCode, err error) {
	if isBinary(path) {
		text, err := os.ReadFile(path)
		if err != nil {
			return code, err
		}
		code = fnCode{runtime: runtimeOfPrograms, handler: "bootstrap", told: "the program " + filepath.Base(path)}
		code.zip, err = zipFile("bootstrap", text)
		return code, err
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return code, withHint(fmt.Errorf("%s is neither a folder, a program nor a zip: %w", path, err), `"slipway fn deploy --help" shows what it takes`)
	}
	defer z.Close()
	if code = guessScript(z); hasFile(z, "bootstrap") {
		code = fnCode{runtime: runtimeOfPrograms, handler: "bootstrap"}
	}
	code.told = "the zip " + filepath.Base(path)
	code.zip, err = os.ReadFile(path)
	return code, err
}

func hasFile(folder fs.FS, name string) bool {
	info, err := fs.Stat(folder, name)
	return err == nil && info.Mode().IsRegular()
}

func hasGo(folder fs.FS) bool {
	found, err := fs.Glob(folder, "*.go")
	return err == nil && len(found) > 0
}

// buildGo builds the program in a folder as a function's bootstrap: static, for Linux.
func buildGo(ctx context.Context, source, arch string) (fnCode, error) {
	dir, err := os.MkdirTemp("", "slipway-fn-")
	if err != nil {
		return fnCode{}, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "bootstrap")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-tags=lambda.norpc", "-o", program, ".")
	build.Dir = source
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	said, err := build.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fnCode{}, withHint(fmt.Errorf("%s holds a Go program, and there is no go command to build it with", source), "https://go.dev/dl/ has it; or build it elsewhere, and deploy the program")
	case ctx.Err() != nil:
		return fnCode{}, ctx.Err()
	case err != nil:
		return fnCode{}, fmt.Errorf("go build in %s: %w\n%s", source, err, bytes.TrimSpace(said))
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return fnCode{}, err
	}
	if !isBinary(program) {
		return fnCode{}, withHint(fmt.Errorf("%s holds no program: its package is not main", source), "deploy the folder that has package main")
	}
	code := fnCode{runtime: runtimeOfPrograms, handler: "bootstrap", told: "a Go program, built for linux/" + arch}
	code.zip, err = zipFile("bootstrap", text)
	return code, err
}

var (
	pythonHandler = regexp.MustCompile(`(?m)^(?:async )?def (lambda_handler|handler|main)\(`)
	nodeHandler   = regexp.MustCompile(`(?m)(?:exports\.|export (?:async )?(?:function|const|let|var) )(handler|main)\b`)
)

// guessScript finds the script of a function, and which of what is in it is its handler. What is not found is "".
func guessScript(folder fs.FS) fnCode {
	for _, language := range []struct {
		runtime, names string
		handler        *regexp.Regexp
	}{
		{runtimeOfPython, "lambda_function.py main.py app.py handler.py index.py function.py", pythonHandler},
		{runtimeOfNode, "index.mjs index.js index.cjs app.mjs app.js main.mjs main.js handler.mjs handler.js", nodeHandler},
	} {
		for name := range strings.FieldsSeq(language.names) {
			text, err := fs.ReadFile(folder, name)
			if err != nil {
				continue
			}
			if found := language.handler.FindSubmatch(text); found != nil {
				handler := strings.TrimSuffix(name, filepath.Ext(name)) + "." + string(found[1])
				return fnCode{runtime: language.runtime, handler: handler, told: string(found[1]) + " in " + name}
			}
		}
	}
	return fnCode{}
}

// skipped is what of a folder is no code.
var skipped = map[string]bool{".git": true, "__pycache__": true, ".DS_Store": true}

// pack puts a folder into the zip. It is the same to the last bit whenever it is made of the same files.
func (c *fnCode) pack(folder fs.FS) error {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case skipped[d.Name()] && d.IsDir():
			return fs.SkipDir
		case skipped[d.Name()] || d.IsDir():
			return nil
		}
		return zipEntry(w, folder, name)
	})
	err = errors.Join(err, w.Close())
	c.zip = b.Bytes()
	return err
}

func zipEntry(w *zip.Writer, folder fs.FS, name string) error {
	info, err := fs.Lstat(folder, name)
	if err != nil {
		return err
	}
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(info.Mode().Perm())
	if name == "bootstrap" { // where files have no such right, or have lost it on their way, it is a program all the same
		h.SetMode(info.Mode().Perm() | 0o111)
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		h.SetMode(fs.ModeSymlink | 0o777)
		to, err := fs.ReadLink(folder, name)
		if err != nil {
			return err
		}
		return writeEntry(w, h, strings.NewReader(to))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is neither a file, a folder nor a link", name)
	}
	f, err := folder.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return writeEntry(w, h, f)
}

func writeEntry(w *zip.Writer, h *zip.FileHeader, from io.Reader) error {
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = io.Copy(f, from)
	}
	return err
}

// zipFile is a zip with one program.
func zipFile(name string, text []byte) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(0o755)
	err := errors.Join(writeEntry(w, h, bytes.NewReader(text)), w.Close())
	return b.Bytes(), err
}

// architectures are those of functions, by GOARCH.
var architectures = map[string]string{"amd64": "x86_64", "arm64": "arm64"}

// goArch reads an architecture, as Go or as AWS calls it.
func goArch(name string) (string, error) {
	for arch, alias := range architectures {
		if name == arch || name == alias {
			return arch, nil
		}
	}
	return "", fmt.Errorf("--arch %q is neither x86_64 nor arm64", name)
}

// usualArch is that of this machine, as far as functions can have it.
func usualArch() string {
	if _, ok := architectures[runtime.GOARCH]; ok {
		return runtime.GOARCH
	}
	return "amd64"
}
