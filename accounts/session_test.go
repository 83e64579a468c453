package accounts

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/store"
	"slipway/store/storetest"
)

func TestASessionActsInItsRole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ann := w.who(w.user(us, "ann", allow("sts:AssumeRole")).ID)
		deploy := w.role(us, "deploy", trust(rootARN(us)), allow("ecs:*"))

		got, err := w.assume(ann, Assumption{Role: deploy, Name: "ci"})
		w.must(err)
		role, err := w.Entity(w.ctx(), us, KindRole, "deploy")
		w.must(err)
		if got.ARN != "arn:aws:sts::"+us+":assumed-role/deploy/ci" || got.UserID != role.ID+":ci" {
			t.Errorf("the session is %s, %s", got.ARN, got.UserID)
		}
		if len(got.Secret) != 40 || len(got.Token) < 100 || got.Packed != 0 {
			t.Errorf("secret of %d, token of %d characters, packed %d", len(got.Secret), len(got.Token), got.Packed)
		}
		if life := time.Until(got.Expires); life > time.Hour || life < 50*time.Minute {
			t.Errorf("it lives for %v", life)
		}
		key, err := w.Key(w.ctx(), got.AccessKeyID)
		w.must(err)
		p := key.Owner
		if key.Secret != got.Secret || p.Type != TypeRole || p.ARN != got.ARN || p.UserID != got.UserID || p.Entity != role.ID || p.Session.Issuer != deploy {
			t.Errorf("the key speaks for %+v, of %s", p, p.Session.Issuer)
		}
		if !key.TokenIs(got.Token) || key.TokenIs("") || key.TokenIs(got.Token[1:]) || w.root.TokenIs(got.Token) || !w.root.TokenIs("") {
			t.Error("tokens are taken for what they are not")
		}
		if !w.may(&p, "ecs:StopTask") || w.may(&p, "ecr:PutImage") {
			t.Error("it may not do what its role may, or more")
		}
	})
}

// fails wants an error of a cause, with AWS's sentence.
func fails(t *testing.T, err, cause error, sentence string) {
	t.Helper()
	if !errors.Is(err, cause) || sentence != "" && err.Error() != sentence {
		t.Errorf("error %v\nwant  %v: %s", err, cause, sentence)
	}
}

