package functions

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/functions/fleet"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// Parts of an account's concurrency are set aside until too little is left for the others.
func TestReservedConcurrency(t *testing.T) {
	onBench(t, func(b *bench) {
		web, api := b.function("web", 0), b.function("api", 0)
		reserved := func(r Ref, want, left int) {
			t.Helper()
			n, err := b.Reserved(b.Context(), r)
			check(t, err)
			u, err := b.Usage(b.Context(), owner)
			check(t, err)
			if n != want || u.Unreserved != left || u.Concurrency != 1000 || u.Functions != 2 || u.Code == 0 {
				t.Errorf("%s has %d, want %d; the account %+v, want %d unreserved", r.Name, n, want, u, left)
			}
		}
		reserved(web, -1, 1000)
		check(t, b.Reserve(b.Context(), web, 800))
		reserved(web, 800, 200)
		says(t, b.Reserve(b.Context(), api, 101), ErrInput, "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].")
		check(t, b.Reserve(b.Context(), api, 100))
		check(t, b.Reserve(b.Context(), web, 900-100)) // its own part is not counted twice
		reserved(api, 100, 100)
		check(t, b.Reserve(b.Context(), api, 0))
		reserved(api, 0, 200)
		check(t, b.Unreserve(b.Context(), web))
		reserved(web, -1, 1000)
		says(t, b.Reserve(b.Context(), web.at("1"), 1), ErrInput, "This operation is permitted on Lambda functions only.")
		says(t, b.Unreserve(b.Context(), Ref{owner, "gone", ""}), ErrNoFunction, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:gone")
	})
}

// A call is told the limit that was set before it, and what others were given is not for it any more.
func TestCallsAreToldTheLimitsOfNow(t *testing.T) {
	onBench(t, func(b *bench) {
		web, api := b.function("web", 0), b.function("api", 0)
		limit := func(r Ref, want fleet.Limit) {
			t.Helper()
			target, err := b.Resolve(b.Context(), owner, r.Name, "")
			check(t, err)
			if target.Limit != want {
				t.Errorf("%s: %+v, want %+v", r.Name, target.Limit, want)
			}
		}
		limit(api, fleet.Limit{Unreserved: 1000})
		limit(web, fleet.Limit{Unreserved: 1000})
		check(t, b.Reserve(b.Context(), web, 5))
		limit(web, fleet.Limit{Reserved: true, Function: 5, Unreserved: 995})
		limit(api, fleet.Limit{Unreserved: 995})
	})
}

func TestProvisionedConcurrency(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 2)
		live := b.alias(web, "live", "1")
		_, err := b.ProvisionedOf(b.Context(), live)
		says(t, err, ErrNoProvisioned, "No Provisioned Concurrency Config found for this function")
		set, err := b.Provision(b.Context(), live, 3)
		check(t, err)
		broken := &fleet.Failure{Init: nodeapi.Init{Error: &nodeapi.FunctionError{Type: "Runtime.ExitError", Message: "exit status 7"}}}
		if set.Status != ProvisionInProgress || set.Requested != 3 {
			t.Errorf("set %+v", set)
		}
		for _, c := range []struct {
			fleet fleet.Provisioned
			want  Provisioned
		}{
			{fleet.Provisioned{Wanted: 3, Allocated: 2, Ready: 1}, Provisioned{Allocated: 2, Ready: 1, Status: ProvisionInProgress}},
			{fleet.Provisioned{Wanted: 3, Allocated: 3, Ready: 3}, Provisioned{Allocated: 3, Ready: 3, Status: ProvisionReady}},
			{fleet.Provisioned{Wanted: 3, Ready: 1, Err: errs.Say(fleet.ErrNoRoom, "secret")}, Provisioned{Ready: 1, Status: ProvisionFailed, Reason: fleet.ErrNoRoom.Error()}},
			{fleet.Provisioned{Wanted: 3, Err: fleet.ErrNoMachine}, Provisioned{Status: ProvisionInProgress, Reason: fleet.ErrNoMachine.Error()}},
			{fleet.Provisioned{Wanted: 3, Err: broken}, Provisioned{Status: ProvisionFailed, Reason: "exit status 7"}},
		} {
			b.fleet.tells(c.fleet)
			c.want.Qualifier, c.want.Requested, c.want.Modified = "live", 3, set.Modified
			if got, err := b.ProvisionedOf(b.Context(), live); err != nil || got != c.want {
				t.Errorf("%+v: %+v, %v, want %+v", c.fleet, got, err, c.want)
			}
		}
		_, err = b.Provision(b.Context(), web.at("1"), 1)
		says(t, err, ErrThere, "Version is pointed by a Provisioned Concurrency alias")
		_, err = b.Provision(b.Context(), web.at("2"), 1)
		check(t, err)
		second := b.alias(web, "second", "2")
		_, err = b.Provision(b.Context(), second, 1)
		says(t, err, ErrThere, "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
		if all, err := b.AllProvisioned(b.Context(), web); err != nil || len(all) != 2 || all[0].Qualifier != "2" || all[1].Qualifier != "live" {
			t.Errorf("listed %+v, %v", all, err)
		}
		says(t, b.Reserve(b.Context(), web, 3), ErrInput, " ReservedConcurrentExecutions  3 should not be lower than function's total provisioned concurrency [4].")
		check(t, b.Reserve(b.Context(), web, 5))
		_, err = b.Provision(b.Context(), live, 5)
		says(t, err, ErrInput, "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
		_, err = b.Provision(b.Context(), live, 4)
		check(t, err)
		for range 2 {
			check(t, b.Unprovision(b.Context(), live))
		}
		_, err = b.ProvisionedOf(b.Context(), live)
		says(t, err, ErrNoProvisioned, "")
	})
}

