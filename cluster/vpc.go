package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

// VPC is where in a virtual network a task with networkMode awsvpc is wanted. There is one network
// here, that of each machine: subnets and security groups are kept and shown, and change nothing.
type VPC struct {
	Subnets        []string `json:"subnets"`
	SecurityGroups []string `json:"securityGroups,omitempty"`
	PublicAddress  bool     `json:"-"` // is refused
}

// The limits of a VPC. Source: Amazon ECS API Reference, AwsVpcConfiguration.
const (
	maxSubnets        = 16
	maxSecurityGroups = 5
	maxVPCName        = 255
)

// checkVPC refuses a network that does not go with the task. Source: the answers of Amazon ECS.
func (s Spec) checkVPC(v *VPC) error {
	switch {
	case s.NetworkMode != modeVPC && v != nil:
		return errs.Say(ErrInvalid, "Network Configuration is not valid for the given networkMode of this task definition.")
	case s.NetworkMode != modeVPC:
		return nil
	case v == nil:
		return errs.Say(ErrInvalid, "Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	case len(v.Subnets) == 0:
		return errs.Say(ErrInvalid, "subnets can not be empty.")
	case len(v.Subnets) > maxSubnets:
		return errs.Say(ErrInvalid, "subnets: %d are more than %d.", len(v.Subnets), maxSubnets)
	case len(v.SecurityGroups) > maxSecurityGroups:
		return errs.Say(ErrInvalid, "securityGroups: %d are more than %d.", len(v.SecurityGroups), maxSecurityGroups)
	case v.PublicAddress:
		return errs.Say(ErrInvalid, "Assign public IP is not supported for this launch type.")
	}
	for _, name := range append(v.Subnets, v.SecurityGroups...) {
		if name == "" || len(name) > maxVPCName || !printable(name) {
			return errs.Say(ErrInvalid, "networkConfiguration: %.300q is not the id of a subnet or security group.", name)
		}
	}
	return nil
}

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
