package functions_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/functions"
	"slipway/functions/fleet"
	"slipway/nodeapi"
)

func TestAnUpdateOfCode(t *testing.T) {
	inShop(t, func(s *shop) {
		before := s.create(of("f", program(t, "one")))
		old := s.resolves("f", "")
		s.fleet.set(func(c *crew) { c.hold = true })
		v, err := s.update("f", "two")
		s.ok(err)
		if v.Update != (functions.Status{State: "InProgress", Code: "Creating", Reason: "The function is being created."}) || v.State.State != "Active" {
			t.Errorf("at first it is %+v, %+v", v.State, v.Update)
		}
		if v.Revision == before.Revision || v.CodeSha256() == before.CodeSha256() || !v.Modified.After(before.Modified) {
			t.Errorf("it was %+v and is %+v", before, v)
		}
		_, err = s.update("f", "three")
		s.is(err, functions.ErrBusy, "The operation cannot be performed at this time. An update is in progress for resource: arn:aws:lambda:us-east-1:123456789012:function:f")
		_, err = s.Publish(t.Context(), ref("f", ""), nil, functions.Precondition{})
		s.is(err, functions.ErrBusy, "The operation cannot be performed at this time. An update is in progress for resource: arn:aws:lambda:us-east-1:123456789012:function:f")

		now := s.resolves("f", "") // the fleet decides which of them answers
		if now.Release.ID == old.Release.ID || now.Line != old.Line || !now.Since.After(old.Since) {
			t.Errorf("a call runs %v since %v, after %v since %v", now.Release, now.Since, old.Release, old.Since)
		}
		s.fleet.set(func(c *crew) { c.hold = false })
		if v := s.settled("f"); v.Update != (functions.Status{State: "Successful"}) {
			t.Errorf("then it is %+v", v.Update)
		}
		if again := s.resolves("f", "$LATEST"); again.Release.ID != now.Release.ID {
			t.Errorf("a call runs %v, and then %v", now.Release, again.Release)
		}
		prepared, _ := s.fleet.asked()
		if want := "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST " + now.Release.ID; !slices.Contains(prepared, want) {
			t.Errorf("the fleet made ready %q, want %q", prepared, want)
		}
	})
}

func TestPreconditions(t *testing.T) {
	inShop(t, func(s *shop) {
		v := s.create(of("f", program(t, "one")))
		sentence := "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
		wrong := functions.Precondition{Revision: "0b5b8c2e"}
		_, err := s.UpdateCode(t.Context(), ref("f", ""), functions.NewCode{Code: functions.Code{Zip: program(t, "two")}}, wrong)
		s.is(err, functions.ErrPrecondition, sentence)
		_, err = s.UpdateSettings(t.Context(), ref("f", ""), functions.NewSettings{Edit: func(*functions.Settings) {}}, wrong)
		s.is(err, functions.ErrPrecondition, sentence)
		_, err = s.Publish(t.Context(), ref("f", ""), nil, wrong)
		s.is(err, functions.ErrPrecondition, sentence)
		_, err = s.Publish(t.Context(), ref("f", ""), nil, functions.Precondition{Code: "AAAA"})
		s.is(err, functions.ErrInput, "CodeSHA256 (AAAA) is different from current CodeSHA256 in $LATEST ("+v.CodeSha256()+"). Please try again with the CodeSHA256 in $LATEST.")
		_, err = s.Publish(t.Context(), ref("f", ""), nil, functions.Precondition{Code: v.CodeSha256(), Revision: v.Revision})
		s.ok(err)
		_, err = s.Publish(t.Context(), ref("f", ""), nil, functions.Precondition{Revision: v.Revision}) // it has another one since
		s.is(err, functions.ErrPrecondition, sentence)
	})
}

func TestADryRunChangesNothing(t *testing.T) {
	inShop(t, func(s *shop) {
		before := s.create(of("f", program(t, "one")))
		n := functions.NewCode{Code: functions.Code{Zip: program(t, "another")}, DryRun: true}
		v, err := s.UpdateCode(t.Context(), ref("f", ""), n, functions.Precondition{})
		s.ok(err)
		if v.CodeSha256() == before.CodeSha256() {
			t.Error("it does not tell what would be")
		}
		if now := s.get("f", ""); now.CodeSha256() != before.CodeSha256() || now.Revision != before.Revision || now.Update.State != "Successful" {
			t.Errorf("it is %+v after", now)
		}
		n.Code.Zip = []byte("no zip")
		if _, err = s.UpdateCode(t.Context(), ref("f", ""), n, functions.Precondition{}); err == nil {
			t.Error("what is no zip would do")
		}
	})
}

