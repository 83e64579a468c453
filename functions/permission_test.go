package functions

import (
	"strings"
	"testing"
	"time"

	"slipway/blob/disk"
	"slipway/events"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

var s3 = Permission{ID: "s3", Action: "lambda:InvokeFunction", Principal: "s3.amazonaws.com", SourceARN: "arn:aws:s3:::bucket"}

// Function, version and alias have a policy each, which is theirs alone, and whose changes change their revision.
func TestPoliciesOfFunctionsVersionsAndAliases(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 1)
		live := b.alias(web, "live", "1")
		for _, r := range []Ref{web, web.at("1"), live} {
			_, _, err := b.Policy(b.Context(), r)
			says(t, err, ErrNoSetting, "The resource you requested does not exist.")
			statement, err := b.AddPermission(b.Context(), r, s3, "")
			check(t, err)
			policy, revision, err := b.Policy(b.Context(), r)
			check(t, err)
			if want := `{"Version":"2012-10-17","Id":"default","Statement":[` + statement + `]}`; policy != want || !strings.Contains(statement, `"Resource":"`+b.ARN(r)+`"`) {
				t.Errorf("%s: policy %s\nwant %s", r.Qualifier, policy, want)
			}
			again := s3
			again.ID = "more"
			_, err = b.AddPermission(b.Context(), r, again, "another revision")
			says(t, err, ErrPrecondition, "The Revision Id provided does not match the latest Revision Id.")
			_, err = b.AddPermission(b.Context(), r, again, revision)
			check(t, err)
			says(t, b.RemovePermission(b.Context(), r, "more", revision), ErrPrecondition, "Revision Id")
			check(t, b.RemovePermission(b.Context(), r, "more", ""))
			_, err = b.AddPermission(b.Context(), r, s3, "")
			says(t, err, ErrThere, "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing statement.")
		}
		v, err := b.Version(b.Context(), web)
		check(t, err)
		if _, revision, _ := b.Policy(b.Context(), web); revision != v.Revision {
			t.Errorf("the policy has revision %s, $LATEST %s", revision, v.Revision)
		}
		check(t, b.RemovePermission(b.Context(), web.at("1"), "s3", ""))
		says(t, b.RemovePermission(b.Context(), web.at("1"), "s3", ""), ErrNoSetting, "No policy is associated with the given resource.")
		says(t, b.RemovePermission(b.Context(), live, "s4", ""), ErrNoSetting, "Statement s4 is not found in resource policy.")
		says(t, b.RemovePermission(b.Context(), Ref{owner, "gone", ""}, "s3", ""), ErrNoFunction, "No policy found for: arn:aws:lambda:us-east-1:123456789012:function:gone")
	})
}

func TestPermissionsThatAreRefused(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 0)
		add := func(r Ref, p Permission) error {
			_, err := b.AddPermission(b.Context(), r, p, "")
			return err
		}
		unreadable, urlOnly := s3, s3
		unreadable.ID, urlOnly.URLAuth = "unreadable", AuthNone
		says(t, add(web.at(Latest), s3), ErrInput, "We currently do not support adding policies for $LATEST.")
		says(t, add(web.at("7"), s3), ErrNoFunction, "Function not found: "+b.ARN(web)+":7")
		says(t, add(web.at("gone"), s3), ErrNoAlias, "Cannot find alias arn: "+b.ARN(web)+":gone")
		says(t, add(Ref{another, "web", ""}, s3), ErrNoFunction, "Function not found: arn:aws:lambda:us-east-1:999999999999:function:web")
		says(t, add(web, urlOnly), ErrInput, "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
		says(t, add(web, unreadable), ErrInput, "it is unreadable")
		says(t, add(web, Permission{ID: "x", Action: "lambda:*", Principal: "nobody"}), ErrInput, "The provided principal was invalid.")
	})
}

// Who decides reads what is so now, and of what is not there what is there of nothing.
func TestDecidingPolicyIsTheOneThatIsThereNow(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 1)
		live := b.alias(web, "live", "1")
		deciding := func(r Ref, want string) {
			t.Helper()
			if policy, err := b.DecidingPolicy(b.Context(), r); err != nil || strings.Contains(policy, `"Sid":"s3"`) != (want != "") {
				t.Errorf("%v: %s, %v, want %s", r, policy, err, want)
			}
		}
		deciding(live, "")
		deciding(web.at("gone"), "")
		deciding(Ref{another, "web", ""}, "")
		_, err := b.AddPermission(b.Context(), live, s3, "")
		check(t, err)
		deciding(live, "s3")
		deciding(web, "")
		deciding(web.at("1"), "")
		check(t, b.DeleteAlias(b.Context(), live))
		deciding(live, "")
		b.alias(web, "live", "1")
		deciding(live, "") // what an alias of the name had is not the new one's
	})
}

// What one server takes away another one does not go by for long: neither a permission nor a URL.
func TestOtherServersHearOfWhatIsTakenAway(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		blobs, err := disk.Open(t.TempDir())
		check(t, err)
		check(t, events.Migrate(t.Context(), db))
		keys := sealtest.Keys(t, db)
		b, other := anotherBench(t, db, keys, blobs), anotherBench(t, db, keys, blobs)
		other.run()
		web := b.function("web", 0)
		_, err = b.AddPermission(b.Context(), web, s3, "")
		check(t, err)
		u, err := b.CreateURL(b.Context(), web, URLSettings{Auth: AuthNone, Mode: Buffered})
		check(t, err)
		knows := func(want bool) {
			t.Helper()
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
				policy, err := other.DecidingPolicy(t.Context(), web)
				check(t, err)
				_, missing := other.FindURL(t.Context(), u.ID)
				if (policy != "") == want && (missing == nil) == want {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("it still has the policy %s, the URL: %v", policy, missing)
				}
			}
		}
		knows(true)
		check(t, b.RemovePermission(b.Context(), web, "s3", ""))
		check(t, b.DeleteURL(b.Context(), web))
		knows(false)
	})
}

// Every call asks for the policy of what it calls.
func BenchmarkDecidingPolicy(bb *testing.B) {
	b := benchOf(bb)
	web := b.function("web", 0)
	_, err := b.AddPermission(b.Context(), web, s3, "")
	check(bb, err)
	bb.ReportAllocs()
	for bb.Loop() {
		if _, err := b.DecidingPolicy(b.Context(), web); err != nil {
			bb.Fatal(err)
		}
	}
}
