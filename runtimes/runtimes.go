// Package runtimes is in which images functions run: which runtimes there are, and the image for programs that bring
// all they need, which is made here. The others are made by scripts/runtimes from Debian's packages and the bootstraps
// in the folders beside, and pushed like any image.
package runtimes

import (
	"slices"
	"strings"
)

// Known are the runtimes that there are images for, in order.
var Known = []string{"nodejs18.x", "provided", "provided.al2", "provided.al2023", "python3.11"}

// IsKnown tells whether there is an image for a runtime.
func IsKnown(runtime string) bool { return slices.Contains(Known, runtime) }

// IsBuiltIn tells whether functions of a runtime can run in the image that Base makes.
func IsBuiltIn(runtime string) bool {
	return strings.HasPrefix(runtime, "provided") && IsKnown(runtime)
}

// BaseRepository is the repository of what Base makes. Its images are tagged by BaseTag.
const BaseRepository = "slipway/runtimes/built-in"

// Repository is where the image of a runtime is pushed to. Its images are tagged by their architecture.
func Repository(runtime string) string { return "slipway/runtimes/" + runtime }

// BaseTag tags what Base makes for an architecture; another edition of it has another tag.
func BaseTag(architecture string) string { return architecture + "-" + edition }

// edition counts changes of what Base makes.
const edition = "1"
