package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// logFormats are the ways to print a line.
var logFormats = []string{"text", "raw", "json"}

// logFormat is the -o flag of logs.
type logFormat string

func (f *logFormat) String() string { return string(*f) }
func (f *logFormat) Type() string   { return strings.Join(logFormats, "|") }

func (f *logFormat) Set(s string) error {
	if !slices.Contains(logFormats, s) {
		return fmt.Errorf("%q is none of %s", s, strings.Join(logFormats, ", "))
	}
	*f = logFormat(s)
	return nil
}

// printer prints streams as they grow.
type printer struct {
	out     io.Writer
	stamps  bool
	format  logFormat // "": text
	pulling *pulling  // nil: nobody is told
	streams []*stream
}

// print prints what is new in every stream. What could not be written is an error.
func (p *printer) print(ctx context.Context, c *client) error {
	for _, s := range p.streams {
		for done := false; !done; {
			lines, end, err := s.next(ctx, c)
			if err != nil {
				return p.goOn(s, explain(err, c))
			}
			if err := p.printLines(s, lines); err != nil {
				return err
			}
			done = end
		}
	}
	return nil
}

// goOn says with an error how to get the rest.
func (p *printer) goOn(s *stream, err error) error {
	if s.last.IsZero() {
		return err
	}
	which := ""
	if len(p.streams) > 1 {
		which = "--container " + s.container + " "
	}
	return withHint(err, "%s--since %s goes on, with the lines of that millisecond once more", which, s.last.UTC().Format(stampLayout))
}

func (p *printer) printLines(s *stream, lines []logLine) error {
	out := bufio.NewWriterSize(p.out, 64<<10) // which keeps the first error
	for _, l := range lines {
		if p.format == "json" {
			if err := writeJSONLine(out, s, l); err != nil {
				return err
			}
			continue
		}
		if p.stamps {
			out.WriteString(l.time.UTC().Format(stampLayout) + " ")
		}
		if p.format != "raw" {
			out.WriteString(p.label(s, l))
		}
		out.WriteString(l.message)
		out.WriteByte('\n')
	}
	return out.Flush()
}

// label tells whose line it is, where there is more than one who could have printed it.
func (p *printer) label(s *stream, l logLine) string {
	if len(p.streams) == 1 && s.name != "" {
		return ""
	}
	return cmp.Or(s.container, l.stream) + " | "
}

const stampLayout = "2006-01-02T15:04:05.000Z"

// jsonLine is a line as -o json prints it.
type jsonLine struct {
	Time      string `json:"time"`
	Group     string `json:"group"`
	Stream    string `json:"stream"`
	Container string `json:"container,omitempty"`
	Message   string `json:"message"`
}

func writeJSONLine(out io.Writer, s *stream, l logLine) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(jsonLine{l.time.UTC().Format(stampLayout), s.group, l.stream, s.container, l.message})
}
