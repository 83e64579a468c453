package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/spf13/cobra"
)

func fnCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fn",
		Short: "Functions: code that runs when it is called",
		Long: `Bring code into functions, and look after them. A function is called with "slipway invoke", with
"aws lambda invoke", an AWS SDK, or at a URL of its own; docs/functions.md tells how.`,
		Example: `  slipway fn deploy ./greet
  slipway invoke greet -d '{"name":"you"}' --tail
  slipway fn logs -f greet
  slipway fn rollback greet`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(fnDeployCommand(), fnListCommand(), fnShowCommand(), fnLogsCommand(), fnRollbackCommand(), fnDeleteCommand(), fnDeadCommand())
	return cmd
}

func (c *client) lambda() *lambda.Client { return lambda.NewFromConfig(c.config) }

func noFunction(name string) error {
	return withHint(fmt.Errorf("no function %q", name), `"slipway fn list" lists them all, and "slipway fn deploy DIR %s" makes one`, name)
}

// function reads a function, or a version or an alias of it, as NAME:QUALIFIER.
func (c *client) function(ctx context.Context, name string) (*lambda.GetFunctionOutput, error) {
	out, err := c.lambda().GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	if isAPIError(err, "ResourceNotFoundException") {
		return nil, noFunction(name)
	}
	return out, explain(err, c)
}

// functions lists the functions of the account.
func (c *client) functions(ctx context.Context) (all []types.FunctionConfiguration, err error) {
	pages := lambda.NewListFunctionsPaginator(c.lambda(), &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain(err, c)
		}
		all = append(all, page.Functions...)
	}
	return all, nil
}

// completeFunctions offers the names of functions to the shell.
func completeFunctions(data *string) cobra.CompletionFunc {
	return completedBy(func(ctx context.Context) (names []string) {
		c, err := newClient(ctx, *data)
		if err != nil {
			return nil
		}
		all, _ := c.functions(ctx)
		for _, f := range all {
			names = append(names, aws.ToString(f.FunctionName)+"\t"+kindOf(&f))
		}
		return names
	})
}

// kindOf is what a function is made of: its runtime, or an image.
func kindOf(f *types.FunctionConfiguration) string {
	if f.PackageType == types.PackageTypeImage {
		return "image"
	}
	return string(f.Runtime)
}

func fnListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List functions",
		Long:    `List functions, and how often each was called in the last 24 hours.`,
		Example: "  slipway fn list\n  slipway fn list -o json",
		Args:    cobra.NoArgs,
	}
	data, output := dataFlag(cmd), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		all, err := c.functions(cmd.Context())
		if err != nil {
			return err
		}
		usage, err := c.functionUsage(cmd.Context())
		if err != nil {
			return err
		}
		rows := make([]fnRow, len(all))
		for i := range all {
			rows[i] = fnRowOf(&all[i], usage[aws.ToString(all[i].FunctionArn)])
		}
		return printRows(cmd.OutOrStdout(), output, rows, "FUNCTION RUNTIME MEMORY TIMEOUT CODE CALLS ERRORS MODIFIED", fnRow.cells)
	}
	return cmd
}

// fnRow is a function as it is listed.
type fnRow struct {
	Name     string    `json:"name"`
	ARN      string    `json:"arn"`
	Runtime  string    `json:"runtime"` // "image" for one that is an image
	Memory   int32     `json:"memoryMiB"`
	Timeout  int32     `json:"timeoutSeconds"`
	CodeSize int64     `json:"codeBytes"`
	Calls    int64     `json:"calls"` // in the last 24 hours
	Errors   int64     `json:"errors"`
	Colds    int64     `json:"coldStarts"`
	Modified time.Time `json:"modified"`
}

func fnRowOf(f *types.FunctionConfiguration, u functionUsage) fnRow {
	return fnRow{
		Name: aws.ToString(f.FunctionName), ARN: aws.ToString(f.FunctionArn), Runtime: kindOf(f), Memory: aws.ToInt32(f.MemorySize),
		Timeout: aws.ToInt32(f.Timeout), CodeSize: f.CodeSize, Calls: u.Invocations, Errors: u.Errors, Colds: u.ColdStarts, Modified: modifiedOf(f),
	}
}

func (r fnRow) cells() []string {
	return []string{
		r.Name, r.Runtime, fmt.Sprintf("%dMiB", r.Memory), fmt.Sprintf("%ds", r.Timeout), sizeText(r.CodeSize), fmt.Sprint(r.Calls), fmt.Sprint(r.Errors), instant(r.Modified),
	}
}

// modifiedOf is when a function was changed last. Source: Lambda API, LastModified.
func modifiedOf(f *types.FunctionConfiguration) time.Time {
	t, err := time.Parse("2006-01-02T15:04:05.000-0700", aws.ToString(f.LastModified))
	if err != nil {
		return time.Time{}
	}
	return t
}

// functionUsage is how often a function was called.
type functionUsage struct {
	FunctionArn                     string
	Invocations, Errors, ColdStarts int64
}

