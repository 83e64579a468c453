package ecr

import (
	"errors"
	"fmt"
	"testing"

	"slipway/api/awswire"
	"slipway/internal/errs"
	"slipway/registry"
)

var errFull = errs.New(errs.Unavailable, "no room left")

// What the wire's own checks stop before it gets here, or only a full disk brings about.
func TestFaultsThatClientsHardlySee(t *testing.T) {
	for _, c := range []struct {
		err        error
		code, text string
	}{
		{registry.CheckName("A"), "InvalidParameterException", `Invalid parameter at 'repositoryName' failed to satisfy constraint: '"A", want 2 to 256 characters: lower-case letters and digits, in parts separated by one of . _ __ - /'`},
		{&registry.Error{Cause: fmt.Errorf("%w: 5 bytes", registry.ErrManifestTooLarge), Repository: "web"}, "InvalidParameterException", "Invalid parameter at 'imageManifest' failed to satisfy constraint: 'the manifest is larger than 4 MiB: 5 bytes'"},
		{fmt.Errorf("append: %w", errFull), "ServerException", "The registry has no room left for this. Try again when there is more."},
	} {
		fault, ok := errors.AsType[*awswire.Fault](faultOf(c.err))
		if !ok || fault.Shape != c.code || fault.Message != c.text {
			t.Errorf("%v becomes %v, want %s: %s", c.err, fault, c.code, c.text)
		}
	}
	defect := errors.New("a defect")
	if err := faultOf(defect); err != defect {
		t.Errorf("%v becomes %v, want it as it is, for the log", defect, err)
	}
}
