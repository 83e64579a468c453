package errs_test

import (
	"errors"
	"fmt"
	"testing"

	"slipway/internal/errs"
)

func TestKindSurvivesWrapping(t *testing.T) {
	errNoDog := errs.New(errs.NotFound, "no such dog")
	err := fmt.Errorf("walk: %w", fmt.Errorf("%w: %s", errNoDog, "rex"))

	if got := errs.KindOf(err); got != errs.NotFound {
		t.Errorf("KindOf = %v, want %v", got, errs.NotFound)
	}
	if !errors.Is(err, errNoDog) {
		t.Error("the cause is lost in wrapping")
	}
	if got, want := err.Error(), "walk: no such dog: rex"; got != want {
		t.Errorf("text = %q, want %q", got, want)
	}
}

func TestUndeclaredErrorsAreInternal(t *testing.T) {
	if got := errs.KindOf(errors.New("disk on fire")); got != errs.Internal {
		t.Errorf("KindOf = %v, want %v", got, errs.Internal)
	}
}

func TestDeclaredLeavesOutWhatWasWrapped(t *testing.T) {
	errFull := errs.New(errs.Unavailable, "the disk is full")
	if got := errs.Declared(fmt.Errorf("%w: write /secret/path: 13", errFull)); got != errFull {
		t.Errorf("Declared = %v, want %v", got, errFull)
	}
	if got := errs.Declared(errors.New("boom")); got != nil {
		t.Errorf("Declared = %v, want none", got)
	}
}

func TestSayIsItsCauseInOtherWords(t *testing.T) {
	errNoDog := errs.New(errs.NotFound, "no such dog")
	err := errs.Say(errNoDog, "The dog %s cannot be found.", "rex")
	if !errors.Is(err, errNoDog) || errs.KindOf(err) != errs.NotFound || err.Error() != "The dog rex cannot be found." {
		t.Errorf("it is %q of kind %v", err, errs.KindOf(err))
	}
}