// functionUsage asks how often functions were called in the last 24 hours, by their ARNs. No SDK knows the call, for it
// is Slipway's own.
func (c *client) functionUsage(ctx context.Context) (map[string]functionUsage, error) {
	var out struct{ Functions []functionUsage }
	if err := c.call(ctx, "SlipwayCalls_20261121.DescribeFunctionUsage", struct{}{}, &out); err != nil {
		return nil, explain(err, c)
	}
	usage := map[string]functionUsage{}
	for _, u := range out.Functions {
		usage[u.FunctionArn] = u
	}
	return usage, nil
}

func fnShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a function with its versions and aliases",
		Long:    `Show a function: what it is made of, in which state it is, its versions and its aliases.`,
		Example: "  slipway fn show greet",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	cmd.ValidArgsFunction = completeFunctions(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		return c.showFunction(cmd.Context(), cmd.OutOrStdout(), args[0])
	}
	return cmd
}

func (c *client) showFunction(ctx context.Context, out io.Writer, name string) error {
	f, err := c.function(ctx, name)
	if err != nil {
		return err
	}
	versions, err := c.versions(ctx, name)
	if err != nil {
		return err
	}
	aliases, err := c.lambda().ListAliases(ctx, &lambda.ListAliasesInput{FunctionName: &name})
	if err != nil {
		return explain(err, c)
	}
	is := f.Configuration
	fmt.Fprintf(out, "%s  %s\n", aws.ToString(is.FunctionName), stateOf(is))
	fmt.Fprintf(out, "  arn      %s\n", aws.ToString(is.FunctionArn))
	fmt.Fprintf(out, "  runs     %s\n", strings.Join(nonEmpty(kindOf(is), aws.ToString(is.Handler), architectureOf(is)), ", "))
	fmt.Fprintf(out, "  limits   %d MiB, %d s\n", aws.ToInt32(is.MemorySize), aws.ToInt32(is.Timeout))
	fmt.Fprintf(out, "  role     %s\n", aws.ToString(is.Role))
	fmt.Fprintf(out, "  code     %s, %s\n", sizeText(is.CodeSize), aws.ToString(is.CodeSha256))
	if is.LoggingConfig != nil {
		fmt.Fprintf(out, "  logs     %s\n", aws.ToString(is.LoggingConfig.LogGroup))
	}
	if r := f.Concurrency; r != nil && r.ReservedConcurrentExecutions != nil {
		fmt.Fprintf(out, "  reserved %d calls at a time\n", *r.ReservedConcurrentExecutions)
	}
	for _, a := range aliases.Aliases {
		fmt.Fprintf(out, "  alias    %s is version %s%s\n", aws.ToString(a.Name), aws.ToString(a.FunctionVersion), shareOf(a))
	}
	for i := len(versions) - 1; i >= 0; i-- {
		v := &versions[i]
		fmt.Fprintf(out, "  version  %s  %s  %s\n", aws.ToString(v.Version), instant(modifiedOf(v)), aws.ToString(v.Description))
	}
	return nil
}

// stateOf says in which state a function is, and why if it is not as it should be.
func stateOf(f *types.FunctionConfiguration) string {
	text := string(f.State)
	if reason := aws.ToString(f.StateReason); reason != "" {
		text += ": " + reason
	}
	if f.LastUpdateStatus != "" && f.LastUpdateStatus != types.LastUpdateStatusSuccessful {
		text += "; last update " + string(f.LastUpdateStatus)
		if reason := aws.ToString(f.LastUpdateStatusReason); reason != "" {
			text += ": " + reason
		}
	}
	return text
}

// shareOf is the share of an alias's calls that go to another version.
func shareOf(a types.AliasConfiguration) string {
	if a.RoutingConfig == nil {
		return ""
	}
	for version, share := range a.RoutingConfig.AdditionalVersionWeights {
		return fmt.Sprintf(", %g%% of the calls go to version %s", share*100, version)
	}
	return ""
}

func architectureOf(f *types.FunctionConfiguration) string {
	for _, a := range f.Architectures {
		return string(a)
	}
	return ""
}

func nonEmpty(texts ...string) (some []string) {
	for _, text := range texts {
		if text != "" {
			some = append(some, text)
		}
	}
	return some
}

func fnDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete NAME",
		Aliases: []string{"rm"},
		Short:   "Delete a function with its versions and aliases",
		Long:    `Delete a function with its versions, its aliases and its URLs. Its logs stay.`,
		Example: "  slipway fn delete greet",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	cmd.ValidArgsFunction = completeFunctions(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		_, err = c.lambda().DeleteFunction(cmd.Context(), &lambda.DeleteFunctionInput{FunctionName: &args[0]})
		if isAPIError(err, "ResourceNotFoundException") {
			return noFunction(args[0])
		}
		return explain(err, c)
	}
	return cmd
}

// groupOf is the log group of a function.
func groupOf(f *types.FunctionConfiguration) string {
	group := ""
	if f.LoggingConfig != nil {
		group = aws.ToString(f.LoggingConfig.LogGroup)
	}
	return cmp.Or(group, "/aws/lambda/"+aws.ToString(f.FunctionName))
}
