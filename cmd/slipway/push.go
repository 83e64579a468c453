package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/spf13/cobra"
)

func pushCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "push SOURCE [NAME[:TAG]]",
		Short: "Push an image from a layout, an archive or a folder",
		Long: `Push an image into Slipway's registry, making its repository when there is none.
SOURCE is an OCI layout folder, an archive (of "docker save", or a tar of an OCI layout,
compressed by gzip or not), a folder with a static binary, or such a binary. NAME is by
default that of the source. With oci:FOLDER in place of NAME the image is written there as
an OCI layout instead.`,
		Example: `  CGO_ENABLED=0 go build -o hello/hello . && slipway push ./hello
  slipway push image.tar web:v2
  slipway push ./hello oci:./hello-image && skopeo copy oci:hello-image docker://...`,
		Args: cobra.RangeArgs(1, 2),
	}
	data := dataFlag(cmd)
	var p packing
	cmd.Flags().StringVar(&p.entrypoint, "entrypoint", "", "for a folder: the program to run (default: its only executable)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		image, done, err := readSource(args[0], p)
		if err != nil {
			return err
		}
		defer done()
		target := baseName(args[0])
		if len(args) == 2 {
			target = args[1]
		}
		if folder, ok := strings.CutPrefix(target, "oci:"); ok {
			return writeLayout(cmd, folder, image)
		}
		c, err := newClient(cmd.Context(), *data)
		if err != nil {
			return err
		}
		return c.push(cmd, target, image)
	}
	return cmd
}

// baseName is the name of a source without what archives end in.
func baseName(source string) string {
	if abs, err := filepath.Abs(source); err == nil {
		source = abs // "." has a name too
	}
	base := strings.ToLower(filepath.Base(source))
	for _, end := range []string{".gz", ".tgz", ".tar"} {
		base = strings.TrimSuffix(base, end)
	}
	return base
}

func writeLayout(cmd *cobra.Command, folder string, image remote.Taggable) error {
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return fmt.Errorf("write layout: %w", err)
	}
	tag := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "latest"})
	switch i := image.(type) {
	case v1.Image:
		err = path.AppendImage(i, tag)
	case v1.ImageIndex:
		err = path.AppendIndex(i, tag)
	}
	if err == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "oci:%s:latest\n", folder)
	}
	return err
}

func (c *client) push(cmd *cobra.Command, target string, image remote.Taggable) error {
	if _, err := name.NewTag("registry/" + target); err != nil {
		return fmt.Errorf("name of the image: %w", err)
	}
	repository, tag, _ := strings.Cut(target, ":")
	uri, err := c.ensureRepository(cmd.Context(), repository)
	if err != nil {
		return err
	}
	options := []name.Option{}
	if strings.HasPrefix(c.endpoint, "http://") {
		options = append(options, name.Insecure)
	}
	ref, err := name.NewTag(uri+":"+cmp.Or(tag, "latest"), options...)
	if err != nil {
		return err
	}
	login, err := c.login(cmd.Context())
	if err != nil {
		return err
	}
	if err := pushWithProgress(cmd, ref, image, login); err != nil {
		return fmt.Errorf("push %s: %w", ref, err)
	}
	digest, err := image.(interface{ Digest() (v1.Hash, error) }).Digest()
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s@%s\n", ref, digest)
	return nil
}

// ensureRepository makes the repository when it is not there and returns its address.
func (c *client) ensureRepository(ctx context.Context, repository string) (string, error) {
	made, err := c.ecr.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &repository})
	if err == nil {
		return aws.ToString(made.Repository.RepositoryUri), nil
	}
	if !isAPIError(err, "RepositoryAlreadyExistsException") {
		return "", explain(err, c)
	}
	found, err := c.ecr.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{repository}})
	if err != nil {
		return "", explain(err, c)
	}
	return aws.ToString(found.Repositories[0].RepositoryUri), nil
}

func (c *client) login(ctx context.Context) (authn.Authenticator, error) {
	out, err := c.ecr.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return nil, explain(err, c)
	}
	text, err := base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData[0].AuthorizationToken))
	if err != nil {
		return nil, errors.New("the registry's token is not base64")
	}
	user, password, _ := strings.Cut(string(text), ":")
	return &authn.Basic{Username: user, Password: password}, nil
}

func pushWithProgress(cmd *cobra.Command, ref name.Reference, image remote.Taggable, login authn.Authenticator) error {
	updates := make(chan v1.Update, 16)
	failed := make(chan error, 1)
	go func() {
		options := []remote.Option{remote.WithContext(cmd.Context()), remote.WithAuth(login), remote.WithProgress(updates)}
		switch i := image.(type) {
		case v1.ImageIndex:
			failed <- remote.WriteIndex(ref, i, options...)
		case v1.Image:
			failed <- remote.Write(ref, i, options...)
		}
	}()
	showProgress(cmd, updates) // until the push closes it
	return <-failed
}

// showProgress rewrites one line on a terminal, and is silent elsewhere.
func showProgress(cmd *cobra.Command, updates <-chan v1.Update) {
	terminal := isTerminal(os.Stderr)
	for u := range updates {
		if terminal && u.Total > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "\rpushing %s of %s (%d%%) ", megabytes(u.Complete), megabytes(u.Total), 100*u.Complete/u.Total)
		}
	}
	if terminal {
		fmt.Fprint(cmd.ErrOrStderr(), "\r\x1b[K") // clear the line
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
