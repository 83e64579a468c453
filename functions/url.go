package functions

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// URL is where a function, or an alias of it, answers plain HTTP.
type URL struct {
	ID       string // the first label of its host
	Ref      Ref
	Settings URLSettings
	Created  time.Time
	Modified time.Time
}

// URLSettings are what a URL is told.
type URLSettings struct {
	Auth string `json:"auth"` // AuthNone or AuthIAM
	Mode string `json:"mode"` // Buffered or ResponseStream
	CORS CORS   `json:"cors,omitzero"`
}

// How a URL asks who calls, and how it gives its answers.
const (
	AuthNone       = "NONE"
	AuthIAM        = "AWS_IAM"
	Buffered       = "BUFFERED"
	ResponseStream = "RESPONSE_STREAM"
)

// Address is where a URL is: at a host below the domain of URLs, or below localhost, at the port of the API.
func (c *Control) Address(u URL) string {
	domain := c.config.Domain
	if domain == "" {
		domain = "localhost"
		if _, port, err := net.SplitHostPort(c.config.Advertise); err == nil {
			domain += ":" + port
		}
	}
	return "http://" + u.ID + ".lambda-url." + c.config.Region + "." + domain + "/"
}

// CreateURL gives a function or an alias its URL. It returns ErrNoFunction, ErrThere or ErrInput.
func (c *Control) CreateURL(ctx context.Context, r Ref, s URLSettings) (URL, error) {
	if err := s.CORS.check(); err != nil {
		return URL{}, err
	}
	u := URL{ID: strings.ToLower(ids.Base32(32)), Ref: r, Settings: s}
	err := c.editPlace(ctx, r, func(tx *store.Tx, p place) error {
		u.Created, u.Modified = tx.Now, tx.Now
		done, err := tx.Exec(`insert into functions_urls (id, function, qualifier, settings, created, modified) values ($1, $2, $3, $4, $5, $5)
			on conflict (function, qualifier) do nothing`, u.ID, p.id, []byte(p.Qualifier), text(s), store.Micros(tx.Now))
		if err == nil && done == 0 {
			err = errs.Say(ErrThere, "Failed to create function url config for [functionArn = %s]. Error message:  FunctionUrlConfig exists for this Lambda function", c.ARN(r))
		}
		return err
	})
	return u, sayMissing(err, ErrNoFunction, "Function does not exist")
}

// sayMissing words what is not there as AWS does at some operations: what is not there is a cause in a sentence.
func sayMissing(err, cause error, sentence string) error {
	if errs.KindOf(err) == errs.NotFound {
		return errs.Say(cause, "%s", sentence)
	}
	return err
}

// ChangeURL changes what a URL is told. It returns ErrNoFunction, ErrNoSetting or ErrInput.
func (c *Control) ChangeURL(ctx context.Context, r Ref, edit func(*URLSettings)) (u URL, err error) {
	err = c.editPlace(ctx, r, func(tx *store.Tx, p place) error {
		if u, err = p.url(tx); err != nil {
			return err
		}
		edit(&u.Settings)
		u.Modified = tx.Now
		if err := u.Settings.CORS.check(); err != nil {
			return err
		}
		_, err := tx.Exec(`update functions_urls set settings = $2, modified = $3 where id = $1`, u.ID, text(u.Settings), store.Micros(tx.Now))
		return err
	})
	return u, sayMissing(err, ErrNoSetting, ErrNoSetting.Error())
}

// URLOf reads the URL of a function or alias. It returns ErrNoSetting.
func (c *Control) URLOf(ctx context.Context, r Ref) (u URL, err error) {
	err = c.viewPlace(ctx, r, func(tx *store.Tx, p place) error {
		u, err = p.url(tx)
		return err
	})
	return u, sayMissing(err, ErrNoSetting, ErrNoSetting.Error())
}

// URLs lists the URLs of a function and its aliases, by their names, the function's own first. It returns ErrNoFunction.
func (c *Control) URLs(ctx context.Context, r Ref) (list []URL, err error) {
	err = c.viewPlace(ctx, r.Whole(), func(tx *store.Tx, p place) error {
		list = nil
		return tx.Each(`select `+urlColumns+urlTables+` where u.function = $1 order by u.qualifier`, []any{p.id}, func(rows *sql.Rows) error {
			u, err := scanURL(rows.Scan)
			list = append(list, u)
			return err
		})
	})
	return list, sayMissing(err, ErrNoFunction, "Function does not exist")
}

// DeleteURL takes the URL of a function or alias away: nobody ever has the same. It returns ErrNoSetting.
func (c *Control) DeleteURL(ctx context.Context, r Ref) error {
	err := c.editPlace(ctx, r, func(tx *store.Tx, p place) error {
		u, err := p.url(tx)
		if err == nil {
			_, err = tx.Exec(`delete from functions_urls where id = $1`, u.ID)
		}
		return err
	})
	return sayMissing(err, ErrNoSetting, ErrNoSetting.Error())
}

// FindURL finds a URL by its id. It reads the database only where what it remembers may have changed. It returns
// ErrNoSetting.
func (c *Control) FindURL(ctx context.Context, id string) (URL, error) {
	return c.urls.get(c.known.epoch.Load(), id, func() (u URL, err error) {
		err = c.db.View(ctx, func(tx *store.Tx) error {
			u, err = oneURL(tx.Row(`select `+urlColumns+urlTables+` where u.id = $1`, id))
			return err
		})
		return u, err
	})
}

func (p place) url(tx *store.Tx) (URL, error) {
	return oneURL(tx.Row(`select `+urlColumns+urlTables+` where u.function = $1 and u.qualifier = $2`, p.id, []byte(p.Qualifier)))
}

const (
	urlColumns = `u.id, f.account, f.name, u.qualifier, u.settings, u.created, u.modified`
	urlTables  = ` from functions_urls u join functions_functions f on f.id = u.function`
)

func oneURL(row *sql.Row) (URL, error) {
	u, err := scanURL(row.Scan)
	if errors.Is(err, store.ErrNoRows) {
		err = ErrNoSetting
	}
	return u, err
}

func scanURL(scan func(...any) error) (u URL, err error) {
	var name, qualifier []byte
	var settings string
	var created, modified int64
	if err := scan(&u.ID, &u.Ref.Account, &name, &qualifier, &settings, &created, &modified); err != nil {
		return URL{}, err
	}
	u.Ref.Name, u.Ref.Qualifier = string(name), string(qualifier)
	u.Created, u.Modified = store.Time(created), store.Time(modified)
	if err := json.Unmarshal([]byte(settings), &u.Settings); err != nil {
		return URL{}, fmt.Errorf("URL %s: %w", u.ID, err)
	}
	return u, nil
}