func TestWhoMayAssumeARole(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	may, mayNot := allow("sts:AssumeRole"), allow("ecs:*")
	ann, bob := w.who(w.user(us, "ann", may).ID), w.who(w.user(us, "bob", mayNot).ID)
	zoe, yan := w.who(w.user(them, "zoe", may).ID), w.who(w.user(them, "yan", mayNot).ID)
	root, theirs := Root(us), Root(them)
	named := w.role(us, "named", trust(bob.ARN), "")
	open := w.role(us, "open", trust(rootARN(us)), "")
	foreign := w.role(us, "foreign", trust(rootARN(them)), "")
	task := w.role(us, "task", serviceTrust("ecs-tasks.amazonaws.com"), "")

	for _, try := range []struct {
		who  *Principal
		role string
		may  bool
	}{
		{bob, named, true}, // in one account, who is named needs no policy
		{ann, named, false},
		{ann, open, true},
		{bob, open, false},
		{&root, open, true},
		{zoe, open, false},
		{zoe, foreign, true},
		{yan, foreign, false}, // across accounts, both sides have to allow
		{&theirs, foreign, true},
		{ann, foreign, false}, // a role has to trust even its own account
		{&root, foreign, false},
		{&root, task, false},
		{&root, "arn:aws:iam::" + us + ":role/missing", false},
		{&root, "arn:aws:iam::" + them + ":role/missing", false},
		{zoe, "arn:aws:iam::" + us + ":role/missing", false},
		{&root, "arn:aws:iam::" + us + ":role/path/open", false},
	} {
		_, err := w.assume(try.who, Assumption{Role: try.role})
		if (err == nil) != try.may {
			t.Errorf("%s in %s: %v", try.who.ARN, try.role, err)
		}
		// What is missing, what is foreign and what does not trust look the same.
		if err != nil {
			fails(t, err, ErrDenied, fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", try.who.ARN, try.role))
		}
	}
	for _, arn := range []string{"arn:aws:iam::" + us + ":user/ann", "arn:aws:iam::" + us + ":role/", "arn:aws:iam::1:role/x", "role"} {
		_, err := w.TrustedRole(t.Context(), arn)
		fails(t, err, ErrRoleARN, arn+" is invalid")
	}
}

func TestASessionMakesSessions(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	ann := w.who(w.user(us, "ann", allow("sts:*")).ID)
	first := w.role(us, "first", trust(rootARN(us)), allow("sts:AssumeRole"))
	second := w.role(us, "second", trust(first), "")
	third := w.role(us, "third", trust("arn:aws:sts::"+us+":assumed-role/first/one"), "")

	one := w.session(ann, Assumption{Role: first, Name: "one", SourceIdentity: "ann", Transitive: []string{"team"},
		Tags: []Tag{{"team", "red"}, {"job", "7"}}})
	two := w.session(one, Assumption{Role: second, Name: "two", Tags: []Tag{{"job", "8"}}})
	if s := two.Session; s.Tags["team"] != "red" || s.Tags["job"] != "8" || !slices.Equal(s.Transitive, []string{"team"}) || s.SourceIdentity != "ann" {
		t.Errorf("it inherited %v, passing on %v, of %s", s.Tags, s.Transitive, s.SourceIdentity)
	}
	w.session(one, Assumption{Role: third})
	other := w.session(ann, Assumption{Role: first, Name: "other"})
	_, err := w.assume(other, Assumption{Role: third})
	fails(t, err, ErrDenied, "")

	for sentence, a := range map[string]Assumption{
		"The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.":                             {Duration: time.Hour + time.Second},
		"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.": {Tags: []Tag{{"Team", "blue"}}},
		"User: " + one.ARN + " is not authorized to perform: sts:SetSourceIdentity on resource: " + second:                               {SourceIdentity: "bob"},
	} {
		a.Role = second
		if _, err := w.assume(one, a); err == nil || err.Error() != sentence {
			t.Errorf("%+v: %v\nwant %s", a, err, sentence)
		}
	}
}

func TestWhatASessionMayNotBe(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	root := Root(us)
	role := w.role(us, "deploy", trust(rootARN(us)), "")
	long := Assumption{Duration: 2 * time.Hour}
	_, err := w.CreateRole(w.ctx(), us, NewRole{Name: "long", Path: "/", Trust: trust(rootARN(us)), MaxSession: 2 * time.Hour})
	w.must(err)
	w.session(&root, Assumption{Role: "arn:aws:iam::" + us + ":role/long", Duration: long.Duration})

	tags := func(n, size int) (list []Tag) {
		for i := range n {
			list = append(list, Tag{fmt.Sprintf("key%04d", i), strings.Repeat("v", size)})
		}
		return list
	}
	for _, try := range []struct {
		a        Assumption
		cause    error
		sentence string
	}{
		{long, ErrDuration, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{Assumption{Duration: time.Minute}, ErrDuration, ""},
		{Assumption{Policy: "{"}, ErrMalformed, ""},
		{Assumption{Policy: trust(rootARN(us))}, ErrMalformed, ""}, // no Principal in a session policy
		{Assumption{Policy: allow(strings.Repeat("a", 2500) + ":x")}, ErrPacked, "Packed policy consumes 127% of allotted space, please use smaller policy."},
		{Assumption{Tags: tags(10, 256)}, ErrPacked, "Packed size of session tags consumes 129% of allotted space."},
		{Assumption{Tags: tags(51, 1)}, ErrQuota, ""},
		{Assumption{Tags: []Tag{{"a", "1"}, {"A", "2"}}}, ErrInput, "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{Assumption{Tags: []Tag{{"aws:x", "1"}}}, ErrInput, ""},
		{Assumption{Transitive: []string{"a"}}, ErrInput, "The specified transitive tag key must be included in the requested tags."},
		{Assumption{PolicyARNs: []string{"arn:aws:iam::aws:policy/None"}}, ErrInput, ""},
		{Assumption{PolicyARNs: []string{"arn:aws:iam::" + them + ":policy/Theirs"}}, ErrInput, ""},
		{Assumption{PolicyARNs: []string{role}}, ErrInput, ""},
		{Assumption{PolicyARNs: slices.Repeat([]string{"arn:aws:iam::aws:policy/AdministratorAccess"}, 11)}, ErrInput, ""},
	} {
		try.a.Role = role
		_, err := w.assume(&root, try.a)
		fails(t, err, try.cause, try.sentence)
	}
	got, err := w.assume(&root, Assumption{Role: role, Policy: allow("ecs:*"), Tags: []Tag{{"a", "1"}}})
	if err != nil || got.Packed < 1 || got.Packed > 10 {
		t.Errorf("a small policy fills %d%%, %v", got.Packed, err)
	}
}

func TestShortLivedCredentialsOfUsersAndRoot(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ann := w.who(w.user(us, "ann", allow("ecs:*", "iam:*")).ID)
		root := Root(us)
		for _, try := range []struct {
			who  *Principal
			life time.Duration
			want time.Duration
		}{
			{ann, 0, 12 * time.Hour}, {ann, 36 * time.Hour, 36 * time.Hour}, {ann, 15 * time.Minute, 15 * time.Minute},
			{&root, 0, time.Hour}, {&root, 20 * time.Minute, 20 * time.Minute}, {&root, 36 * time.Hour, time.Hour},
		} {
			got, err := w.SessionToken(w.ctx(), try.who, try.life)
			w.must(err)
			key, err := w.Key(w.ctx(), got.AccessKeyID)
			w.must(err)
			p := key.Owner
			if lives := p.Session.Expires.Sub(p.Session.Created); lives > try.want || lives < try.want-time.Second {
				t.Errorf("%s asks for %v and gets %v", try.who.ARN, try.life, lives)
			}
			if p.ARN != try.who.ARN || p.UserID != try.who.UserID || p.Type != try.who.Type || !w.may(&p, "ecs:RunTask") || w.may(&p, "iam:ListUsers") {
				t.Errorf("%s became %+v", try.who.ARN, p)
			}
			_, err = w.SessionToken(w.ctx(), &p, 0)
			fails(t, err, ErrFromSession, "Cannot call GetSessionToken with session credentials")
		}
		for _, life := range []time.Duration{time.Minute, 37 * time.Hour} {
			_, err := w.SessionToken(w.ctx(), ann, life)
			fails(t, err, ErrDuration, "")
		}
	})
}

func TestWhatEndsASession(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		const task = "arn:aws:ecs:us-east-1:" + us + ":task/web/1"
		issue := func() string {
			_, err := w.CreateRole(w.ctx(), us, NewRole{Name: "task", Path: "/", Trust: serviceTrust("ecs-tasks.amazonaws.com")})
			if !errors.Is(err, ErrEntityExists) {
				w.must(err)
			}
			got, err := w.IssueFor(w.ctx(), us, "arn:aws:iam::"+us+":role/task", task, "1", "ecs-tasks.amazonaws.com")
			w.must(err)
			return got.AccessKeyID
		}
		token := func() string {
			w.user(us, "ann", "")
			got, err := w.SessionToken(w.ctx(), &Principal{Type: TypeUser, Account: us, Entity: w.id(us, KindUser, "ann")}, 0)
			w.must(err)
			return got.AccessKeyID
		}
		set := func(query string, args ...any) error {
			return db.Update(w.ctx(), func(tx *store.Tx) error {
				tx.Touch(keysTopic)
				_, err := tx.Exec(query, args...)
				return err
			})
		}
		for _, end := range []struct {
			how  string
			make func() string
			end  func() error
			want error
		}{
			{"its role is deleted", issue, func() error { return w.DeleteRole(w.ctx(), us, "task") }, ErrUnknownKey},
			{"it is revoked", issue, func() error { return w.Revoke(w.ctx(), task) }, ErrUnknownKey},
			{"it expires", issue, func() error { return set(`update sessions set expires = 1`) }, ErrExpired},
			{"its user is deleted", token, func() error {
				return errors.Join(set(`delete from access_keys where owner <> 'root'`), w.DeleteUser(w.ctx(), us, "ann"))
			}, ErrUnknownKey},
			{"its account is closed", issue, func() error { return set(`update accounts set state = 'closed' where id = $1`, us) }, ErrUnknownKey},
		} {
			id := end.make()
			w.who(id)
			w.must(end.end())
			if _, err := w.Key(w.ctx(), id); !errors.Is(err, end.want) {
				t.Errorf("when %s: %v, want %v", end.how, err, end.want)
			}
		}
	})
}

