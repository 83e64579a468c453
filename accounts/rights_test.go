package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"slipway/store"
	"slipway/store/storetest"
)

func TestAllPoliciesHaveTheirSay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ann := w.who(w.user(us, "ann", allow("ecs:StopTask")).ID)
		_, err := w.CreateGroup(w.ctx(), us, "devs", "/")
		w.must(err)
		w.inline(us, KindGroup, "devs", allow("ecs:RunTask"))
		check := func(when string, want ...string) {
			t.Helper()
			var may []string
			for _, action := range []string{"ecs:ListTasks", "ecs:RunTask", "ecs:StopTask"} {
				if w.may(ann, action) {
					may = append(may, action)
				}
			}
			if !slices.Equal(may, want) {
				t.Errorf("%s: may %v, want %v", when, may, want)
			}
		}
		// Each change counts for the next call.
		check("with a policy of her own", "ecs:StopTask")
		w.must(w.Join(w.ctx(), us, "devs", "ann"))
		check("in a group", "ecs:RunTask", "ecs:StopTask")
		w.must(w.AttachPolicy(w.ctx(), us, KindUser, "ann", "arn:aws:iam::aws:policy/AdministratorAccess"))
		check("as administrator", "ecs:ListTasks", "ecs:RunTask", "ecs:StopTask")
		w.inline(us, KindGroup, "devs", deny("ecs:ListTasks"))
		check("with a deny in her group", "ecs:RunTask", "ecs:StopTask")
		p, err := w.CreatePolicy(w.ctx(), us, NewPolicy{Name: "bounds", Path: "/", Document: allow("ecs:StopTask", "ecs:ListTasks")})
		w.must(err)
		w.must(w.SetBoundary(w.ctx(), us, KindUser, "ann", p.ARN()))
		check("within a boundary", "ecs:StopTask")
		w.must(w.DeleteBoundary(w.ctx(), us, KindUser, "ann"))
		w.must(w.Leave(w.ctx(), us, "devs", "ann"))
		w.must(w.DetachPolicy(w.ctx(), us, KindUser, "ann", "arn:aws:iam::aws:policy/AdministratorAccess"))
		check("alone again", "ecs:StopTask")
		w.must(w.DeleteInline(w.ctx(), us, KindUser, "ann", "p"))
		check("with nothing")
	})
}

func TestTheReasonOfADenial(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	ann := w.who(w.user(us, "ann", deny("ecs:StopTask")).ID)
	for action, because := range map[string]string{
		"ecs:RunTask":  "because no identity-based policy allows the ecs:RunTask action",
		"ecs:StopTask": "with an explicit deny in an identity-based policy",
	} {
		err := w.Authorize(w.ctx(), ann, &Request{Action: action, Resource: "*"})
		fails(t, err, ErrDenied, "User: "+ann.ARN+" is not authorized to perform: "+action+" on resource: * "+because)
	}
}

func TestSessionPoliciesNarrow(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	root := Root(us)
	role := w.role(us, "deploy", trust(rootARN(us)), allow("ecs:RunTask", "ecs:StopTask"))
	p, err := w.CreatePolicy(w.ctx(), us, NewPolicy{Name: "stop", Path: "/", Document: allow("ecs:StopTask", "ecs:ListTasks")})
	w.must(err)

	by := w.session(&root, Assumption{Role: role, Policy: allow("ecs:RunTask", "ecs:ListTasks")})
	if !w.may(by, "ecs:RunTask") || w.may(by, "ecs:StopTask") || w.may(by, "ecs:ListTasks") {
		t.Error("a document does not narrow its session to what both allow")
	}
	by = w.session(&root, Assumption{Role: role, PolicyARNs: []string{p.ARN()}})
	if !w.may(by, "ecs:StopTask") || w.may(by, "ecs:RunTask") || w.may(by, "ecs:ListTasks") {
		t.Error("a managed policy does not narrow its session to what both allow")
	}
	w.must(w.DeletePolicy(w.ctx(), us, p.ARN()))
	if w.may(by, "ecs:StopTask") {
		t.Error("a session policy that is gone allows still")
	}
}