func TestAnUpdateOfSettings(t *testing.T) {
	inShop(t, func(s *shop) {
		n := of("f", program(t, "one"))
		n.Env = functions.Environment{"A": "1"}
		s.create(n)
		change := func(edit func(*functions.Settings), env *functions.Environment) functions.Version {
			t.Helper()
			_, err := s.UpdateSettings(t.Context(), ref("f", ""), functions.NewSettings{Edit: edit, Env: env}, functions.Precondition{})
			s.ok(err)
			return s.settled("f")
		}
		first := s.resolves("f", "").Release.ID
		v := change(func(s *functions.Settings) { s.Description = "says hello" }, nil)
		if v.Settings.Description != "says hello" || s.resolves("f", "").Release.ID != first {
			t.Error("a description makes sandboxes start anew")
		}
		v = change(func(s *functions.Settings) { s.Memory, s.Timeout = 512, 30 }, nil)
		r := s.resolves("f", "").Release
		if r.ID == first || r.Memory != 512 || r.Timeout != 30*time.Second || v.Env["A"] != "1" || v.Settings.Description != "says hello" {
			t.Errorf("it is %+v, %+v", r, v)
		}
		change(func(*functions.Settings) {}, &functions.Environment{"A": "1"})
		if s.resolves("f", "").Release.ID != r.ID {
			t.Error("the same environment makes sandboxes start anew")
		}
		if v = change(func(*functions.Settings) {}, &functions.Environment{"B": "2"}); v.Env["B"] != "2" || v.Env["A"] != "" {
			t.Error("the environment is not replaced")
		}
		if v = change(func(*functions.Settings) {}, &functions.Environment{}); len(v.Env) > 0 {
			t.Error("the environment is not taken away")
		}
		v = change(func(s *functions.Settings) { s.Log.JSON = true }, nil)
		if v.Settings.Log != (functions.LogSettings{Group: "/aws/lambda/f", JSON: true, Application: "INFO", System: "INFO"}) {
			t.Errorf("it logs to %+v", v.Settings.Log)
		}
		_, err := s.UpdateSettings(t.Context(), ref("f", ""), functions.NewSettings{Edit: func(s *functions.Settings) { s.Timeout = 1000 }}, functions.Precondition{})
		if !errors.Is(err, functions.ErrForm) {
			t.Errorf("error %v", err)
		}
	})
}

func TestTheEnvironmentOfASandbox(t *testing.T) {
	inShop(t, func(s *shop) {
		n := of("f", program(t, "one"))
		n.Env = functions.Environment{"WORD": "hello", "PATH": "/mine"}
		s.create(n)
		env, err := s.resolves("f", "").Release.Env(t.Context())
		s.ok(err)
		for _, want := range []string{
			"WORD=hello", "_HANDLER=bootstrap", "AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
			"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=ASIA" + ours, "AWS_SECRET_ACCESS_KEY=hush", "AWS_SESSION_TOKEN=token", "LAMBDA_TASK_ROOT=/var/task",
			"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/f",
		} {
			if !slices.Contains(env, want) {
				t.Errorf("%s is missing", want)
			}
		}
		if i, j := slices.Index(env, "PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin"), slices.Index(env, "PATH=/mine"); i > j {
			t.Error("the owner's PATH does not count")
		}
	})
}

