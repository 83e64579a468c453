package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
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

// noFunction is what a call of a function answers that is not there, or of a qualifier that it has not.
func noFunction(name string) error {
	name = withoutARN(name)
	if name, qualifier, is := strings.Cut(name, ":"); is {
		return withHint(fmt.Errorf("no version or alias %q of a function %q", qualifier, name), `"slipway fn show %s" lists them, and "slipway fn list" functions`, name)
	}
	return withHint(fmt.Errorf("no function %q", name), `"slipway fn list" lists them all, and "slipway fn deploy DIR %s" makes one`, name)
}

// withoutARN is a function as NAME or NAME:QUALIFIER, where it may be named by its ARN.
func withoutARN(name string) string {
	_, after, is := strings.Cut(name, ":function:")
	if is {
		return after
	}
	return name
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
		Example: "  slipway fn show greet\n  slipway fn show greet -o json",
		Args:    cobra.ExactArgs(1),
	}
	data, output := dataFlag(cmd), outputFlag(cmd)
	cmd.ValidArgsFunction = completeFunctions(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		f, err := c.shownFunction(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(cmd.OutOrStdout(), f)
		}
		f.print(cmd.OutOrStdout())
		return nil
	}
	return cmd
}

// fnShown is a function as it is shown.
type fnShown struct {
	Name         string      `json:"name"`
	ARN          string      `json:"arn"`
	State        string      `json:"state"`
	StateReason  string      `json:"stateReason,omitempty"`
	Update       string      `json:"lastUpdateStatus"`
	UpdateReason string      `json:"lastUpdateStatusReason,omitempty"`
	Runtime      string      `json:"runtime"` // "image" for one that is an image
	Handler      string      `json:"handler,omitempty"`
	Architecture string      `json:"architecture"`
	Memory       int32       `json:"memoryMiB"`
	Timeout      int32       `json:"timeoutSeconds"`
	Role         string      `json:"role"`
	CodeSize     int64       `json:"codeBytes"`
	CodeSHA256   string      `json:"codeSha256"`
	LogGroup     string      `json:"logGroup"`
	Reserved     *int32      `json:"reservedConcurrency,omitempty"`
	Aliases      []fnAlias   `json:"aliases"`
	Versions     []fnVersion `json:"versions"` // the last first
}

// fnAlias is an alias, with what part of its calls goes to other versions.
type fnAlias struct {
	Name    string             `json:"name"`
	Version string             `json:"version"`
	Weights map[string]float64 `json:"weights,omitempty"`
}

// fnVersion is a version that was published.
type fnVersion struct {
	Version     string    `json:"version"`
	Modified    time.Time `json:"modified"`
	Description string    `json:"description,omitempty"`
	Latest      bool      `json:"latest"` // it is what the function is now
}

func (c *client) shownFunction(ctx context.Context, name string) (*fnShown, error) {
	f, err := c.function(ctx, name)
	if err != nil {
		return nil, err
	}
	name = aws.ToString(f.Configuration.FunctionName) // without the qualifier that it was asked for by
	versions, err := c.versions(ctx, name)
	if err != nil {
		return nil, err
	}
	aliases, err := c.lambda().ListAliases(ctx, &lambda.ListAliasesInput{FunctionName: &name})
	if err != nil {
		return nil, explain(err, c)
	}
	now := f
	if aws.ToString(f.Configuration.Version) != "$LATEST" {
		if now, err = c.function(ctx, name); err != nil {
			return nil, err
		}
	}
	shown := fnShownOf(f.Configuration)
	if f.Concurrency != nil {
		shown.Reserved = f.Concurrency.ReservedConcurrentExecutions
	}
	for _, a := range aliases.Aliases {
		shown.Aliases = append(shown.Aliases, fnAliasOf(a))
	}
	for _, v := range slices.Backward(versions) {
		shown.Versions = append(shown.Versions, fnVersion{aws.ToString(v.Version), modifiedOf(&v), aws.ToString(v.Description), sameFunction(&v, now.Configuration)})
	}
	return shown, nil
}

