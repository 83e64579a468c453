package registry_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"slipway/registry"
)

// runs starts the loops of a registry until the test ends.
func (k kit) runs() {
	ctx, stop := context.WithCancel(k.t.Context())
	var running sync.WaitGroup
	running.Go(func() { k.Run(ctx) })
	k.t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

const scanner = "arn:aws:iam::" + account + ":role/tools/scanner"

func TestPullersAreExcludedByName(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		made, err := k.ExcludePuller(t.Context(), account, scanner)
		check(t, err)
		if made.Principal != scanner || made.Created.IsZero() {
			t.Errorf("made %+v", made)
		}
		_, err = k.ExcludePuller(t.Context(), account, scanner)
		wantErr(t, err, registry.ErrExclusionExists)
		_, err = k.ExcludePuller(t.Context(), account, "arn:aws:iam::"+account+":user/ann")
		check(t, err)
		found, err := k.Exclusions(t.Context(), account, "", 1)
		check(t, err)
		rest, err := k.Exclusions(t.Context(), account, found[0].Principal, 10)
		check(t, err)
		wantSame(t, "excluded", []string{found[0].Principal, rest[0].Principal}, []string{scanner, "arn:aws:iam::" + account + ":user/ann"})

		check(t, k.IncludePuller(t.Context(), account, scanner))
		wantErr(t, k.IncludePuller(t.Context(), account, scanner), registry.ErrNoExclusion)
	})
}

func TestAnAccountExcludesAHundredPullers(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for i := range 100 {
			_, err := k.ExcludePuller(t.Context(), account, fmt.Sprintf("arn:aws:iam::%s:user/u%d", account, i))
			check(t, err)
		}
		_, err := k.ExcludePuller(t.Context(), account, scanner)
		wantErr(t, err, registry.ErrTooManyExclusions)
	})
}

// Only the pulls of those who count say when an image was last pulled.
func TestExcludedPullsAreNotNoted(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "v1", "{}", "layer")
		_, err := k.ExcludePuller(t.Context(), account, scanner)
		check(t, err)
		_, err = k.ExcludePuller(t.Context(), account, "arn:aws:iam::"+account+":user/ann")
		check(t, err)
		for principal, noted := range map[string]bool{
			"arn:aws:sts::" + account + ":assumed-role/scanner/session": false,
			"arn:aws:iam::" + account + ":user/ann":                     false,
			"arn:aws:iam::" + account + ":user/bob":                     true,
			"arn:aws:sts::999999999999:assumed-role/scanner/session":    true,
			"arn:aws:iam::" + account + ":root":                         true,
		} {
			if got := k.Puller(t.Context(), account, principal) == t.Context(); got != noted {
				t.Errorf("pulls of %s count: %v, want %v", principal, got, noted)
			}
			if theirs := k.Puller(t.Context(), "999999999999", principal); theirs != t.Context() {
				t.Errorf("pulls of %s do not count for another account", principal)
			}
		}
	})
}

// What one server is told, the others learn.
func TestExclusionsReachOtherServers(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		other := kit{t: t, db: k.db, blobs: k.blobs}
		other.Control = another(t, k)
		other.runs()
		_, err := k.ExcludePuller(t.Context(), account, scanner)
		check(t, err)
		eventually(t, "the other server knows", func() bool {
			return other.Puller(t.Context(), account, scanner) != t.Context()
		})
		check(t, k.IncludePuller(t.Context(), account, scanner))
		eventually(t, "the other server knows again", func() bool {
			return other.Puller(t.Context(), account, scanner) == t.Context()
		})
	})
}