func TestAnUpdateThatDoesNotStart(t *testing.T) {
	for _, c := range []struct {
		policy string
		stays  bool // what was before goes on answering, however long it takes
	}{
		{"", true}, {"allow-old", true}, {"strict", false}, {"max-age=5", false},
	} {
		t.Run(c.policy, func(t *testing.T) {
			inShop(t, func(s *shop) {
				n := of("f", program(t, "good"))
				if c.policy != "" {
					n.Tags = map[string]string{functions.StalenessTag: c.policy}
				}
				s.create(n)
				good := s.resolves("f", "")
				s.fleet.set(func(f *crew) {
					f.fails[""] = &fleet.Failure{Init: nodeapi.Init{Error: &nodeapi.FunctionError{Type: "Runtime.ExitError", Message: "Error: Runtime exited with error: exit status 2"}, Words: "panic: no luck"}}
				})
				_, err := s.update("f", "broken")
				s.ok(err)
				v := s.settled("f")
				want := functions.Status{State: "Failed", Code: "FunctionError.RuntimeInitError", Reason: "Error: Runtime exited with error: exit status 2: panic: no luck"}
				if v.Update != want || v.State.State != "Active" {
					t.Errorf("it is %+v, %+v", v.State, v.Update)
				}
				now := s.resolves("f", "")
				if stays := now.Release.ID == good.Release.ID; stays != c.stays {
					t.Errorf("a call runs what was before: %v, want %v", stays, c.stays)
				}
				if !now.Since.After(good.Since) {
					t.Error("the line goes back in time")
				}
				_, err = s.Publish(t.Context(), ref("f", ""), nil, functions.Precondition{})
				s.is(err, functions.ErrBusy, "The operation cannot be performed at this time. The function is currently in the following state: Failed")

				_, err = s.update("f", "broken once more")
				s.ok(err)
				s.settled("f")
				if now := s.resolves("f", ""); (now.Release.ID == good.Release.ID) != c.stays {
					t.Errorf("after two broken updates a call runs %v", now.Release)
				}

				s.fleet.set(func(f *crew) { clear(f.fails) })
				_, err = s.update("f", "mended")
				s.ok(err)
				mended := s.settled("f")
				if now := s.resolves("f", ""); now.Release.ID != mended.Release || mended.Update.State != "Successful" || !now.Since.After(good.Since) {
					t.Errorf("a call runs %v of %+v", now.Release, mended)
				}
			})
		})
	}
}

// What was begun before a server ended is ended by the next.
func TestAnUpdateOutlivesItsServer(t *testing.T) {
	inShop(t, func(s *shop) {
		s.create(of("f", program(t, "one")))
		other := s.server()
		stop := s.run(other)
		s.fleet.set(func(c *crew) { c.hold = true })
		_, err := s.update("f", "two")
		s.ok(err)
		stop()
		if v := s.get("f", ""); v.Update.State != "InProgress" {
			t.Errorf("it is %+v although nothing came of it", v.Update)
		}
		s.fleet.set(func(c *crew) { c.hold = false })
		s.run(s.server())
		if v := s.settled("f"); v.Update.State != "Successful" {
			t.Errorf("it is %+v", v.Update)
		}
	})
}

// An update whose machine is gone is neither good nor bad: it is tried again.
func TestAnUpdateThatCannotBeTriedIsTriedAgain(t *testing.T) {
	inShop(t, func(s *shop) {
		s.create(of("f", program(t, "one")))
		s.fleet.set(func(c *crew) { c.fails[""] = fleet.ErrStopping })
		_, err := s.update("f", "two")
		s.ok(err)
		before, _ := s.fleet.asked()
		s.until("it was tried", func() bool { now, _ := s.fleet.asked(); return len(now) > len(before) || len(now) > 1 })
		if v := s.get("f", ""); v.Update.State != "InProgress" {
			t.Errorf("it is %+v", v.Update)
		}
		s.fleet.set(func(c *crew) { clear(c.fails) })
		if v := s.settled("f"); v.Update.State != "Successful" {
			t.Errorf("it is %+v", v.Update)
		}
	})
}

func TestSecretsOfAnEnvironmentAreNotShown(t *testing.T) {
	inShop(t, func(s *shop) {
		n := of("f", program(t, "one"))
		n.Env = functions.Environment{"WORD": "sesame"}
		v := s.create(n)
		for _, said := range []string{sprint(v), sprint(v.Env), sprint(n.Env), sprint(s.resolves("f", "").Release)} {
			if strings.Contains(said, "sesame") {
				t.Errorf("it says %s", said)
			}
		}
		var found int
		s.ok(s.db.Row(t.Context(), `select count(*) from functions_environments`).Scan(&found))
		if found != 1 {
			t.Errorf("%d environments are kept", found)
		}
	})
}
