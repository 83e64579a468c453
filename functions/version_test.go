package functions_test

import (
	"fmt"
	"slices"
	"testing"

	"slipway/functions"
)

func sprint(v any) string { return fmt.Sprintf("%v %+v %#v", v, v, v) }

func TestVersions(t *testing.T) {
	inShop(t, func(s *shop) {
		s.create(of("f", program(t, "one")))
		publish := func(description *string) functions.Version {
			t.Helper()
			v, err := s.Publish(t.Context(), ref("f", ""), description, functions.Precondition{})
			s.ok(err)
			return v
		}
		v1 := publish(new("the first"))
		if v1.Number != 1 || v1.Settings.Description != "the first" || v1.State.State != "Active" {
			t.Errorf("it is %+v", v1)
		}
		if again := publish(new("other words")); again.Number != 1 || again.Settings.Description != "the first" {
			t.Errorf("nothing changed, and %+v was published", again)
		}
		_, err := s.update("f", "two")
		s.ok(err)
		s.settled("f")
		if v2 := publish(nil); v2.Number != 2 || v2.CodeSha256() == v1.CodeSha256() {
			t.Errorf("it is %+v", v2)
		}
		if v := s.get("f", "1"); v.CodeSha256() != v1.CodeSha256() || v.Release != v1.Release {
			t.Error("a version has changed")
		}
		s.ok(s.Delete(t.Context(), ref("f", "2")))
		if v3 := publish(nil); v3.Number != 3 {
			t.Errorf("number %d is given out: numbers are never used twice", v3.Number)
		}
		list, next, err := s.Versions(t.Context(), ref("f", ""), functions.Page{Limit: 10})
		s.ok(err)
		var names []string
		for _, v := range list {
			names = append(names, v.Qualifier())
		}
		if !slices.Equal(names, []string{"$LATEST", "1", "3"}) || next != "" {
			t.Errorf("versions are %q", names)
		}
		for _, missing := range []string{"2", "0", "9", "99999999999999999999", "live"} {
			_, err := s.Version(t.Context(), ref("f", missing))
			s.is(err, functions.ErrNoFunction, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:"+missing)
		}
	})
}

func TestPublishingWithAnUpdate(t *testing.T) {
	inShop(t, func(s *shop) {
		n := of("f", program(t, "one"))
		n.Publish = true
		v, err := s.CreateFunction(t.Context(), n)
		s.ok(err)
		if v.Number != 1 || v.State.State != "Pending" {
			t.Errorf("version %d is %+v", v.Number, v.State)
		}
		s.until("version 1 is active", func() bool { return s.get("f", "1").State.State == "Active" })
		s.settled("f")
		v, err = s.UpdateCode(t.Context(), ref("f", ""), functions.NewCode{Code: functions.Code{Zip: program(t, "two")}, Publish: true}, functions.Precondition{})
		s.ok(err)
		if v.Number != 2 || v.CodeSha256() != s.settled("f").CodeSha256() {
			t.Errorf("it is %+v", v)
		}
	})
}

// A version that is called by its number is never another: it has no line.
func TestAVersionIsPinned(t *testing.T) {
	inShop(t, func(s *shop) {
		s.create(of("f", program(t, "one")))
		v, err := s.Publish(t.Context(), ref("f", ""), nil, functions.Precondition{})
		s.ok(err)
		before := s.resolves("f", "1")
		_, err = s.update("f", "two")
		s.ok(err)
		s.settled("f")
		if now := s.resolves("f", "1"); now.Line != "" || now.Release.ID != v.Release || before.Release.ID != v.Release || now.Version != "1" {
			t.Errorf("version 1 is %+v", now)
		}
	})
}

func TestAliases(t *testing.T) {
	inShop(t, func(s *shop) {
		s.create(of("f", program(t, "one")))
		for i := range 3 {
			if i > 0 {
				_, err := s.update("f", fmt.Sprint(i))
				s.ok(err)
				s.settled("f")
			}
			_, err := s.Publish(t.Context(), ref("f", ""), nil, functions.Precondition{})
			s.ok(err)
		}
		live := ref("f", "live")
		a, err := s.CreateAlias(t.Context(), live, functions.NewAlias{Version: new("1"), Description: new("what callers get")})
		s.ok(err)
		if a.Version != 1 || a.Description != "what callers get" || a.Revision == "" || a.Shares() != nil {
			t.Errorf("it is %+v", a)
		}
		_, err = s.CreateAlias(t.Context(), live, functions.NewAlias{Version: new("1")})
		s.is(err, functions.ErrThere, "Alias already exists: arn:aws:lambda:us-east-1:123456789012:function:f:live")
		_, err = s.CreateAlias(t.Context(), ref("f", "x"), functions.NewAlias{Version: new("7")})
		s.is(err, functions.ErrNoFunction, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:7")
		_, err = s.Alias(t.Context(), ref("f", "x"))
		s.is(err, functions.ErrNoAlias, "Cannot find alias arn: arn:aws:lambda:us-east-1:123456789012:function:f:x")

		one := s.resolves("f", "live")
		b, err := s.UpdateAlias(t.Context(), live, functions.NewAlias{Version: new("2")}, functions.Precondition{Revision: a.Revision})
		s.ok(err)
		two := s.resolves("f", "live")
		if one.Version != "1" || two.Version != "2" || one.Line != two.Line || !two.Since.After(one.Since) || b.Description != "what callers get" {
			t.Errorf("it was %+v and is %+v", one, two)
		}
		if two.ARN != "arn:aws:lambda:us-east-1:123456789012:function:f:live" || two.Function != "arn:aws:lambda:us-east-1:123456789012:function:f" {
			t.Errorf("it is called %s of %s", two.ARN, two.Function)
		}
		_, err = s.UpdateAlias(t.Context(), live, functions.NewAlias{Version: new("2")}, functions.Precondition{Revision: a.Revision})
		s.is(err, functions.ErrPrecondition, functions.ErrPrecondition.Error())

		for _, c := range []struct {
			alias    functions.NewAlias
			cause    error
			sentence string
		}{
			{functions.NewAlias{Shares: &map[string]float64{"1": 0.5, "3": 0.1}}, functions.ErrInput, "Number of items in AdditionalVersionWeights cannot be greater than 1"},
			{functions.NewAlias{Shares: &map[string]float64{"2": 0.5}}, functions.ErrInput, "Invalid function version 2. Function version 2 is already included in routing configuration."},
			{functions.NewAlias{Version: new("$LATEST"), Shares: &map[string]float64{"2": 0.5}}, functions.ErrInput, "$LATEST is not supported for an alias pointing to more than 1 version"},
			{functions.NewAlias{Shares: &map[string]float64{"8": 0.5}}, functions.ErrNoFunction, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:8"},
		} {
			_, err := s.UpdateAlias(t.Context(), live, c.alias, functions.Precondition{})
			s.is(err, c.cause, c.sentence)
		}
		_, err = s.CreateAlias(t.Context(), ref("f", "beta"), functions.NewAlias{Version: new("3")})
		s.ok(err)
		s.checkAliases("", "beta", "live")
		s.checkAliases("3", "beta")
		s.ok(s.DeleteAlias(t.Context(), live))
		s.ok(s.DeleteAlias(t.Context(), live)) // again
		s.checkAliases("", "beta")
		_, err = s.Resolve(t.Context(), ours, "f", "live")
		s.is(err, functions.ErrNoFunction, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:live")
	})
}

func (s *shop) checkAliases(version string, want ...string) {
	s.t.Helper()
	var names []string
	p := functions.Page{Limit: 1}
	for {
		list, next, err := s.Aliases(s.t.Context(), ref("f", ""), version, p)
		s.ok(err)
		for _, a := range list {
			names = append(names, a.Name)
		}
		if p.After = next; next == "" {
			break
		}
	}
	if !slices.Equal(names, want) {
		s.t.Errorf("aliases of version %q are %q, want %q", version, names, want)
	}
}

func TestAnAliasThatSharesItsCalls(t *testing.T) {
	inShop(t, func(s *shop) {
		s.create(of("f", program(t, "one")))
		_, err := s.Publish(t.Context(), ref("f", ""), nil, functions.Precondition{})
		s.ok(err)
		_, err = s.update("f", "two")
		s.ok(err)
		s.settled("f")
		_, err = s.Publish(t.Context(), ref("f", ""), nil, functions.Precondition{})
		s.ok(err)
		_, err = s.CreateAlias(t.Context(), ref("f", "live"), functions.NewAlias{Version: new("1"), Shares: &map[string]float64{"2": 0.25}})
		s.ok(err)
		if _, err := s.Alias(t.Context(), ref("f", "live")); err != nil {
			t.Error(err)
		}
		const calls = 4000
		seen := map[string]int{}
		for range calls {
			target := s.resolves("f", "live")
			seen[target.Version]++
			if pinned := target.Line == ""; pinned != (target.Version == "2") {
				t.Fatalf("%+v", target)
			}
		}
		if n := seen["2"]; n < calls/5 || n > calls*3/10 || n+seen["1"] != calls {
			t.Errorf("of %d calls went %v", calls, seen)
		}
		_, err = s.UpdateAlias(t.Context(), ref("f", "live"), functions.NewAlias{Shares: new(map[string]float64)}, functions.Precondition{})
		s.ok(err)
		if target := s.resolves("f", "live"); target.Version != "1" {
			t.Errorf("a call runs %s", target.Version)
		}
	})
}