func (w *world) id(account string, kind Kind, name string) string {
	w.t.Helper()
	e, err := w.Entity(w.ctx(), account, kind, name)
	w.must(err)
	return e.ID
}

func TestRevokingOneTaskLeavesTheOthers(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	role := w.role(us, "task", serviceTrust("ecs-tasks.amazonaws.com"), "")
	var ids []string
	for _, task := range []string{"task/1", "task/1", "task/2", ""} {
		got, err := w.IssueFor(w.ctx(), us, role, task, "s", "ecs-tasks.amazonaws.com")
		w.must(err)
		ids = append(ids, got.AccessKeyID)
	}
	w.must(w.Revoke(w.ctx(), "task/1"))
	w.must(w.Revoke(w.ctx(), "task/none"))
	w.must(w.Revoke(w.ctx(), "")) // what is bound to nothing is not revoked like this
	for i, id := range ids {
		if _, err := w.Key(w.ctx(), id); (err == nil) != (i > 1) {
			t.Errorf("session %d: %v", i, err)
		}
	}
}

func TestARoleIsIssuedToWhomItTrusts(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	const service, task = "ecs-tasks.amazonaws.com", "arn:aws:ecs:us-east-1:" + us + ":task/web/1"
	conditional := func(operator, key, value string) string {
		return strings.Replace(serviceTrust(service), `"Action"`, `"Condition":{"`+operator+`":{"`+key+`":"`+value+`"}},"Action"`, 1)
	}
	for name, try := range map[string]struct {
		trust   string
		service string
		trusted bool
	}{
		"its-own":       {serviceTrust(service), service, true},
		"other-service": {serviceTrust(service), "lambda.amazonaws.com", false},
		"users":         {trust(rootARN(us)), service, false},
		"this-account":  {conditional("StringEquals", "aws:SourceAccount", us), service, true},
		"that-account":  {conditional("StringEquals", "aws:SourceAccount", them), service, false},
		"these-tasks":   {conditional("ArnLike", "aws:SourceArn", "arn:aws:ecs:us-east-1:"+us+":*"), service, true},
		"those-tasks":   {conditional("ArnLike", "aws:SourceArn", "arn:aws:ecs:eu-west-1:"+us+":*"), service, false},
	} {
		role := w.role(us, name, try.trust, allow("ecs:*"))
		acting, refused := w.ActingFor(w.ctx(), us, role, task, "1", try.service)
		got, err := w.IssueFor(w.ctx(), us, role, task, "1", try.service)
		if !try.trusted {
			fails(t, err, ErrNotTrusted, "")
			fails(t, refused, ErrNotTrusted, "")
			continue
		}
		w.must(refused)
		if acting.ARN != "arn:aws:sts::"+us+":assumed-role/"+name+"/1" || !w.may(&acting, "ecs:StopTask") || w.may(&acting, "iam:GetUser") {
			t.Errorf("%s: the service acts as %+v", name, acting)
		}
		w.must(err)
		p := w.who(got.AccessKeyID)
		if p.ARN != "arn:aws:sts::"+us+":assumed-role/"+name+"/1" || p.Session.Bound != task || !w.may(p, "ecs:StopTask") {
			t.Errorf("%s: it is issued to %+v", name, p)
		}
	}
	theirs := w.role(them, "theirs", serviceTrust(service), "")
	for _, role := range []string{theirs, "arn:aws:iam::" + us + ":role/missing", "task-role", ""} {
		_, err := w.IssueFor(w.ctx(), us, role, task, "1", service)
		fails(t, err, ErrNotTrusted, "")
	}
}

