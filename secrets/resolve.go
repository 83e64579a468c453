package secrets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"slipway/internal/arn"
)

// Needed is what who wants the value of a reference must be allowed.
type Needed struct {
	Action   string            // "ssm:GetParameters" or "secretsmanager:GetSecretValue"
	Resource string            // an ARN
	Keys     map[string]string // condition keys of the service, in lower case, that the reference has
	Tags     map[string]string
	Policy   string // of the secret; "": none
}

// Need tells what who wants the value of a reference must be allowed. Of what is not there it tells as much as
// policies need to decide. It returns ErrUnresolved where the reference is none.
func (c *Control) Need(ctx context.Context, account, valueFrom string) (Needed, error) {
	if !isSecretARN(valueFrom) {
		ref := c.ParameterRef(account, valueFrom)
		if ref.Name == "" || ref.Account != account {
			return Needed{}, invalidParameter(valueFrom)
		}
		tags, err := c.DecidingParameterTags(ctx, ref)
		return Needed{Action: "ssm:GetParameters", Resource: c.ParameterARN(account, ref.Name), Tags: tags}, err
	}
	part, err := parseSecretPart(valueFrom)
	if err != nil {
		return Needed{}, err
	}
	s, err := c.Deciding(ctx, c.SecretRef(account, part.secret))
	return Needed{Action: "secretsmanager:GetSecretValue", Resource: s.ARN, Keys: part.keys(s.ARN, c.region), Tags: s.Tags, Policy: s.Policy}, err
}

// keys are the condition keys that a call which reads the part would have.
func (p secretPart) keys(arn, region string) map[string]string {
	keys := map[string]string{"secretsmanager:secretid": arn, "secretsmanager:secretprimaryregion": region}
	if p.version != "" {
		keys["secretsmanager:versionid"] = p.version
	}
	if p.stage != "" {
		keys["secretsmanager:versionstage"] = p.stage
	} else if p.version == "" {
		keys["secretsmanager:versionstage"] = StageCurrent
	}
	return keys
}

// Resolve returns the value that a container's secret has by its valueFrom: the name or the ARN of a parameter
// of the account, or the ARN of a secret, which may be another account's, with :json-key:version-stage:version-id
// after it or not. Whether the value may be read is the caller's to ask, by Need. It returns ErrUnresolved with
// ECS's sentence; any other error is worth another try.
// Source: Amazon ECS Developer Guide, "Pass sensitive data to an Amazon ECS container"; the container agent.
func (c *Control) Resolve(ctx context.Context, account, valueFrom string) (string, error) {
	if isSecretARN(valueFrom) {
		return c.resolveSecret(ctx, account, valueFrom)
	}
	ref := c.ParameterRef(account, valueFrom)
	if ref.Name == "" || ref.Account != account {
		return "", invalidParameter(valueFrom)
	}
	p, err := c.Parameter(ctx, ref, true)
	if isMissing(err) {
		return "", invalidParameter(valueFrom)
	}
	return p.Value, err
}

func isSecretARN(valueFrom string) bool {
	a, err := arn.Parse(valueFrom)
	return err == nil && a.Service == "secretsmanager"
}

func invalidParameter(name string) error {
	return fmt.Errorf("%w: unable to retrieve secrets from ssm: invalid parameters: [%s]", ErrUnresolved, name)
}

func noSecretPart(format string, args ...any) error {
	return fmt.Errorf("%w: unable to retrieve secret from asm: %s", ErrUnresolved, fmt.Sprintf(format, args...))
}

// secretPart is a secret, or a part of it, as a reference names it.
type secretPart struct{ secret, key, stage, version string }

// parseSecretPart takes the ARN of a secret apart, which has one part after "secret", or four.
func parseSecretPart(valueFrom string) (secretPart, error) {
	fields := strings.Split(valueFrom, ":")
	switch len(fields) {
	case 7:
		return secretPart{secret: valueFrom}, nil
	case 10:
		return secretPart{strings.Join(fields[:7], ":"), fields[7], fields[8], fields[9]}, nil
	}
	return secretPart{}, noSecretPart("unexpected ARN format with parameters when trying to retrieve ASM secret: %s", valueFrom)
}

func (c *Control) resolveSecret(ctx context.Context, account, valueFrom string) (string, error) {
	part, err := parseSecretPart(valueFrom)
	if err != nil {
		return "", err
	}
	_, v, err := c.ReadValue(ctx, c.SecretRef(account, part.secret), part.version, part.stage)
	switch {
	case errors.Is(err, ErrNoSecret):
		return "", noSecretPart("failed to fetch secret %s from secrets manager: ResourceNotFoundException: %v", part.secret, err)
	case errors.Is(err, ErrState):
		return "", noSecretPart("failed to fetch secret %s from secrets manager: InvalidRequestException: %v", part.secret, err)
	case err != nil:
		return "", err
	case v.Value.Binary:
		return "", noSecretPart("secret %s has no SecretString", part.secret)
	case part.key == "":
		return string(v.Value.Bytes), nil
	}
	defer clear(v.Value.Bytes)
	return jsonMember(v.Value.Bytes, part.key)
}

// jsonMember is what a JSON object has by a key: a text as it is, anything else as JSON.
func jsonMember(text []byte, key string) (string, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil { // whose words may tell of the value
		return "", noSecretPart("retrieved secret from Secrets Manager is not a JSON object, so that it has no json key %s", key)
	}
	value, ok := object[key]
	if !ok {
		return "", noSecretPart("retrieved secret from Secrets Manager did not contain json key %s", key)
	}
	var plain string
	if json.Unmarshal(value, &plain) == nil && !bytes.Equal(value, []byte("null")) {
		return plain, nil
	}
	return string(value), nil
}