func TestResourcesOfOtherAccounts(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	const ours = "arn:aws:ecr:us-east-1:" + us + ":repository/web"
	root, theirs := Root(us), Root(them)
	zoe, yan := w.who(w.user(them, "zoe", allow("ecr:*")).ID), w.who(w.user(them, "yan", "").ID)
	open := strings.Replace(trust(rootARN(them)), `["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]`, `"ecr:PutImage"`, 1)
	closed := strings.Replace(strings.Replace(open, "Allow", "Deny", 1), them, us, 1)
	for _, try := range []struct {
		who    *Principal
		policy string
		may    bool
	}{
		{zoe, open, true}, {zoe, "", false}, {yan, open, false}, {&theirs, open, true}, {&theirs, "", false},
		{&root, "", true}, {&root, open, true}, {&root, closed, false}, {zoe, "{", false}, {&root, "{", false},
	} {
		err := w.Authorize(w.ctx(), try.who, &Request{Action: "ecr:PutImage", Resource: ours, Policy: func() (string, error) { return try.policy, nil }})
		if (err == nil) != try.may || err != nil && !errors.Is(err, ErrDenied) {
			t.Errorf("%s under %q: %v", try.who.ARN, try.policy, err)
		}
	}
	failing := errors.New("database is gone")
	err := w.Authorize(w.ctx(), &root, &Request{Action: "ecr:PutImage", Resource: ours, Policy: func() (string, error) { return "", failing }})
	if !errors.Is(err, failing) || errors.Is(err, ErrDenied) {
		t.Errorf("a policy that cannot be read now: %v", err)
	}
}

// What the API stores is good; what somebody else did to the database must never open a door.
func TestABrokenDocumentDenies(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ann := w.who(w.user(us, "ann", allow("*:*")).ID)
		root := Root(us)
		role := w.role(us, "deploy", trust(rootARN(us)), allow("ecs:*"))
		session := w.session(&root, Assumption{Role: role, Policy: allow("ecs:*")})
		if !w.may(ann, "ecs:RunTask") || !w.may(session, "ecs:RunTask") {
			t.Fatal("not allowed to begin with")
		}
		w.must(db.Update(w.ctx(), func(tx *store.Tx) error {
			tx.Touch(rightsTopic)
			tx.Touch(keysTopic)
			_, err1 := tx.Exec(`insert into inline_policies (entity, name, document) values ($1, 'broken', '{"Version":"2012-10-17"')`, ann.Entity)
			_, err2 := tx.Exec(`update sessions set policies = '["{"]'`)
			return errors.Join(err1, err2)
		}))
		for _, who := range []*Principal{ann, w.who(session.Session.Key)} {
			err := w.Authorize(w.ctx(), who, &Request{Action: "ecs:RunTask", Resource: "*"})
			if !errors.Is(err, ErrDenied) || !strings.HasSuffix(err.Error(), "because a policy that applies can not be read") {
				t.Errorf("%s: %v", who.ARN, err)
			}
		}
		w.must(db.Update(w.ctx(), func(tx *store.Tx) error {
			tx.Touch(keysTopic)
			_, err := tx.Exec(`update sessions set policies = 'x'`)
			return err
		}))
		if key, err := w.Key(w.ctx(), session.Session.Key); err == nil || errors.Is(err, ErrUnknownKey) || key.Secret != "" {
			t.Errorf("a damaged session: %v, %v", key, err)
		}
	})
}