func TestProvisionedConcurrencyThatIsRefused(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 1)
		for sentence, c := range map[string]struct {
			r     Ref
			n     int
			cause error
		}{
			"Provisioned Concurrency Configs cannot be applied to unpublished function versions.": {web.at(Latest), 1, ErrInput},
			"Function not found: " + b.ARN(web) + ":9":                                            {web.at("9"), 1, ErrNoFunction},
			"Cannot find alias arn: " + b.ARN(web) + ":gone":                                      {web.at("gone"), 1, ErrNoAlias},
			"is greater than account's unreserved concurrency [1000].":                            {web.at("1"), 1001, ErrInput},
			"below its minimum value of [100].":                                                   {web.at("1"), 901, ErrInput},
		} {
			_, err := b.Provision(b.Context(), c.r, c.n)
			says(t, err, c.cause, sentence)
		}
		_, err := b.Provision(b.Context(), b.alias(web, "newest", Latest), 1)
		says(t, err, ErrInput, "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
		_, err = b.Provision(b.Context(), web.at("1"), 900)
		check(t, err)
		if u, err := b.Usage(b.Context(), owner); err != nil || u.Unreserved != 100 {
			t.Errorf("left %+v, %v", u, err)
		}
		says(t, b.Unprovision(b.Context(), web.at(Latest)), ErrInput, "The function resource provided must be an alias or a published version.")
	})
}

// The fleet is told what is provisioned, moved and taken back, and all of it by a room that starts anew.
func TestFleetIsToldWhatIsProvisioned(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 2)
		live := b.alias(web, "live", "1")
		_, err := b.Provision(b.Context(), live, 3)
		check(t, err)
		b.run()
		b.hasProvisioned("1", 3)
		_, err = b.UpdateAlias(b.Context(), live, NewAlias{Version: new("2")}, Precondition{})
		check(t, err)
		b.hasProvisioned("2", 3)
		b.hasProvisioned("1", 0)
		check(t, b.DeleteAlias(b.Context(), live))
		b.hasProvisioned("2", 0)
	})
}