func TestWhatExpiredLongAgoIsSwept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		root := Root(us)
		var ids []string
		for _, ago := range []time.Duration{-time.Hour, time.Hour, expiredMemory + time.Hour} {
			got, err := w.SessionToken(w.ctx(), &root, 0)
			w.must(err)
			ids = append(ids, got.AccessKeyID)
			w.must(db.Update(w.ctx(), func(tx *store.Tx) error {
				_, err := tx.Exec(`update sessions set expires = $2 where id = $1`, got.AccessKeyID, store.Micros(tx.Now.Add(-ago)))
				return err
			}))
		}
		w.must(w.sweepSessions(w.ctx()))
		for i, want := range []error{nil, ErrExpired, ErrUnknownKey} {
			if _, err := w.Key(w.ctx(), ids[i]); !errors.Is(err, want) {
				t.Errorf("session %d: %v, want %v", i, err, want)
			}
		}
	})
}

func TestNeitherSecretNorTokenIsInTheDatabase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		root := Root(us)
		got, err := w.SessionToken(w.ctx(), &root, 0)
		w.must(err)
		err = db.View(w.ctx(), func(tx *store.Tx) error {
			return tx.Each(`select id, sealed, token from sessions`, nil, func(r *sql.Rows) error {
				var id, sealed, token []byte
				err := r.Scan(&id, &sealed, &token)
				if row := bytes.Join([][]byte{id, sealed, token}, nil); bytes.Contains(row, []byte(got.Secret)) || bytes.Contains(row, []byte(got.Token)) {
					t.Error("a secret is in its row in plain")
				}
				return err
			})
		})
		w.must(err)
		key, err := w.Key(w.ctx(), got.AccessKeyID)
		w.must(err)
		for _, printed := range []string{fmt.Sprintf("%v %+v %s %#v", got, got, got, got), fmt.Sprintf("%v %+v %#v", key, key, key)} {
			if strings.Contains(printed, got.Secret) || strings.Contains(printed, got.Token) {
				t.Errorf("printed with its secret: %s", printed)
			}
		}
	})
}
