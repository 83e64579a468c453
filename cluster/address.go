package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"slipway/store"
)

// AttributeAddress is the attribute of an instance that says where its machine is reached: an IP address.
const AttributeAddress = "slipway.address"

// Address is where an account's machine is reached, as it said itself or as its session came. It fails with
// ErrNoInstance where the machine is not there, or nothing is known.
func (c *Control) Address(ctx context.Context, account, node string) (string, error) {
	var text string
	err := c.db.Row(ctx, `select attributes from instances where account = $1 and id = $2`, account, node).Scan(&text)
	if errors.Is(err, store.ErrNoRows) {
		return "", fmt.Errorf("%w: %s", ErrNoInstance, node)
	}
	if err != nil {
		return "", err
	}
	var attributes map[string]string
	if err := json.Unmarshal([]byte(text), &attributes); err != nil {
		return "", fmt.Errorf("instance %s: %w", node, err)
	}
	if attributes[AttributeAddress] == "" {
		return "", fmt.Errorf("%w: %s has no address", ErrNoInstance, node)
	}
	return attributes[AttributeAddress], nil
}
