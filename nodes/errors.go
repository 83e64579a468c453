package nodes

import "slipway/internal/errs"

// What can be wrong with who wants to be a node.
var (
	ErrToken        = errs.New(errs.Denied, "this token admits no node: it is wrong, used, withdrawn or expired")
	ErrNotANode     = errs.New(errs.Denied, "this certificate is not of a node that may join: join again with a new token")
	ErrTaken        = errs.New(errs.Denied, "the node's id belongs to a node of another account or cluster: have that removed first")
	ErrRequest      = errs.New(errs.Invalid, "not a certificate request of a node")
	ErrInvitation   = errs.New(errs.Invalid, "no such invitation can be made")
	ErrNoInvitation = errs.New(errs.NotFound, "no such invitation")
	ErrNoNode       = errs.New(errs.NotFound, "no such node")
	ErrTooMany      = errs.New(errs.Conflict, "too many invitations are open")
)
