package accounts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"slipway/events"
	"slipway/internal/ids"
	"slipway/store"
)

// Organization is all accounts of an installation.
type Organization struct {
	ID         string // o- and ten characters of a-z and 0-9
	Management string // the account that may make and close others
}

// newOrganization derives the id, so that every server has the same without a row for it.
func newOrganization(management string) *Organization {
	const digits = "abcdefghijklmnopqrstuvwxyz0123456789"
	sum := sha256.Sum256([]byte("organization of " + management))
	id := []byte("o-")
	for _, b := range sum[:10] {
		id = append(id, digits[int(b)%len(digits)])
	}
	return &Organization{ID: string(id), Management: management}
}

// Organization returns the organization that this installation is. It returns ErrNoOrganization
// before Bootstrap.
func (c *Control) Organization() (Organization, error) {
	if o := c.organization.Load(); o != nil {
		return *o, nil
	}
	return Organization{}, ErrNoOrganization
}

// Root is the id of the root that all of its accounts are right under: r- and four characters.
func (o Organization) Root() string { return "r-" + o.ID[2:6] }

// RootARN is that of the root.
func (o Organization) RootARN() string { return o.arn("root/" + o.ID + "/" + o.Root()) }

// ARN is that of the organization.
func (o Organization) ARN() string { return o.arn("organization/" + o.ID) }

// AccountARN is that of one of its accounts.
func (o Organization) AccountARN(account string) string {
	return o.arn("account/" + o.ID + "/" + account)
}

func (o Organization) arn(resource string) string {
	return "arn:aws:organizations::" + o.Management + ":" + resource
}

// AccountRequest is what became of a request for an account.
type AccountRequest struct {
	ID        string // car- and 32 hexadecimal digits
	Account   string // the account that was made, "" if none was
	Name      string
	Email     string
	Reason    string // why none was made, in AWS's word: ReasonEmail; "" if one was
	Requested time.Time
	Completed time.Time
}

// ReasonEmail is why a request for an account fails: another account has the e-mail address.
const ReasonEmail = "EMAIL_ALREADY_EXISTS"

// DefaultRole is the role of a new account in which the management account acts there, unless its
// request says otherwise.
const DefaultRole = "OrganizationAccountAccessRole"

// RequestAccount makes an account, with a role in which those of the management account may do
// everything there once a policy of theirs lets them assume it. A request that fails for its e-mail
// address is no error: the request says so. It returns ErrName for the role.
//
// Source: AWS Organizations API Reference, CreateAccount.
func (c *Control) RequestAccount(ctx context.Context, name, email, role string) (AccountRequest, error) {
	if role == "" {
		role = DefaultRole
	}
	r := AccountRequest{ID: "car-" + ids.Hex(16), Name: name, Email: email}
	account, roleID := ids.Digits(12), KindRole.newID()
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		r.Requested, r.Completed, r.Account, r.Reason = tx.Now, tx.Now, account, ""
		taken, err := emailTaken(tx, email)
		if err != nil {
			return err
		}
		if taken {
			r.Account, r.Reason = "", ReasonEmail
			return insertRequest(tx, r)
		}
		return c.openAccount(tx, r, Entity{ID: roleID, Account: account, Kind: KindRole, Name: role, Path: "/", MaxSession: time.Hour})
	})
	return r, err
}

// openAccount makes the account of a request, with its first role.
func (c *Control) openAccount(tx *store.Tx, r AccountRequest, role Entity) error {
	if err := insertAccount(tx, Account{ID: r.Account, Name: r.Name, Email: r.Email}, false); err != nil {
		return err
	}
	management, err := managementAccount(tx)
	if err != nil {
		return err
	}
	role.Trust = accountTrust(management)
	if err := addEntity(tx, &role); err != nil {
		return err
	}
	if err := insertAttachment(tx, role.ID, administratorARN); err != nil {
		return err
	}
	if err := insertRequest(tx, r); err != nil {
		return err
	}
	tx.Touch(keysTopic) // its id may have been tried
	return c.tell(tx, EventOpened, r.Account)
}

// administratorARN is the policy of AWS's that allows everything.
const administratorARN = "arn:aws:iam::aws:policy/AdministratorAccess"

// accountTrust is the policy that lets those of an account assume a role whom the account lets.
func accountTrust(account string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"sts:AssumeRole"}]}`, account)
}

// Request returns what became of a request for an account, or ErrNoRequest.
func (c *Control) Request(ctx context.Context, id string) (r AccountRequest, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		r, err = readRequest(tx, id)
		return err
	})
	return r, err
}

// Requests lists the requests for accounts that are done, that failed, or both, and the marker of
// the next page if there is one.
func (c *Control) Requests(ctx context.Context, done, failed bool, p Page) (list []AccountRequest, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list, next, err = page(fmt.Sprint("account requests ", done, failed), p, func(after string, limit int) ([]AccountRequest, error) {
			return listRequests(tx, done, failed, after, limit)
		}, func(r AccountRequest) string { return r.ID })
		return err
	})
	return list, next, err
}

// Accounts lists the accounts that are not gone, and the marker of the next page if there is one.
func (c *Control) Accounts(ctx context.Context, p Page) (list []Account, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list, next, err = page("accounts", p, func(after string, limit int) ([]Account, error) {
			return listAccounts(tx, after, limit)
		}, func(a Account) string { return a.ID })
		return err
	})
	return list, next, err
}

// What becomes of accounts, as events tell it. Their subject is the ARN of the account.
const (
	EventOpened = "account.opened"
	EventClosed = "account.closed" // nobody acts in it any more; what it has should stop, and stay
	EventGone   = "account.gone"   // what it has may be deleted
)

// tell writes down what became of an account.
func (c *Control) tell(tx *store.Tx, kind, account string) error {
	management, err := managementAccount(tx)
	if errors.Is(err, store.ErrNoRows) {
		return ErrNoOrganization
	}
	if err != nil {
		return err
	}
	return events.Append(tx, account, kind, newOrganization(management).AccountARN(account), nil)
}
