package taskdef

import (
	"encoding/json"

	"slipway/internal/errs"
)

// maxBytes is how large a definition can be as JSON. Source: Amazon ECS service quotas.
const maxBytes = 65536

// Encode returns the JSON in which a Spec is kept, and the Spec as everybody will read it: an empty list is none. It
// fails with ErrInvalid where that is too large.
func (s Spec) Encode() (text string, kept Spec, err error) {
	bytes, err := json.Marshal(s)
	if err != nil {
		return "", Spec{}, err
	}
	if len(bytes) > maxBytes {
		return "", Spec{}, errs.Say(ErrInvalid, "Actual length: '%d'. Max allowed length is '%d' bytes.", len(bytes), maxBytes)
	}
	return string(bytes), kept, json.Unmarshal(bytes, &kept)
}