func TestConditionKeysOfPrincipals(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	root := Root(us)
	ann := w.who(w.user(us, "ann", "").ID)
	w.must(w.Tag(w.ctx(), us, KindUser, "ann", []Tag{{"Team", "blue"}}))
	role := w.role(us, "deploy", trust(rootARN(us)), "")
	w.must(w.Tag(w.ctx(), us, KindRole, "deploy", []Tag{{"Team", "blue"}, {"kind", "role"}}))
	session := w.session(&root, Assumption{Role: role, Name: "ci", SourceIdentity: "bob", Tags: []Tag{{"team", "red"}}})
	token, err := w.SessionToken(w.ctx(), ann, 0)
	w.must(err)
	annAgain := w.who(token.AccessKeyID)
	organization := w.organization.Load().ID
	issued := session.Session.Created.Format("2006-01-02T15:04:05Z")

	for _, try := range []struct {
		who       *Principal
		key, want string // "": it has no such key
	}{
		{&root, "aws:PrincipalArn", root.ARN}, {ann, "aws:PrincipalArn", ann.ARN}, {session, "aws:PrincipalArn", role},
		{&root, "aws:PrincipalType", "Account"}, {ann, "aws:PrincipalType", "User"}, {session, "aws:PrincipalType", "AssumedRole"},
		{session, "aws:PrincipalAccount", us}, {session, "aws:PrincipalOrgID", organization}, {&root, "aws:PrincipalIsAWSService", "false"},
		{&root, "aws:userid", us}, {ann, "aws:userid", ann.Entity}, {session, "aws:userid", session.Entity + ":ci"},
		{ann, "aws:username", "ann"}, {annAgain, "aws:username", "ann"}, {&root, "aws:username", ""}, {session, "aws:username", ""},
		{ann, "aws:PrincipalTag/team", "blue"}, {session, "aws:PrincipalTag/Team", "red"}, {session, "aws:PrincipalTag/kind", "role"}, {ann, "aws:PrincipalTag/kind", ""},
		{ann, "aws:MultiFactorAuthPresent", ""}, {annAgain, "aws:MultiFactorAuthPresent", "false"}, {session, "aws:MultiFactorAuthPresent", "false"},
		{ann, "aws:TokenIssueTime", ""}, {session, "aws:TokenIssueTime", issued},
		{session, "aws:SourceIdentity", "bob"}, {ann, "aws:SourceIdentity", ""},
		{ann, "aws:SourceIp", "192.0.2.7"}, {ann, "aws:Other", ""},
	} {
		own, err := w.rightsOf(w.ctx(), try.who)
		w.must(err)
		asked := conditions{who: try.who, tags: own.tags, organization: w.organization.Load(), values: func(key string) ([]string, bool) {
			return []string{"192.0.2.7"}, key == "aws:sourceip"
		}}
		got, ok := asked.Values(strings.ToLower(try.key))
		if ok != (try.want != "") || ok && !slices.Equal(got, []string{try.want}) {
			t.Errorf("%s: %s is %q, want %q", try.who.ARN, try.key, got, try.want)
		}
	}
}

// Whatever policies there are: a session may nothing that its role may not, and what is remembered
// of rights is what a room that has just been opened reads.
func TestRightsAreWhatTheDatabaseSays(t *testing.T) {
	actions := []string{"ecs:RunTask", "ecs:StopTask", "ecr:PutImage"}
	db := storetest.SQLite(t)
	w := newWorld(t, db)
	root := Root(us)
	w.user(us, "ann", "")
	ann := w.who(w.user(us, "bob", "").ID)
	role := w.role(us, "deploy", trust(rootARN(us)), "")
	rapid.Check(t, func(r *rapid.T) {
		document := func(label string) string {
			pick := rapid.SliceOfNDistinct(rapid.SampledFrom(append(actions, "ecs:*", "*")), 1, 2, rapid.ID[string])
			return statement(rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(r, label+" effect"), pick.Draw(r, label)...)
		}
		plain := w.session(&root, Assumption{Role: role})
		narrow := w.session(&root, Assumption{Role: role, Policy: document("session policy")})
		for range rapid.IntRange(1, 4).Draw(r, "changes") {
			kind, name := KindUser, "bob"
			if rapid.Bool().Draw(r, "of the role") {
				kind, name = KindRole, "deploy"
			}
			policy := rapid.SampledFrom([]string{"p", "q"}).Draw(r, "policy")
			if rapid.Bool().Draw(r, "delete") {
				if err := w.DeleteInline(w.ctx(), us, kind, name, policy); err != nil && !errors.Is(err, ErrNoEntity) {
					r.Fatal(err)
				}
			} else if err := w.PutInline(w.ctx(), us, kind, name, InlinePolicy{policy, document("document")}); err != nil {
				r.Fatal(err)
			}
			fresh := &world{Control: open(t, db), t: t, db: db}
			for _, action := range actions {
				for _, who := range []*Principal{ann, plain, narrow} {
					if remembered, read := w.may(who, action), fresh.may(who, action); remembered != read {
						r.Fatalf("%s to do %s: %v, a fresh room says %v", who.ARN, action, remembered, read)
					}
				}
				if w.may(narrow, action) && !w.may(plain, action) {
					r.Fatalf("the narrowed session may %s, and the role may not", action)
				}
			}
		}
	})
}