// An alias that shares its calls among two versions has sandboxes of both ready, as it shares the calls.
func TestProvisionedConcurrencyOfTwoVersions(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 2)
		live := b.alias(web, "live", "1")
		share := func(share float64) {
			t.Helper()
			_, err := b.UpdateAlias(b.Context(), live, NewAlias{Shares: &map[string]float64{"2": share}}, Precondition{})
			check(t, err)
		}
		share(0.25)
		_, err := b.Provision(b.Context(), live, 4)
		check(t, err)
		b.run()
		for _, c := range []struct {
			share         float64
			first, second int
		}{{0.25, 3, 1}, {0.5, 2, 2}, {0.01, 3, 1}, {0.99, 1, 3}, {1, 0, 4}, {0, 4, 0}} {
			share(c.share)
			b.hasProvisioned("1", c.first)
			b.hasProvisioned("2", c.second)
		}
		share(0.25)
		for has, want := range map[fleet.Provisioned]Provisioned{
			{Allocated: 1, Ready: 1}: {Allocated: 2, Ready: 2, Status: ProvisionInProgress},
			{Allocated: 3, Ready: 2}: {Allocated: 4, Ready: 3, Status: ProvisionInProgress},
			{Allocated: 3, Ready: 3}: {Allocated: 4, Ready: 4, Status: ProvisionReady},
		} {
			b.fleet.tells(has)
			got, err := b.ProvisionedOf(b.Context(), live)
			if want.Qualifier, want.Requested, want.Modified = "live", 4, got.Modified; err != nil || got != want {
				t.Errorf("%+v: %+v, %v, want %+v", has, got, err, want)
			}
		}
		_, err = b.UpdateAlias(b.Context(), live, NewAlias{Shares: &map[string]float64{}}, Precondition{})
		check(t, err)
		b.hasProvisioned("1", 4)
		b.hasProvisioned("2", 0)
	})
}

func (b *bench) hasProvisioned(version string, n int) {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); b.fleet.of(version) != n; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("the fleet is to have %d of version %s, want %d", b.fleet.of(version), version, n)
		}
	}
}

// Whatever is asked for, enough is left to functions without a part of their own, and no function has more
// provisioned than reserved.
func TestConcurrencyIsNeverGivenAwayTwice(t *testing.T) {
	b := benchOf(t)
	var all []Ref
	for _, name := range []string{"a", "b"} {
		r := b.function(name, 1)
		all = append(all, r, b.alias(r, "live", "1"))
	}
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			r, n := rapid.SampledFrom(all).Draw(t, "what"), rapid.SampledFrom([]int{0, 1, 99, 100, 400, 800, 900, 901}).Draw(t, "n")
			var err error
			switch at := rapid.IntRange(0, 3).Draw(t, "step"); {
			case r.Qualifier == "" && at > 0:
				err = b.Reserve(b.Context(), r, n)
			case r.Qualifier == "":
				err = b.Unreserve(b.Context(), r)
			case at > 0 && n > 0:
				_, err = b.Provision(b.Context(), r, n)
			default:
				err = b.Unprovision(b.Context(), r)
			}
			if err != nil && !errors.Is(err, ErrInput) {
				t.Fatal(err)
			}
			b.balanced(t, all)
		}
	})
}

// balanced adds up what was given away.
func (b *bench) balanced(t *rapid.T, all []Ref) {
	given := 0
	for i := 0; i < len(all); i += 2 {
		reserved, err := b.Reserved(b.Context(), all[i])
		if err != nil {
			t.Fatal(err)
		}
		provisioned := 0
		if p, err := b.ProvisionedOf(b.Context(), all[i+1]); err == nil {
			provisioned = p.Requested
		}
		if reserved >= 0 && provisioned > reserved {
			t.Fatalf("%s has %d provisioned of %d", all[i].Name, provisioned, reserved)
		}
		given += max(reserved, provisioned, 0)
	}
	u, err := b.Usage(b.Context(), owner)
	if err != nil || u.Unreserved != DefaultConcurrency-given || u.Unreserved < minUnreserved {
		t.Fatalf("%d are given away, and the account tells %+v, %v", given, u, err)
	}
}
