package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"slipway/nodeapi"
)

// Attachment is the network interface of a task with an address of its own.
type Attachment struct {
	ID      string // made from the task's, so it needs no keeping
	Status  string // ATTACHING, ATTACHED, DELETED
	Subnet  string
	Address string // "" before it is known
}

// Attachment returns the task's network interface, if it is to have one.
func (t Task) Attachment() (a Attachment, ok bool) {
	if t.VPC == nil || len(t.VPC.Subnets) == 0 {
		return a, false
	}
	sum := sha256.Sum256([]byte("attachment/" + t.ID))
	id := hex.EncodeToString(sum[:16])
	a = Attachment{
		ID:     fmt.Sprintf("%s-%s-%s-%s-%s", id[:8], id[8:12], id[12:16], id[16:20], id[20:]),
		Status: "ATTACHING", Subnet: t.VPC.Subnets[0], Address: t.Seen.Address,
	}
	switch {
	case t.Seen.Status == nodeapi.Stopped:
		a.Status = "DELETED"
	case a.Address != "":
		a.Status = "ATTACHED"
	}
	return a, true
}
