// Package uuid stands in for the revision of this module that the session-manager-plugin was written against,
// which was never given a version.
package uuid

import (
	"crypto/rand"
	"fmt"
)

// UUID is sixteen bytes.
type UUID interface {
	Bytes() []byte
	String() string
}

// Format is how a UUID is shown.
type Format string

// CleanHyphen is the only one.
const CleanHyphen Format = "%x-%x-%x-%x-%x"

// SwitchFormat changes nothing.
func SwitchFormat(Format) {}

type id [16]byte

func (u *id) Bytes() []byte { return u[:] }

func (u *id) String() string {
	return fmt.Sprintf(string(CleanHyphen), u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// New is the UUID of these bytes.
func New(b []byte) UUID {
	u := new(id)
	copy(u[:], b)
	return u
}

// NewV4 is a random UUID.
func NewV4() UUID {
	u := new(id)
	rand.Read(u[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u
}
