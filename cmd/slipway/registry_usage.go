package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"slipway/server"
)

func usageCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "usage [ACCOUNT]",
		Short: "Show what accounts have in the registry, and may have",
		Long: `Show what each account has in the registry that has anything, or one account, and what it may
have. The bytes of a layer count once for an account, in however many of its repositories it is.`,
		Example: `  sudo slipway registry usage -o json`,
		Args:    cobra.MaximumNArgs(1),
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		all, err := server.NewControl(*data).RegistryUsage(cmd.Context(), strings.Join(args, ""))
		if err != nil {
			return controlHint(err)
		}
		return printRows(cmd.OutOrStdout(), output, all, "ACCOUNT BYTES OF LAYERS IMAGES REPOSITORIES OF", func(u server.UsageOf) []string {
			return []string{u.Account, sizeText(u.Bytes), boundText(u.Quota.Bytes, sizeText), strconv.FormatInt(u.Blobs, 10), strconv.FormatInt(u.Images, 10),
				strconv.FormatInt(u.Repositories, 10), boundText(u.Quota.Repositories, func(n int64) string { return strconv.FormatInt(n, 10) })}
		})
	}
	return cmd
}

// boundText is what may be had.
func boundText(n int64, text func(int64) string) string {
	if n < 0 {
		return "any"
	}
	return text(n)
}

func quotaCommand(data *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quota ACCOUNT",
		Short: "Bound what an account may have in the registry",
		Long: `Bound what an account may have in the registry from now on; what it has it keeps. What is not
given is as it is by default: any number of bytes, 20000 images in a repository and 100000
repositories. "any" is no bound.`,
		Example: `  sudo slipway registry quota 123456789012 --bytes 500GiB --images 1000`,
		Args:    cobra.ExactArgs(1),
	}
	bytes := cmd.Flags().String("bytes", "", "bytes of layers, as 500GiB")
	images := cmd.Flags().String("images", "", "images in a repository")
	repositories := cmd.Flags().String("repositories", "", "repositories")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		var q server.RegistryQuota
		if q.Bytes, err = parseBound("bytes", *bytes, parseSize); err != nil {
			return err
		}
		if q.Images, err = parseBound("images", *images, parseCount); err != nil {
			return err
		}
		if q.Repositories, err = parseBound("repositories", *repositories, parseCount); err != nil {
			return err
		}
		return controlHint(server.NewControl(*data).SetRegistryQuota(cmd.Context(), args[0], q))
	}
	return cmd
}

// parseBound reads a number that may not be exceeded: 0 for none given, -1 for "any".
func parseBound(flag, text string, parse func(string) (int64, error)) (int64, error) {
	switch text {
	case "":
		return 0, nil
	case "any":
		return -1, nil
	}
	n, err := parse(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf(`--%s %q: want a number from 1 on, or "any"`, flag, text)
	}
	return n, nil
}

func parseCount(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }

var sizeUnits = []struct {
	name string
	size int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// parseSize reads "10GiB", or bytes alone.
func parseSize(text string) (int64, error) {
	for _, u := range sizeUnits {
		if number, has := strings.CutSuffix(text, u.name); has {
			n, err := strconv.ParseFloat(number, 64)
			return int64(n * float64(u.size)), err
		}
	}
	return strconv.ParseInt(text, 10, 64)
}

// sizeText writes bytes in the largest unit of which there is one at least.
func sizeText(n int64) string {
	for _, u := range sizeUnits {
		if n >= u.size {
			return strconv.FormatFloat(float64(n)/float64(u.size), 'f', 1, 64) + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}
