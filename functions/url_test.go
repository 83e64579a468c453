package functions

import (
	"fmt"
	"regexp"
	"testing"

	"slipway/internal/errs"
)

func TestURLs(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 1)
		live := b.alias(web, "live", "1")
		open := URLSettings{Auth: AuthNone, Mode: Buffered, CORS: CORS{Origins: []string{"*"}, MaxAge: new(60)}}
		u, err := b.CreateURL(b.Context(), web, open)
		check(t, err)
		if !regexp.MustCompile(`^http://[a-z2-7]{32}\.lambda-url\.us-east-1\.localhost:4600/$`).MatchString(b.Address(u)) {
			t.Errorf("it is at %s", b.Address(u))
		}
		_, err = b.CreateURL(b.Context(), web, open)
		says(t, err, ErrThere, "Failed to create function url config for [functionArn = "+b.ARN(web)+"]. Error message:  FunctionUrlConfig exists for this Lambda function")
		second, err := b.CreateURL(b.Context(), live, URLSettings{Auth: AuthIAM, Mode: ResponseStream})
		check(t, err)
		for _, want := range []URL{u, second} {
			of, err := b.URLOf(b.Context(), want.Ref)
			found, err2 := b.FindURL(b.Context(), want.ID)
			if err != nil || err2 != nil || fmt.Sprintf("%+v", of.Settings.Auth) != want.Settings.Auth || found.Ref != want.Ref || found.ID != of.ID {
				t.Errorf("read %+v, %v; found %+v, %v; want %+v", of, err, found, err2, want)
			}
		}
		if all, err := b.URLs(b.Context(), web); err != nil || len(all) != 2 || all[0].ID != u.ID || all[1].ID != second.ID {
			t.Errorf("listed %+v, %v", all, err)
		}
		changed, err := b.ChangeURL(b.Context(), web, func(s *URLSettings) { s.Auth, s.CORS = AuthIAM, CORS{} })
		check(t, err)
		found, err := b.FindURL(b.Context(), u.ID)
		if err != nil || found.Settings.Auth != AuthIAM || !found.Settings.CORS.Empty() || found.Modified.Before(changed.Created) {
			t.Errorf("changed %+v, %v", found, err)
		}
		check(t, b.DeleteURL(b.Context(), web))
		check(t, b.DeleteAlias(b.Context(), live))
		for _, id := range []string{u.ID, second.ID, "none"} {
			if u, err := b.FindURL(b.Context(), id); errs.KindOf(err) != errs.NotFound {
				t.Errorf("still there: %+v, %v", u, err)
			}
		}
	})
}

func TestURLsThatAreNotThere(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 0)
		_, err := b.CreateURL(b.Context(), web.at("gone"), URLSettings{Auth: AuthNone, Mode: Buffered})
		says(t, err, ErrNoFunction, "Function does not exist")
		_, err = b.URLs(b.Context(), Ref{owner, "gone", ""})
		says(t, err, ErrNoFunction, "Function does not exist")
		for _, r := range []Ref{web, web.at("gone"), {another, "web", ""}} {
			_, err = b.URLOf(b.Context(), r)
			says(t, err, ErrNoSetting, "The resource you requested does not exist.")
			_, err = b.ChangeURL(b.Context(), r, func(*URLSettings) {})
			says(t, err, ErrNoSetting, "The resource you requested does not exist.")
			says(t, b.DeleteURL(b.Context(), r), ErrNoSetting, "The resource you requested does not exist.")
		}
		_, err = b.CreateURL(b.Context(), web, URLSettings{Auth: AuthNone, Mode: Buffered, CORS: CORS{Methods: []string{"PULL"}}})
		says(t, err, ErrInput, "The method 'PULL' is not valid")
	})
}

// Every request at a URL is told whose it is.
func BenchmarkFindURL(bb *testing.B) {
	b := benchOf(bb)
	u, err := b.CreateURL(b.Context(), b.function("web", 0), URLSettings{Auth: AuthNone, Mode: Buffered})
	check(bb, err)
	bb.ReportAllocs()
	for bb.Loop() {
		if _, err := b.FindURL(b.Context(), u.ID); err != nil {
			bb.Fatal(err)
		}
	}
}
