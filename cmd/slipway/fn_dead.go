package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func fnDeadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "Calls that were accepted and given up",
		Long: `Calls that nobody waited for (--event) and that were given up: their function failed again and again, or
they grew too old before they could be made. They are kept for fourteen days, unless the function has a
destination that was told of the failure.`,
		Example: `  slipway fn dead list greet
  slipway fn dead show c2a6f2ae-7dbb-4d66-8c3a-4f2f2d6b7c11
  slipway fn dead replay --all greet`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(fnDeadListCommand(), fnDeadShowCommand(), fnDeadReplayCommand())
	return cmd
}

// deadCall is a call that was given up.
type deadCall struct {
	RequestID   string        `json:"requestId"`
	FunctionARN string        `json:"functionArn"`
	Condition   string        `json:"condition"`
	Reason      string        `json:"reason"`
	Invocations int           `json:"invocations"`
	AcceptedAt  instantOfWire `json:"acceptedAt"`
	EndedAt     instantOfWire `json:"endedAt"`
	PayloadSize int64         `json:"payloadSize"`
}

func (d deadCall) cells() []string {
	return []string{d.RequestID, withoutARN(d.FunctionARN), d.Condition, fmt.Sprint(d.Invocations), instant(d.EndedAt.Time), d.Reason}
}

// instantOfWire is a time that calls have as seconds since 1970, and that is printed as text.
type instantOfWire struct{ time.Time }

// UnmarshalJSON reads seconds since 1970, to the millisecond.
func (i *instantOfWire) UnmarshalJSON(text []byte) error {
	var seconds float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	i.Time = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	return nil
}

func fnDeadListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list [NAME]",
		Aliases: []string{"ls"},
		Short:   "List calls that were given up, the last first",
		Long:    `List calls that were given up, the last first, of one function or of all.`,
		Example: "  slipway fn dead list\n  slipway fn dead list greet -o json",
		Args:    cobra.MaximumNArgs(1),
	}
	data, output := dataFlag(cmd), outputFlag(cmd)
	cmd.ValidArgsFunction = completeFunctions(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		in := map[string]any{"maxResults": 1000}
		if len(args) == 1 {
			in["functionName"] = args[0]
		}
		var all []deadCall
		for more := true; more; {
			var page struct {
				Calls     []deadCall
				NextToken string
			}
			if err := c.call(cmd.Context(), "SlipwayCalls_20261121.ListDeadCalls", in, &page); err != nil {
				return explain(err, c)
			}
			all = append(all, page.Calls...)
			in["nextToken"], more = page.NextToken, page.NextToken != ""
		}
		return printRows(cmd.OutOrStdout(), output, all, "CALL FUNCTION CONDITION RUNS ENDED REASON", deadCall.cells)
	}
	return cmd
}

func fnDeadShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show CALL",
		Short:   "Show a call that was given up, with what the function was given",
		Long:    `Show a call that was given up as JSON: what its function was given, and what it answered at last.`,
		Example: "  slipway fn dead show c2a6f2ae-7dbb-4d66-8c3a-4f2f2d6b7c11",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		var out struct {
			Call     deadCall `json:"call"`
			Payload  string   `json:"payload"`
			Response string   `json:"response"`
		}
		if err := c.call(cmd.Context(), "SlipwayCalls_20261121.DescribeDeadCall", map[string]any{"requestId": args[0]}, &out); err != nil {
			return noDeadCall(err, c, args[0])
		}
		return printJSON(cmd.OutOrStdout(), out)
	}
	return cmd
}

// noDeadCall explains why a call cannot be shown or made again.
func noDeadCall(err error, c *client, what string) error {
	if isAPIError(err, "ResourceNotFoundException") {
		return withHint(fmt.Errorf("no call %q was given up", what), `"slipway fn dead list" lists those that were, for fourteen days`)
	}
	return explain(err, c)
}

func fnDeadReplayCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay CALL | --all NAME",
		Short: "Make calls again that were given up",
		Long: `Make a call again that was given up, or all those of a function, as if they had come now. They keep
their ids.`,
		Example: "  slipway fn dead replay c2a6f2ae-7dbb-4d66-8c3a-4f2f2d6b7c11\n  slipway fn dead replay --all greet",
		Args:    cobra.MaximumNArgs(1),
	}
	data := dataFlag(cmd)
	all := cmd.Flags().String("all", "", "all calls of a function")
	cmd.RegisterFlagCompletionFunc("all", completeFunctions(data))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (*all == "") == (len(args) == 0) {
			return errors.New(`want either a CALL, as "fn dead list" shows it, or --all NAME`)
		}
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		in := map[string]any{"functionName": *all}
		if len(args) == 1 {
			in = map[string]any{"requestId": args[0]}
		}
		var out struct{ Replayed int64 }
		if err := c.call(cmd.Context(), "SlipwayCalls_20261121.ReplayDeadCalls", in, &out); err != nil {
			return noDeadCall(err, c, cmp.Or(*all, strings.Join(args, "")))
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "calls that are made again: %d\n", out.Replayed)
		return err
	}
	return cmd
}
