package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/spf13/cobra"
)

func fnRollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Bring a function back to a version of before",
		Long: `Bring a function back to the version that was in service before what is there now, or to the one that
--to names: its code, and its configuration. No call fails meanwhile. Called again, it goes back further.
After an update that does not start, that is the version that worked and was in service when the update came.
Which versions came into service, "slipway fn deploy" and "slipway fn rollback" note in the function's tag
slipway:deployed; what was deployed otherwise goes by the numbers of its versions.
Aliases stay where they are.`,
		Example: "  slipway fn rollback greet\n  slipway fn rollback greet --to 7",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	to := cmd.Flags().String("to", "", "version to go back to")
	cmd.ValidArgsFunction = completeFunctions(data)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		return c.rollBackFunction(cmd.Context(), cmd.OutOrStdout(), args[0], *to)
	}
	return cmd
}

func (c *client) rollBackFunction(ctx context.Context, out io.Writer, name, to string) error {
	now, err := c.function(ctx, name)
	if err != nil {
		return err
	}
	all, err := c.versions(ctx, name)
	if err != nil {
		return err
	}
	served := servedOf(now.Tags)
	target, err := versionBefore(name, to, now.Configuration, served, all)
	if err != nil {
		return err
	}
	number := aws.ToString(target.Version)
	if err := c.restoreFunction(ctx, name, number, now.Configuration); err != nil {
		return err
	}
	if err := c.noteServed(ctx, now.Configuration, served.backTo(number)); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: back to version %s\n", name, number)
	return nil
}

// versionBefore is the version that is named; or of those that were in service the last one before what is there now that
// is not the same; or, where none is known to have been, of all.
func versionBefore(name, to string, now *types.FunctionConfiguration, served served, all []types.FunctionConfiguration) (*types.FunctionConfiguration, error) {
	if to != "" {
		if i := slices.IndexFunc(all, func(v types.FunctionConfiguration) bool { return aws.ToString(v.Version) == to }); i >= 0 {
			return &all[i], nil
		}
		return nil, withHint(fmt.Errorf("%s has no version %s", name, to), `"slipway fn show %s" lists its versions`, name)
	}
	if known := served.among(all); len(known) > 0 {
		all = known
	}
	current := len(all) // what is there now was not published, or does not start
	for i := range all {
		if sameFunction(&all[i], now) {
			current = i
		}
	}
	for i := current - 1; i >= 0; i-- {
		if !sameFunction(&all[i], now) {
			return &all[i], nil
		}
	}
	return nil, withHint(fmt.Errorf("%s has no version before the one that is in service", name), `"slipway fn show %s" lists its versions; "slipway fn deploy" publishes one each time`, name)
}

// sameFunction reports whether two versions run the same code in the same way.
func sameFunction(a, b *types.FunctionConfiguration) bool {
	return aws.ToString(a.CodeSha256) == aws.ToString(b.CodeSha256) && slices.Equal(a.Architectures, b.Architectures) && sameConfiguration(a, b)
}

func sameConfiguration(a, b *types.FunctionConfiguration) bool {
	return reflect.DeepEqual(configurationThen("", a), configurationThen("", b))
}

func variablesOf(f *types.FunctionConfiguration) map[string]string {
	if f.Environment == nil {
		return nil
	}
	return f.Environment.Variables
}

func layersOf(f *types.FunctionConfiguration) (arns []string) {
	for _, l := range f.Layers {
		arns = append(arns, aws.ToString(l.Arn))
	}
	return arns
}

// restoreFunction makes a function what a version of it is.
func (c *client) restoreFunction(ctx context.Context, name, version string, now *types.FunctionConfiguration) error {
	then, err := c.function(ctx, name+":"+version)
	if err != nil {
		return err
	}
	in := &lambda.UpdateFunctionCodeInput{FunctionName: &name, Architectures: then.Configuration.Architectures}
	if then.Configuration.PackageType == types.PackageTypeImage {
		in.ImageUri = then.Code.ResolvedImageUri
	} else if in.ZipFile, err = download(ctx, aws.ToString(then.Code.Location)); err != nil {
		return fmt.Errorf("code of version %s: %w", version, err)
	}
	if !sameConfiguration(then.Configuration, now) {
		if _, err := c.lambda().UpdateFunctionConfiguration(ctx, configurationThen(name, then.Configuration)); err != nil {
			return explain(err, c)
		}
		if err := c.followFunction(ctx, name); err != nil && !errors.Is(err, errNotStarted) { // what does not start is what one comes back from
			return err
		}
	}
	if _, err := c.lambda().UpdateFunctionCode(ctx, in); err != nil {
		return explain(err, c)
	}
	return c.followFunction(ctx, name)
}

func configurationThen(name string, then *types.FunctionConfiguration) *lambda.UpdateFunctionConfigurationInput {
	in := &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &name, MemorySize: then.MemorySize, Timeout: then.Timeout, Role: then.Role, Layers: layersOf(then),
		Environment: &types.Environment{Variables: variablesOf(then)}, EphemeralStorage: then.EphemeralStorage, LoggingConfig: then.LoggingConfig,
	}
	if then.TracingConfig != nil {
		in.TracingConfig = &types.TracingConfig{Mode: then.TracingConfig.Mode}
	}
	if then.PackageType == types.PackageTypeImage { // what is empty goes back to what the image says
		in.ImageConfig = &types.ImageConfig{}
		if said := then.ImageConfigResponse; said != nil && said.ImageConfig != nil {
			in.ImageConfig = said.ImageConfig
		}
	}
	if in.Layers == nil {
		in.Layers = []string{}
	}
	if in.Environment.Variables == nil {
		in.Environment.Variables = map[string]string{}
	}
	if then.PackageType != types.PackageTypeImage {
		in.Runtime, in.Handler = then.Runtime, then.Handler
	}
	return in
}

// maxDownload is how large the zip of a function may be, in bytes.
const maxDownload = 50 << 20

func download(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it cannot be downloaded: %s", resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxDownload+1))
}
