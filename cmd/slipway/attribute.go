package main

import (
	"fmt"
	"strings"

	"slipway/internal/lazyregexp"
)

// attributePattern is the form of an attribute. Source: Amazon ECS API Reference, Attribute.
var attributePattern = lazyregexp.New(`^[a-zA-Z0-9_./-]{1,128}=([a-zA-Z0-9_./:@-]([a-zA-Z0-9_./:@ -]{0,126}[a-zA-Z0-9_./:@-])?)?$`)

// attributesOf reads what the operator of a machine says of it.
func attributesOf(said []string) (map[string]string, error) {
	attributes := map[string]string{}
	for _, text := range said {
		name, value, _ := strings.Cut(text, "=")
		switch {
		case !attributePattern.MatchString(text):
			return nil, fmt.Errorf("attribute %q is not of the form NAME=VALUE, of letters, digits and -_./:@", text)
		case strings.HasPrefix(name, "ecs."):
			return nil, fmt.Errorf("attribute %q: what begins with ecs. the machine says itself", text)
		}
		attributes[name] = value
	}
	return attributes, nil
}
