package main

import (
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

// print writes rows as JSON, as they are, or as a table of the cells that cells makes of each.
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

// printJSON writes one thing as JSON for people to read as well.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