func fnShownOf(f *types.FunctionConfiguration) *fnShown {
	return &fnShown{
		Name: aws.ToString(f.FunctionName), ARN: aws.ToString(f.FunctionArn), State: string(f.State), StateReason: aws.ToString(f.StateReason),
		Update: string(f.LastUpdateStatus), UpdateReason: aws.ToString(f.LastUpdateStatusReason), Runtime: kindOf(f), Handler: aws.ToString(f.Handler),
		Architecture: architectureOf(f), Memory: aws.ToInt32(f.MemorySize), Timeout: aws.ToInt32(f.Timeout), Role: aws.ToString(f.Role),
		CodeSize: f.CodeSize, CodeSHA256: aws.ToString(f.CodeSha256), LogGroup: groupOf(f), Aliases: []fnAlias{}, Versions: []fnVersion{},
	}
}

func fnAliasOf(a types.AliasConfiguration) fnAlias {
	alias := fnAlias{Name: aws.ToString(a.Name), Version: aws.ToString(a.FunctionVersion)}
	if a.RoutingConfig != nil {
		alias.Weights = a.RoutingConfig.AdditionalVersionWeights
	}
	return alias
}

func (f *fnShown) print(out io.Writer) {
	fmt.Fprintf(out, "%s  %s\n", f.Name, f.state())
	fmt.Fprintf(out, "  arn      %s\n", f.ARN)
	fmt.Fprintf(out, "  runs     %s\n", strings.Join(nonEmpty(f.Runtime, f.Handler, f.Architecture), ", "))
	fmt.Fprintf(out, "  limits   %d MiB, %d s\n", f.Memory, f.Timeout)
	fmt.Fprintf(out, "  role     %s\n", f.Role)
	fmt.Fprintf(out, "  code     %s, %s\n", sizeText(f.CodeSize), f.CodeSHA256)
	fmt.Fprintf(out, "  logs     %s\n", f.LogGroup)
	if f.Reserved != nil {
		fmt.Fprintf(out, "  reserved %d calls at a time\n", *f.Reserved)
	}
	for _, a := range f.Aliases {
		fmt.Fprintf(out, "  alias    %s is version %s%s\n", a.Name, a.Version, a.shares())
	}
	for _, v := range f.Versions {
		fmt.Fprintf(out, "  version  %s\n", strings.Join(nonEmpty(v.Version, instant(v.Modified), v.Description, v.latest()), "  "))
	}
}

func (v fnVersion) latest() string {
	if v.Latest {
		return "(as it is now)"
	}
	return ""
}

// state says in which state a function is, and why if it is not as it should be.
func (f *fnShown) state() string {
	text := strings.Join(nonEmpty(f.State, f.StateReason), ": ")
	if f.Update == "" || f.Update == string(types.LastUpdateStatusSuccessful) {
		return text
	}
	return text + "; last update " + strings.Join(nonEmpty(f.Update, f.UpdateReason), ": ")
}

// shares says what part of an alias's calls goes to another version.
func (a fnAlias) shares() string {
	for version, share := range a.Weights {
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
		Use:     "delete NAME[:VERSION]",
		Aliases: []string{"rm"},
		Short:   "Delete a function with its versions and aliases, or one version",
		Long: `Delete a function with its versions, its aliases and its URLs, or one version of it, which no alias may
stand for. Its logs stay.`,
		Example: "  slipway fn delete greet\n  slipway fn delete greet:7",
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
		name, qualifier, _ := strings.Cut(withoutARN(args[0]), ":")
		switch {
		case isAPIError(err, "ResourceNotFoundException"):
			return noFunction(args[0])
		case err != nil && qualifier != "" && strings.Trim(qualifier, "0123456789") != "":
			return withHint(explain(err, c), `"aws lambda delete-alias --function-name %s --name %s" deletes an alias, and "slipway fn delete %s" the function`, name, qualifier, name)
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
