package organizations

import (
	"slipway/accounts"
	"slipway/api/awswire"
)

// faults names the room's causes. The texts are those of AWS Organizations.
var faults = awswire.Faults{
	{Cause: accounts.ErrNoOrganization, Fault: AWSOrganizationsNotInUseException, Text: "Your account is not a member of an organization."},
	{Cause: accounts.ErrNoAccount, Fault: AccountNotFoundException, Text: "You specified an account that doesn't exist."},
	{Cause: accounts.ErrAccountClosed, Fault: AccountAlreadyClosedException, Text: "You attempted to close an account that is already closed."},
	{Cause: accounts.ErrNoRequest, Fault: CreateAccountStatusNotFoundException, Text: "You specified a create account request ID that doesn't exist."},
	{Cause: accounts.ErrName, Fault: InvalidInputException},
	{Cause: accounts.ErrToken, Fault: InvalidInputException, Text: "You specified an invalid value for nextToken."},
}
