package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/spf13/cobra"

	"slipway/internal/arn"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Tell who did what",
		Long: `Tell who did what: every call of the account, done or not, the earliest first.
With -f go on with what is done from now on; with -o json print records as AWS CloudTrail has them.`,
		Example: `  slipway audit --since 24h --denied
  slipway audit --user ann --action 'ecs:*' --follow
  slipway audit -o json | jq -r '.[].userIdentity.arn'`,
		Args: cobra.NoArgs,
	}
	data := dataFlag(cmd)
	q := auditFlags(cmd)
	cmd.AddCommand(auditVerifyCommand())
	follow := cmd.Flags().BoolP("follow", "f", false, "go on telling")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := q.check(); err != nil {
			return err
		}
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		if *follow {
			return followAudit(cmd.Context(), c, q, &auditPrinter{cmd.OutOrStdout(), *output == "json"})
		}
		events, err := newAuditReader(c).read(cmd.Context(), q)
		if err != nil {
			return explain(err, c)
		}
		return printRows(cmd.OutOrStdout(), output, events, auditHeader, auditEvent.cells)
	}
	return cmd
}

// auditFlags gives cmd the flags that say what the user wants to know.
func auditFlags(cmd *cobra.Command) *auditQuery {
	q := &auditQuery{back: sinceFlag{time.Hour}}
	flags := cmd.Flags()
	flags.Var(&q.back, "since", "how far to look back: 90s, 15m, 24h or 7d")
	flags.StringVar(&q.user, "user", "", "calls of this user or session only")
	flags.StringVar(&q.action, "action", "", "this action only, as ecs:RunTask or 'iam:Create*'")
	flags.BoolVar(&q.denied, "denied", false, "calls that were not allowed only")
	flags.IntVarP(&q.limit, "limit", "n", 1000, "the latest so many only")
	cmd.RegisterFlagCompletionFunc("since", cobra.FixedCompletions([]string{"15m", "1h", "24h", "7d"}, cobra.ShellCompDirectiveNoFileComp))
	for _, name := range []string{"user", "action", "limit"} {
		cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	return q
}

// sinceFlag is a span of time that may be in days.
type sinceFlag struct{ time.Duration }

func (s *sinceFlag) Type() string { return "duration" }

// String writes whole hours and minutes without zeros behind them.
func (s *sinceFlag) String() string {
	text := s.Duration.String()
	for _, zeros := range []string{"m0s", "h0m"} {
		if rest, ok := strings.CutSuffix(text, zeros); ok {
			text = rest + zeros[:1]
		}
	}
	return text
}

func (s *sinceFlag) Set(text string) (err error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		s.Duration = time.Duration(n) * 24 * time.Hour
		if err == nil {
			return nil
		}
	} else if s.Duration, err = time.ParseDuration(text); err == nil && s.Duration >= 0 {
		return nil
	}
	return fmt.Errorf("%q is no span of time: want one as 90s, 15m, 24h or 7d", text)
}

// auditQuery is what the user wants to know.
type auditQuery struct {
	back         sinceFlag
	since        time.Time // set by check: so long ago
	user, action string
	denied       bool
	limit        int
}

func (q *auditQuery) check() error {
	if _, err := path.Match(q.action, ""); err != nil {
		return fmt.Errorf("action %q: %w", q.action, err)
	}
	if q.limit < 1 {
		return fmt.Errorf("--limit %d: want at least 1", q.limit)
	}
	q.since = time.Now().Add(-q.back.Duration)
	return nil
}

// input has Slipway look for one thing, which is all that it is asked for at a time; wants looks at the rest.
func (q *auditQuery) input() *cloudtrail.LookupEventsInput {
	in := &cloudtrail.LookupEventsInput{StartTime: &q.since}
	by := func(key types.LookupAttributeKey, value string) {
		in.LookupAttributes = []types.LookupAttribute{{AttributeKey: key, AttributeValue: &value}}
	}
	service, operation, found := strings.Cut(q.action, ":")
	switch {
	case q.user != "":
		by(types.LookupAttributeKeyUsername, q.user)
	case found && isPlainName(operation):
		by(types.LookupAttributeKeyEventName, operation)
	case found && isPlainName(service):
		by(types.LookupAttributeKeyEventSource, service+eventSource)
	}
	return in
}

