package functions_test

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"slipway/blob"
	"slipway/functions"
	"slipway/store"
)

// age makes all code as old as code is that nothing has wanted for a day.
func (s *shop) age() {
	s.t.Helper()
	s.ok(s.db.Update(s.t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`update functions_code set wanted = 0`)
		return err
	}))
}

func (s *shop) has(digest string) bool {
	r, err := s.blobs.Open(s.t.Context(), blob.Digest(digest))
	if err == nil {
		r.Close()
	}
	return err == nil
}

func TestCodeGoesWhenNothingUsesIt(t *testing.T) {
	inShop(t, func(s *shop) {
		one := s.create(of("f", program(t, "one"))).Code
		s.create(of("g", program(t, "one"))) // the same
		_, err := s.Publish(t.Context(), ref("f", ""), nil, functions.Precondition{})
		s.ok(err)
		v, err := s.update("f", "two")
		s.ok(err)
		two := v.Code
		s.settled("f")
		_, err = s.update("f", "three")
		s.ok(err)
		s.settled("f")
		keeps := func(what string, kept bool, digest string) {
			t.Helper()
			s.age()
			s.ok(s.Sweep(t.Context()))
			if s.has(digest) != kept {
				t.Errorf("not so: %s", what)
			}
		}
		keeps("code that was replaced is gone", false, two)
		if !s.has(one) || !s.has(s.get("f", "").Code) {
			t.Error("code that is used is gone")
		}
		s.ok(s.Delete(t.Context(), ref("f", "")))
		keeps("code of one function stays when another goes", true, one)
		s.ok(s.Delete(t.Context(), ref("g", "")))
		keeps("code of no function is gone", false, one)
		if again := s.create(of("g", program(t, "one"))); !s.has(again.Code) {
			t.Error("code that was swept cannot come again")
		}
	})
}

// Code of what is still to answer stays while an update does not start.
func TestCodeThatIsFallenBackOnStays(t *testing.T) {
	inShop(t, func(s *shop) {
		good := s.create(of("f", program(t, "good"))).Code
		s.fleet.set(func(c *crew) { c.fails[""] = functions.ErrRuntime })
		_, err := s.update("f", "bad")
		s.ok(err)
		s.settled("f")
		s.age()
		s.ok(s.Sweep(t.Context()))
		if !s.has(good) {
			t.Error("what callers are given is gone")
		}
		if code := s.resolves("f", "").Release.Assignment.Code; len(code) != 1 || code[0].Digest != good {
			t.Errorf("a call runs %+v", code)
		}
	})
}

func TestCodeIsForThoseWhoHaveIt(t *testing.T) {
	inShop(t, func(s *shop) {
		code := program(t, "one")
		v := s.create(of("f", code))
		r, err := s.OpenCode(t.Context(), ours, v.Code)
		s.ok(err)
		defer r.Close()
		if got, err := io.ReadAll(r); err != nil || string(got) != string(code) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		for account, digest := range map[string]string{"999999999999": v.Code, ours: string(blob.DigestOf([]byte("other")))} {
			_, err := s.OpenCode(t.Context(), account, digest)
			s.is(err, functions.ErrNoCode, "There is no code "+digest+".")
		}
	})
}

func TestLinks(t *testing.T) {
	inShop(t, func(s *shop) {
		code := program(t, "one")
		v := s.create(of("f", code))
		u, err := url.Parse(s.CodeLink(ours, v.Code))
		s.ok(err)
		link := strings.TrimPrefix(u.Path, functions.CodePath)
		if u.Host != "slipway.test:4600" || link == u.Path {
			t.Errorf("the link is %v", u)
		}
		for _, c := range []*functions.Control{s.Control, s.server()} { // any server over the database
			r, err := c.OpenLink(t.Context(), link)
			s.ok(err)
			if got, err := io.ReadAll(r); err != nil || string(got) != string(code) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			r.Close()
		}
		other := string(blob.DigestOf([]byte("other")))
		for _, bad := range []string{"", "x", link[:len(link)-2], strings.Replace(link, v.Code, other, 1), s.LinkUntil(v.Code, time.Now().Add(-time.Second)), s.LinkUntil(other, time.Now().Add(time.Hour))} {
			_, err := s.OpenLink(t.Context(), bad)
			s.is(err, functions.ErrNoCode, "The link is not valid, or not any more.")
		}
	})
}

func TestCodeAndLayersTogetherHaveALimit(t *testing.T) {
	inShop(t, func(s *shop) {
		n := of("f", program(t, strings.Repeat("0", 100<<20)))
		s.create(n)
		r, err := s.ParseLayer(ours, "big")
		s.ok(err)
		l, err := s.PublishLayer(t.Context(), r, functions.LayerSettings{}, program(t, strings.Repeat("1", 200<<20)))
		s.ok(err)
		sentence := fmt.Sprintf("Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size is %d bytes.", 300<<20)
		n.Name, n.Layers = "g", []string{s.LayerARN(l.Ref())}
		_, err = s.CreateFunction(t.Context(), n)
		s.is(err, functions.ErrInput, sentence)
		_, err = s.UpdateSettings(t.Context(), ref("f", ""), functions.NewSettings{Edit: func(*functions.Settings) {}, Layers: &n.Layers}, functions.Precondition{})
		s.is(err, functions.ErrInput, sentence)
	})
}
