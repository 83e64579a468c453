package functions_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"slipway/functions"
	"slipway/functions/fleet"
	"slipway/store"
	"slipway/store/storetest"
)

func TestNameForms(t *testing.T) {
	inShop(t, func(s *shop) {
		const arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
		for _, c := range []struct {
			name, qualifier string
			want            functions.Ref
		}{
			{"f", "", ref("f", "")},
			{"f", "live", ref("f", "live")},
			{"f:live", "", ref("f", "live")},
			{"f:live", "live", ref("f", "live")},
			{"function:f:7", "", ref("f", "7")},
			{"123456789012:function:f", "", ref("f", "")},
			{"123456789012:function:f:live", "", ref("f", "live")},
			{"123456789012:f", "2", ref("f", "2")},
			{"999999999999:function:f", "", functions.Ref{Account: "999999999999", Name: "f"}},
			{arn, "", ref("f", "")},
			{arn, "$LATEST", ref("f", "$LATEST")},
			{arn + ":$LATEST", "", ref("f", "$LATEST")},
			{"arn:aws:lambda:us-east-1:999999999999:function:f:live", "", functions.Ref{Account: "999999999999", Name: "f", Qualifier: "live"}},
		} {
			got, err := s.ParseFunction(ours, c.name, c.qualifier)
			if err != nil || got != c.want {
				t.Errorf("%q with %q is %+v, %v; want %+v", c.name, c.qualifier, got, err, c.want)
			}
		}
		_, err := s.ParseFunction(ours, "arn:aws:lambda:eu-west-1:123456789012:function:f", "")
		s.is(err, functions.ErrNoFunction, "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')")
		_, err = s.ParseFunction(ours, arn+":1", "2")
		s.is(err, functions.ErrInput, "The derived qualifier from the function name does not match the specified qualifier.")
		_, err = s.ParseFunction(ours, "arn:aws:sqs:us-east-1:123456789012:q", "")
		s.is(err, functions.ErrForm, "'arn:aws:sqs:us-east-1:123456789012:q' is not the ARN of a function")

		s.create(of("f", program(t, "1")))
		first := s.resolves("f", "")
		for _, name := range []string{"f:$LATEST", "123456789012:function:f", arn, arn + ":$LATEST"} {
			if got := s.resolves(name, ""); got.Release.ID != first.Release.ID || got.Line != first.Line {
				t.Errorf("%s is %+v", name, got)
			}
		}
		if got := s.resolves(arn, "$LATEST").ARN; got != arn+":$LATEST" {
			t.Errorf("it is called %s", got)
		}
	})
}

// What is missing and what is foreign look the same.
func TestNothingIsFound(t *testing.T) {
	inShop(t, func(s *shop) {
		s.create(of("f", program(t, "1")))
		for _, c := range []struct{ account, name, qualifier string }{
			{ours, "g", ""}, {ours, "f", "live"}, {ours, "f", "1"}, {ours, "f", "0"}, {ours, "f", "-1"}, {"999999999999", "f", ""},
		} {
			_, err := s.Resolve(t.Context(), c.account, c.name, c.qualifier)
			s.is(err, functions.ErrNoFunction, "Function not found: "+s.ARN(functions.Ref{Account: c.account, Name: c.name, Qualifier: c.qualifier}))
		}
	})
}

// A call reads no database as long as nothing changes.
func TestWhatIsKnownIsNotReadAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newShop(t, db)
		stop := s.run(s.Control)
		s.create(of("f", program(t, "1")))
		stop()
		first := s.resolves("f", "")
		s.ok(db.Close())
		if again := s.resolves("f", ""); again != first {
			t.Errorf("it was %+v and is %+v", first, again)
		}
		if _, err := s.Resolve(t.Context(), ours, "unknown", ""); err == nil || errors.Is(err, functions.ErrNoFunction) {
			t.Errorf("a database that cannot be read tells %v", err)
		}
	})
}

