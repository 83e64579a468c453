package main

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slipway/server"
)

func marksCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "marks",
		Short:   "Show which layers may not be used, and why",
		Long:    `Show the marks: which layers may not be used in which account, and why.`,
		Example: `  sudo slipway registry marks --account 123456789012`,
		Args:    cobra.NoArgs,
	}
	account := cmd.Flags().String("account", "", "only those that hold in this account")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := server.NewControl(*data).Marks(cmd.Context(), *account)
		if err != nil {
			return controlHint(err)
		}
		now := time.Now()
		return printRows(cmd.OutOrStdout(), output, all, "MARK ACCOUNT LAYERS AGE CRITERIA REASON", func(m server.Mark) []string {
			return []string{m.ID, cmp.Or(m.Scope, "all"), strconv.Itoa(m.Blobs), age(m.Created, now), criteriaText(m.Criteria), m.Reason}
		})
	}
	return cmd
}

// criteriaText says in short what a mark is about.
func criteriaText(c server.MarkCriteria) string {
	var parts []string
	for _, part := range []struct{ name, value string }{
		{"digest", string(c.Digest)}, {"image", c.Image}, {"label", c.Label}, {"file", c.FilePath}, {"file-hash", c.FileDigest},
		{"repository", c.Repository},
	} {
		if part.value != "" {
			parts = append(parts, part.name+" "+part.value)
		}
	}
	if !c.StoredBefore.IsZero() {
		parts = append(parts, "before "+c.StoredBefore.Format(time.RFC3339))
	}
	if len(c.Bytes) > 0 {
		parts = append(parts, "bytes "+strconv.Quote(string(c.Bytes)))
	}
	return strings.Join(parts, ", ")
}

// markFlags are the flags of "mark".
type markFlags struct {
	account, repository, reason                        string
	digest, image, label, before, text, file, fileHash string
	everywhere                                         bool
}

func markCommand(data *string) *cobra.Command {
	var f markFlags
	cmd := &cobra.Command{
		Use:   "mark --reason TEXT",
		Short: "Mark layers as not to be used",
		Long: `Mark layers as not to be used: those that meet one criterion now, in one account or in all. From
then on no image with one is pulled or pushed, and whoever tries reads the reason. The layers
are taken away by the next sweep; until then "unmark" makes all as it was. The same again marks
what came since, and reads no layer twice.`,
		Example: `  sudo slipway registry mark --file usr/lib/libbad.so --reason CVE-2026-1
  sudo slipway registry mark --digest sha256:9f86d081... --reason "it leaks a key"
  sudo slipway registry mark --account 123456789012 --image web:v3 --reason "withdrawn"`,
		Args: cobra.NoArgs,
	}
	f.add(cmd)
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		request, err := f.request(time.Now())
		if err != nil {
			return err
		}
		made, err := server.NewControl(*data).Mark(cmd.Context(), request)
		if err != nil {
			return controlHint(err)
		}
		if *output == "json" {
			return printJSON(cmd.OutOrStdout(), made)
		}
		for _, d := range made.Unreadable {
			fmt.Fprintf(cmd.ErrOrStderr(), "layer %s cannot be read, so nobody knows what is in it\n", d)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "mark %s: %d layers, %d of them new; %d more images are out of use; %s were read\n",
			made.ID, made.Blobs, made.New, made.Images, sizeText(made.Read))
		return err
	}
	return cmd
}

func (f *markFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.reason, "reason", "", "why, for whoever is refused")
	flags.StringVar(&f.account, "account", "", "account that is searched, and in which the mark holds (default all)")
	flags.BoolVar(&f.everywhere, "everywhere", false, "with --account: what is found there is marked in all accounts")
	flags.StringVar(&f.repository, "repository", "", "only layers of this repository of the account")
	flags.StringVar(&f.digest, "digest", "", "a layer, whether it is there or not")
	flags.StringVar(&f.image, "image", "", "all layers of an image of the account, as web:v3 or web@sha256:...")
	flags.StringVar(&f.label, "label", "", "layers of images with this label, NAME or NAME=VALUE, in their config or on their repository")
	flags.StringVar(&f.before, "before", "", "layers stored before this time, 2026-01-31T00:00:00Z, or longer ago than 720h")
	flags.StringVar(&f.text, "bytes", "", `layers with these bytes in them, packed or not; \x00 and the like are bytes`)
	flags.StringVar(&f.file, "file", "", "layers with a file of this path")
	flags.StringVar(&f.fileHash, "file-hash", "", "layers with a file of this SHA-256")
	cmd.MarkFlagRequired("reason")
}

func (f *markFlags) request(now time.Time) (r server.MarkRequest, err error) {
	r.Reason, r.Scope = f.reason, f.account
	if f.everywhere {
		if f.account == "" {
			return r, errors.New("--everywhere: a mark without --account holds in all accounts anyway")
		}
		r.Scope = ""
	}
	c := &r.Criteria
	c.Account, c.Repository, c.Digest, c.Label, c.FilePath = f.account, f.repository, server.RegistryDigest(f.digest), f.label, f.file
	if f.digest != "" {
		c.Account = ""
	}
	if f.fileHash != "" {
		c.FileDigest = "sha256:" + strings.TrimPrefix(f.fileHash, "sha256:")
	}
	if f.image != "" {
		if c.Repository, c.Image, err = imageFlag(f.image); err != nil {
			return r, err
		}
	}
	if f.text != "" {
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(f.text, `"`, `\"`) + `"`)
		if err != nil {
			return r, fmt.Errorf(`--bytes %q: want text, in which \x00 and the like are bytes and \\ is a \`, f.text)
		}
		c.Bytes = []byte(text)
	}
	c.StoredBefore, err = beforeFlag(f.before, now)
	return r, err
}

// imageFlag parts web:v3 and web@sha256:... .
func imageFlag(text string) (repository, reference string, err error) {
	if repository, reference, found := strings.Cut(text, "@"); found {
		return repository, reference, nil
	}
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return "", "", fmt.Errorf("--image %q: want REPOSITORY:TAG or REPOSITORY@DIGEST", text)
	}
	return text[:i], text[i+1:], nil
}

// beforeFlag reads a time, or how long ago it was.
func beforeFlag(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("--before %q: want a time, as 2026-01-31T00:00:00Z, or how long ago, as 720h", text)
	}
	return at, nil
}

func unmarkCommand(data *string) *cobra.Command {
	return &cobra.Command{
		Use:     "unmark MARK",
		Short:   "Let marked layers be used again",
		Long:    `Let marked layers be used again. Those that a sweep took away have to be pushed again.`,
		Example: `  sudo slipway registry unmark 0b6a8d0c-52d5-4b5e-9c0e-6a1f4a7f2b11`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return controlHint(server.NewControl(*data).Unmark(cmd.Context(), args[0]))
		},
	}
}
