package sandbox

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"unicode/utf8"

	"slipway/engine"
	"slipway/nodeapi"
)

// program is one that runs in a sandbox.
type program struct {
	engine.Program
	extension string // its name; "": it is the runtime
}

// failure is why it cannot be executed, as AWS Lambda words that.
func (p program) failure(why error) *nodeapi.FunctionError {
	kind := "Runtime.InvalidEntrypoint"
	if at, is := errors.AsType[*fs.PathError](why); is && at.Op == "chdir" {
		kind = "Runtime.InvalidWorkingDir"
	} else if p.extension != "" {
		kind = "Extension.LaunchError"
	}
	return platformError(kind, "Error: "+reasonText(why))
}

// mostWords is how long lastWords may be, in bytes.
const mostWords = 500

// lastWords is the line in which a process that broke says why, as Go's do; "": none does.
func lastWords(log []byte) string {
	for line := range bytes.Lines(log) {
		if bytes.HasPrefix(line, []byte("panic: ")) || bytes.HasPrefix(line, []byte("fatal error: ")) {
			if line = bytes.TrimSpace(line); len(line) > mostWords {
				line = line[:runeEnd(line, mostWords)]
			}
			return strings.ToValidUTF8(strings.ReplaceAll(string(line), "\x00", ""), string(utf8.RuneError))
		}
	}
	return ""
}