// A runtime whose image is gone is no reason to stop what runs of it.
func TestARuntimeThatIsGone(t *testing.T) {
	inShop(t, func(s *shop) {
		s.create(of("f", program(t, "1")))
		s.create(of("g", program(t, "1")))
		before := s.resolves("f", "")
		s.images.gone.Store(true)
		s.ok(s.Tag(t.Context(), ref("f", ""), map[string]string{functions.StalenessTag: "strict"}, nil))
		if now := s.resolves("f", ""); now.Stale != fleet.Strict || now.Release.ID != before.Release.ID || now.Release.Runtime.Digest != before.Release.Runtime.Digest {
			t.Errorf("it was %+v and is %+v", before, now)
		}
		_, err := s.Resolve(t.Context(), ours, "g", "")
		s.is(err, functions.ErrRuntime, "the runtime is not there: provided.al2023 on x86_64")
		s.images.gone.Store(false)
		s.resolves("g", "")
	})
}

func TestReservedConcurrencyIsObeyedAtOnce(t *testing.T) {
	inShop(t, func(s *shop) {
		s.create(of("f", program(t, "1")))
		s.create(of("g", program(t, "1")))
		if got := s.resolves("f", "").Limit; got != (fleet.Limit{Unreserved: functions.DefaultConcurrency}) {
			t.Errorf("it may have %+v", got)
		}
		s.resolves("g", "")
		s.ok(s.Reserve(t.Context(), ref("f", ""), 30))
		if got := s.resolves("f", "").Limit; !got.Reserved || got.Function != 30 {
			t.Errorf("it may have %+v", got)
		}
		if got := s.resolves("g", "").Limit; got != (fleet.Limit{Unreserved: functions.DefaultConcurrency - 30}) {
			t.Errorf("the other may have %+v", got)
		}
	})
}

// Another server over the same database learns of an update; where no old code may run, at once.
func TestAnotherServerLearnsOfAnUpdate(t *testing.T) {
	for _, policy := range []string{"allow-old", "strict"} {
		t.Run(policy, func(t *testing.T) {
			inShop(t, func(s *shop) {
				n := of("f", program(t, "one"))
				n.Tags = map[string]string{functions.StalenessTag: policy}
				s.create(n)
				other := s.server()
				s.run(other)
				resolve := func() string {
					target, err := other.Resolve(t.Context(), ours, "f", "")
					s.ok(err)
					return target.Release.ID
				}
				old := resolve()
				v, err := s.update("f", "two")
				s.ok(err)
				if policy == "strict" && s.db.Dialect() == "postgres" {
					if got := resolve(); got != v.Release {
						t.Errorf("after the update it still runs %s", got)
					}
				}
				s.until("the other server has heard", func() bool { return resolve() == v.Release })
				if old == v.Release {
					t.Error("nothing changed")
				}
			})
		})
	}
}

func TestStaleness(t *testing.T) {
	inShop(t, func(s *shop) {
		n := of("f", program(t, "1"))
		s.create(n)
		for said, want := range map[string]fleet.Staleness{"allow-old": fleet.AllowOld, "strict": fleet.Strict, "max-age=30": fleet.MaxAge(30 * time.Second)} {
			s.ok(s.Tag(t.Context(), ref("f", ""), map[string]string{functions.StalenessTag: said}, nil))
			if got := s.resolves("f", "").Stale; got != want {
				t.Errorf("%s is %v", said, got)
			}
		}
		err := s.Tag(t.Context(), ref("f", ""), map[string]string{functions.StalenessTag: "fresh"}, nil)
		if err == nil || !strings.Contains(err.Error(), "no such staleness policy") {
			t.Errorf("error %v", err)
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	db := storetest.SQLite(b)
	s := newShop(b, db)
	stop := s.run(s.Control)
	s.create(of("f", program(b, "1")))
	stop()
	for _, name := range []string{"f", "arn:aws:lambda:us-east-1:123456789012:function:f"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := s.Resolve(b.Context(), ours, name, ""); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
