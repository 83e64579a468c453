package secrets

import (
	"crypto/rand"
	"math/big"
	"strings"

	"slipway/internal/errs"
)

const (
	lowercase   = "abcdefghijklmnopqrstuvwxyz"
	uppercase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	numbers     = "0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

// Password says what a random password is to be made of.
type Password struct {
	Length        int
	Exclude       string // characters that it has not
	NoLowercase   bool
	NoUppercase   bool
	NoNumbers     bool
	NoPunctuation bool
	Space         bool
	NotEach       bool // it need not have a character of each kind
}

// Make makes a password. It returns ErrInput where there is none.
func (p Password) Make() (string, error) {
	kinds := p.kinds()
	all := strings.Join(kinds, "")
	switch {
	case all == "":
		return "", errs.Say(ErrInput, "The password has no characters to be made of: all are excluded.")
	case !p.NotEach && p.Length < len(kinds):
		return "", errs.Say(ErrInput, "Password length %d is too short based on the required types.", p.Length)
	}
	made := make([]byte, p.Length)
	for i := range made {
		made[i] = pick(all)
	}
	if !p.NotEach {
		for i, place := range places(p.Length, len(kinds)) {
			made[place] = pick(kinds[i])
		}
	}
	return string(made), nil
}

// kinds are the characters of each kind that are left.
func (p Password) kinds() (kinds []string) {
	for _, kind := range []struct {
		not        bool
		characters string
	}{{p.NoLowercase, lowercase}, {p.NoUppercase, uppercase}, {p.NoNumbers, numbers}, {p.NoPunctuation, punctuation}, {!p.Space, " "}} {
		left := strings.Map(func(r rune) rune {
			if strings.ContainsRune(p.Exclude, r) {
				return -1
			}
			return r
		}, kind.characters)
		if !kind.not && left != "" {
			kinds = append(kinds, left)
		}
	}
	return kinds
}

// places are k different places of n, at random.
func places(n, k int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	for i := range k {
		j := i + below(n-i)
		all[i], all[j] = all[j], all[i]
	}
	return all[:k]
}

// pick is one of some characters, each as likely.
func pick(from string) byte { return from[below(len(from))] }

func below(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // never: crypto/rand ends the program instead
	}
	return int(i.Int64())
}

const suffixSize = 6

// suffix is what the ARN of a secret ends in, so that one that is made anew by the same name is another.
func suffix() string {
	made := make([]byte, suffixSize)
	for i := range made {
		made[i] = pick(lowercase + uppercase + numbers)
	}
	return string(made)
}