// isPlainName tells a name from a pattern and from nothing.
func isPlainName(s string) bool { return s != "" && !strings.ContainsAny(s, `*?[\`) }

func (q *auditQuery) wants(e auditEvent) bool {
	if q.action != "" {
		if ok, _ := path.Match(q.action, e.action()); !ok { // check has seen that it is a pattern
			return false
		}
	}
	return !q.denied || e.isDenied()
}

// auditEvent is a record of AWS CloudTrail and what is shown of it.
type auditEvent struct {
	raw json.RawMessage

	EventID, EventTime, EventSource, EventName, SourceIPAddress, ErrorCode, RequestID string

	UserIdentity struct{ Type, PrincipalID, ARN, AccountID, InvokedBy, UserName string }
	Resources    []struct{ ARN string }
}

func readAuditEvent(e types.Event) (auditEvent, error) {
	event := auditEvent{raw: json.RawMessage(aws.ToString(e.CloudTrailEvent))}
	if err := json.Unmarshal(event.raw, &event); err != nil {
		return event, fmt.Errorf("event %s: %w", aws.ToString(e.EventId), err)
	}
	return event, nil
}

// MarshalJSON is the record as it came.
func (e auditEvent) MarshalJSON() ([]byte, error) { return e.raw, nil }

const (
	auditHeader = "TIME PRINCIPAL ACTION RESOURCE FROM OUTCOME"
	eventSource = ".amazonaws.com"
)

func (e auditEvent) cells() []string {
	cells := []string{e.EventTime, e.principal(), e.action(), e.resource(), e.SourceIPAddress, e.ErrorCode}
	if e.ErrorCode == "" {
		cells[5] = "ok"
	}
	for i, cell := range cells {
		if cell == "" {
			cells[i] = "-"
		}
	}
	return cells
}

// action is "" for a call that named none.
func (e auditEvent) action() string {
	if e.EventName == "" {
		return strings.TrimSuffix(e.EventSource, eventSource)
	}
	return strings.TrimSuffix(e.EventSource, eventSource) + ":" + e.EventName
}

func (e auditEvent) principal() string {
	u := &e.UserIdentity
	switch u.Type {
	case "Root":
		return "root"
	case "AWSService":
		return u.InvokedBy
	case "AWSAccount":
		return "account " + u.AccountID
	case "Unknown":
		return ""
	}
	a, err := arn.Parse(u.ARN)
	if err != nil {
		return u.PrincipalID
	}
	_, name := a.ResourceID() // "ann", or "deploy/ci" of a role's session
	return name
}

// resource is the first one without what all have in front, and how many more there are.
func (e auditEvent) resource() string {
	if len(e.Resources) == 0 {
		return ""
	}
	name := e.Resources[0].ARN
	if a, err := arn.Parse(name); err == nil {
		name = a.Resource
	}
	if more := len(e.Resources) - 1; more > 0 {
		name += fmt.Sprintf(" +%d", more)
	}
	return name
}

// denials are parts of the codes of errors that say: you may not.
var denials = []string{"AccessDenied", "Unauthorized", "NotAuthorized", "UnrecognizedClient", "InvalidClientTokenId", "InvalidSignature",
	"SignatureDoesNotMatch", "ExpiredToken", "MissingAuthenticationToken", "IncompleteSignature"}

func (e auditEvent) isDenied() bool {
	return slices.ContainsFunc(denials, func(code string) bool { return strings.Contains(e.ErrorCode, code) })
}

// auditReader reads events, and leaves out its own reading of them.
type auditReader struct {
	client *client
	own    map[string]bool // ids of its requests
}

func newAuditReader(c *client) *auditReader { return &auditReader{c, map[string]bool{}} }

// read returns the latest events of a query, the earliest of them first.
func (r *auditReader) read(ctx context.Context, q *auditQuery) (events []auditEvent, err error) {
	for pages := cloudtrail.NewLookupEventsPaginator(r.client.trail, q.input()); pages.HasMorePages() && len(events) < q.limit; {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if id, ok := awsmiddleware.GetRequestIDMetadata(page.ResultMetadata); ok {
			r.own[id] = true
		}
		for _, one := range page.Events {
			e, err := readAuditEvent(one)
			if err != nil {
				return nil, err
			}
			if q.wants(e) && !r.own[e.RequestID] && len(events) < q.limit {
				events = append(events, e)
			}
		}
	}
	slices.Reverse(events)
	return events, nil
}

const (
	auditPause = time.Second
	auditLate  = 10 * time.Second // how late an event of another server may come
)

// followAudit prints events until ctx ends, each once.
func followAudit(ctx context.Context, c *client, q *auditQuery, out *auditPrinter) error {
	reader, told := newAuditReader(c), map[string]bool{}
	if err := out.header(); err != nil {
		return err
	}
	for ctx.Err() == nil { // to be interrupted is how it ends
		from := time.Now().Add(-auditLate)
		events, err := reader.read(ctx, q)
		if err != nil && ctx.Err() == nil {
			return explain(err, c)
		}
		if told, err = out.printNew(events, told); err != nil {
			return err
		}
		q.since, q.limit = from, math.MaxInt
		select {
		case <-ctx.Done():
		case <-time.After(auditPause):
		}
	}
	return nil
}

// auditPrinter prints events one by one, in columns that are wide enough for most.
type auditPrinter struct {
	out  io.Writer
	json bool
}

func (p *auditPrinter) header() error {
	if p.json {
		return nil
	}
	return p.row(strings.Fields(auditHeader))
}

// printNew prints the events that are not told yet, and returns the ids of all of them.
func (p *auditPrinter) printNew(events []auditEvent, told map[string]bool) (now map[string]bool, err error) {
	now = map[string]bool{}
	for _, e := range events {
		if now[e.EventID] = true; !told[e.EventID] && err == nil {
			err = p.print(e)
		}
	}
	return now, err
}

func (p *auditPrinter) print(e auditEvent) error {
	if p.json {
		_, err := fmt.Fprintf(p.out, "%s\n", e.raw)
		return err
	}
	return p.row(e.cells())
}

func (p *auditPrinter) row(cells []string) error {
	for i, width := range []int{20, 16, 28, 40, 15} {
		cells[i] = fmt.Sprintf("%-*s", width, cells[i])
	}
	_, err := fmt.Fprintln(p.out, strings.Join(cells, "  "))
	return err
}
