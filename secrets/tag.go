package secrets

import (
	"encoding/json"
	"maps"
	"strings"

	"slipway/internal/errs"
)

// maxTags is how many tags a parameter or a secret may have.
const maxTags = 50

// tagged adds tags to those that are there and takes others away, or tells what AWS says of too many.
func tagged(have, add map[string]string, remove []string, tooMany error) (map[string]string, error) {
	tags := map[string]string{}
	maps.Copy(tags, have)
	for key := range add {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, errs.Say(ErrInput, "Tag keys that begin with aws: are reserved for system use: %s", key)
		}
	}
	maps.Copy(tags, add)
	for _, key := range remove {
		delete(tags, key)
	}
	if len(tags) > maxTags {
		return nil, tooMany
	}
	return tags, nil
}

// jsonText is v as a column has it.
func jsonText(v any) string {
	text, _ := json.Marshal(v) // of maps and lists of strings, which always can be written
	return string(text)
}

// jsonList is a list as a column has it: never null.
func jsonList(list []string) string { return jsonText(append([]string{}, list...)) }
