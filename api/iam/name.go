package iam

import (
	"context"
	"net/url"
	"strings"
	"time"

	"slipway/accounts"
	"slipway/api/awswire"
)

func accountOf(ctx context.Context) string { return awswire.CallerOf(ctx).Account }

// isUser reports whether a caller is a user, and not a role or root.
func isUser(who awswire.Caller) bool { return strings.HasPrefix(who.UserID, "AIDA") }

// subject is the name of the user that an operation is about: the one it names, or the caller; ""
// is root. Roles have to name one.
func (d *door) subject(ctx context.Context, name *string) (string, error) {
	who := awswire.CallerOf(ctx)
	switch {
	case name != nil:
		return *name, nil
	case who.UserID == who.Account:
		return "", nil
	case !isUser(who):
		return "", validationError.New("Must specify userName when calling with non-User credentials")
	}
	e, err := d.control.EntityOf(ctx, who.Account, who.UserID)
	return e.Name, err
}

// pageOf is the page that a listing asks for.
func pageOf(marker *string, items *int32) accounts.Page {
	return accounts.Page{Marker: awswire.Or(marker, ""), Limit: int(awswire.Or(items, 0))}
}

// more are the members that end a page: whether there is another, and its marker.
func more(next string) (truncated *bool, marker *string) {
	if next == "" {
		return new(false), nil
	}
	return new(true), &next
}

// encoded is a document as IAM answers with it: percent-encoded, "compliant with RFC 3986".
func encoded(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

// each makes the members of a list, which is there even if it is empty.
func each[T, M any](list []T, member func(T) M) []M {
	members := make([]M, len(list))
	for i, item := range list {
		members[i] = member(item)
	}
	return members
}

// toSecond is a time as IAM tells it.
func toSecond(t time.Time) time.Time { return t.Truncate(time.Second) }