func TestRightsAreReadOnceUntilTheyChange(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	ann := w.who(w.user(us, "ann", allow("ecs:*")).ID)
	reads := 0
	count := func(ctx context.Context, id string) (*rights, error) { reads++; return w.readRights(ctx, id) }
	get := func() {
		if _, err := w.rights.get(w.ctx(), ann.Entity, count); err != nil {
			t.Fatal(err)
		}
	}
	get()
	get()
	w.user(us, "bob", "")
	get()
	if reads != 2 {
		t.Errorf("%d reads, want one before the change and one after", reads)
	}
}

func benchmarkAuthorize(b *testing.B, document string, a Assumption) {
	w := newWorld(b, storetest.SQLite(b))
	root := Root(us)
	a.Role = w.role(us, "deploy", trust(rootARN(us)), document)
	who := w.session(&root, a)
	r := &Request{Action: "ecs:RunTask", Resource: "arn:aws:ecs:us-east-1:" + us + ":task-definition/web:1", Values: func(string) ([]string, bool) { return nil, false }}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Authorize(ctx, who, r); err != nil {
			b.Fatal(err)
		}
	}
}

// statements is a document of n statements, the last of which allows ecs:RunTask.
func statements(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"Effect":"Allow","Action":["ecs:Describe%d*","ecs:List%d"],"Resource":"arn:aws:ecs:*:*:x/%d"}`, i, i, i)
	}
	all[n-1] = `{"Effect":"Allow","Action":"ecs:RunTask","Resource":"arn:aws:ecs:*:*:task-definition/*"}`
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(all, ",") + `]}`
}

func BenchmarkAuthorize(b *testing.B) {
	b.Run("10 statements", func(b *testing.B) { benchmarkAuthorize(b, statements(10), Assumption{}) })
	b.Run("100 statements", func(b *testing.B) { benchmarkAuthorize(b, statements(100), Assumption{}) })
	b.Run("session policy", func(b *testing.B) {
		benchmarkAuthorize(b, statements(10), Assumption{Policy: allow("ecs:*"), Tags: []Tag{{"team", "red"}}})
	})
}

func BenchmarkKey(b *testing.B) {
	w := newWorld(b, storetest.SQLite(b))
	ctx := b.Context()
	root := Root(us)
	session, err := w.SessionToken(ctx, &root, 0)
	w.must(err)
	for name, id := range map[string]string{"root": w.root.ID, "session": session.AccessKeyID} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				key, err := w.Key(ctx, id)
				if err != nil {
					b.Fatal(err)
				}
				if name == "session" && !key.TokenIs(session.Token) {
					b.Fatal("not its token")
				}
			}
		})
	}
	b.Run("unknown", func(b *testing.B) {
		for b.Loop() {
			w.Key(ctx, newKey().ID)
		}
	})
}
