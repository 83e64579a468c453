package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// listing is the -o flag of a command that lists things.
type listing string

func (l *listing) String() string { return string(*l) }
func (l *listing) Type() string   { return "json|table" }

func (l *listing) Set(s string) error {
	if s != "json" && s != "table" {
		return fmt.Errorf("%q is neither json nor table", s)
	}
	*l = listing(s)
	return nil
}

// outputFlag gives cmd its -o flag; a table is the default.
func outputFlag(cmd *cobra.Command) *listing {
	l := listing("table")
	cmd.Flags().VarP(&l, "output", "o", "how to print: json or table")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json", "table"}, cobra.ShellCompDirectiveNoFileComp))
	return &l
}

// printRows writes rows as JSON, as they are, or as a table of the cells that cells makes of each.
func printRows[T any](w io.Writer, l *listing, rows []T, header string, cells func(T) []string) error {
	if *l == "json" {
		if rows == nil {
			rows = []T{}
		}
		return printJSON(w, rows)
	}
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(strings.Fields(header), "\t"))
	for _, row := range rows {
		fmt.Fprintln(table, strings.Join(cells(row), "\t"))
	}
	return table.Flush()
}

// instant is a time as a cell of a table; what never was is "-".
func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// asAWS is a shape of an AWS SDK as the aws command prints it: its members as ECS names them, without those that
// are not there, which the SDK has as null or "".
func asAWS(shape any) (any, error) {
	text, err := json.Marshal(shape)
	if err != nil {
		return nil, err
	}
	lines := json.NewDecoder(bytes.NewReader(text))
	lines.UseNumber()
	var v any
	err = lines.Decode(&v)
	return lowerMembers(v), err
}

func lowerMembers(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = lowerMembers(v[i])
		}
	case map[string]any:
		lowered := make(map[string]any, len(v))
		for name, member := range v {
			if member != nil && member != "" {
				lowered[strings.ToLower(name[:1])+name[1:]] = lowerMembers(member)
			}
		}
		return lowered
	}
	return v
}

// printJSON writes one thing as JSON for people to read as well.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
