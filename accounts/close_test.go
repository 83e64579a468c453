package accounts

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/events"
	"slipway/store"
	"slipway/store/storetest"
)

// said are the events that tell of an account.
func (w *world) said(account string) (kinds []string) {
	w.t.Helper()
	w.must(w.db.View(w.ctx(), func(tx *store.Tx) error {
		all, err := events.Read(tx, 0, 1000)
		for _, e := range all {
			if e.Account == account && strings.HasSuffix(e.Subject, "/"+account) {
				kinds = append(kinds, e.Type)
			}
		}
		return err
	}))
	return kinds
}

func TestTheManagementAccountEntersANewOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		r, err := w.RequestAccount(w.ctx(), "Team", "team@example.com", "")
		w.must(err)
		if r.Reason != "" || checkID(r.Account) != nil || r.Requested.IsZero() {
			t.Fatalf("it became %+v", r)
		}
		if again, err := w.Request(w.ctx(), r.ID); err != nil || again != r {
			t.Errorf("later it is %+v, %v, was %+v", again, err, r)
		}
		a, err := w.Account(w.ctx(), r.Account)
		if err != nil || a.Name != "Team" || a.Email != "team@example.com" || a.State != StateActive || a.Management {
			t.Errorf("the account is %+v, %v", a, err)
		}
		role := "arn:aws:iam::" + r.Account + ":role/OrganizationAccountAccessRole"
		ann := w.who(w.user(us, "ann", allow("sts:AssumeRole")).ID)
		p := w.session(ann, Assumption{Role: role})
		err = w.Authorize(w.ctx(), p, &Request{Action: "iam:CreateUser", Resource: "arn:aws:iam::" + r.Account + ":user/x"})
		if err != nil || p.Account != r.Account {
			t.Errorf("%s cannot act there: %v", p.ARN, err)
		}
		if w.may(p, "ecs:StopTask") {
			t.Error("it may act in the management account as well")
		}
		zoe := w.who(w.user(them, "zoe", allow("sts:AssumeRole")).ID)
		_, err = w.assume(zoe, Assumption{Role: role})
		fails(t, err, ErrDenied, "")
	})
}

func TestAnEmailAddressIsOfOneAccount(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	first, err := w.RequestAccount(w.ctx(), "one", "team@example.com", "Admin")
	w.must(err)
	second, err := w.RequestAccount(w.ctx(), "two", "Team@Example.com", "")
	if err != nil || second.Account != "" || second.Reason != ReasonEmail {
		t.Errorf("the same address: %+v, %v", second, err)
	}
	if _, err := w.Entity(w.ctx(), first.Account, KindRole, "Admin"); err != nil {
		t.Error(err)
	}
	_, err = w.RequestAccount(w.ctx(), "three", "three@example.com", "no role name!")
	fails(t, err, ErrName, "")
	done, _, err := w.Requests(w.ctx(), true, false, Page{})
	w.must(err)
	failed, _, err := w.Requests(w.ctx(), false, true, Page{})
	w.must(err)
	if !slices.Equal(done, []AccountRequest{first}) || !slices.Equal(failed, []AccountRequest{second}) {
		t.Errorf("done %+v, failed %+v", done, failed)
	}
	list, next, err := w.Accounts(w.ctx(), Page{Limit: 2})
	w.must(err)
	rest, end, err := w.Accounts(w.ctx(), Page{Limit: 2, Marker: next})
	if err != nil || len(list) != 2 || len(rest) != 1 || end != "" {
		t.Errorf("listed %v and %v, %v", list, rest, err)
	}
}

func TestClosingAnAccountEndsAllThatActs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		r, err := w.RequestAccount(w.ctx(), "Team", "team@example.com", "")
		w.must(err)
		user := w.user(r.Account, "ann", allow("sts:AssumeRole"))
		root, err := w.CreateKey(w.ctx(), r.Account)
		w.must(err)
		ann := w.who(user.ID)
		token, err := w.SessionToken(w.ctx(), ann, 0)
		w.must(err)
		// A session in another account, and one that it made in a third, are of the closed account's making.
		guest := w.session(ann, Assumption{Role: w.role(us, "guest", trust(rootARN(r.Account)), allow("sts:AssumeRole"))})
		further := w.session(guest, Assumption{Role: w.role(them, "further", trust(rootARN(us)), "")})
		ours := Root(us)
		owner := w.session(&ours, Assumption{Role: w.role(us, "own", trust(rootARN(us)), "")})
		w.who(further.Session.Key)

		w.must(w.CloseAccount(w.ctx(), r.Account))
		for what, id := range map[string]string{"user": user.ID, "root": root.ID, "token": token.AccessKeyID, "guest": guest.Session.Key, "further": further.Session.Key} {
			if _, err := w.Key(w.ctx(), id); !errors.Is(err, ErrUnknownKey) {
				t.Errorf("the key of its %s: %v", what, err)
			}
		}
		w.who(owner.Session.Key)
		if _, err := w.ActiveRoot(w.ctx(), r.Account); !errors.Is(err, ErrNoAccount) {
			t.Errorf("its root: %v", err)
		}
		role, err := w.TrustedRole(w.ctx(), "arn:aws:iam::"+r.Account+":role/OrganizationAccountAccessRole")
		if err != nil || role.Trust != "" {
			t.Errorf("its role can be entered: %+v, %v", role, err)
		}
		if got := w.said(r.Account); !slices.Equal(got, []string{EventOpened, EventClosed}) {
			t.Errorf("told %v", got)
		}
		fails(t, w.CloseAccount(w.ctx(), r.Account), ErrAccountClosed, "")
		fails(t, w.CloseAccount(w.ctx(), us), ErrManagement, "")
		fails(t, w.CloseAccount(w.ctx(), "111111111111"), ErrNoAccount, "")
	})
}

func TestWhatAClosedAccountHadIsKeptForAWhile(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		r, err := w.RequestAccount(w.ctx(), "Team", "team@example.com", "")
		w.must(err)
		w.user(r.Account, "ann", allow("ecs:*"))
		w.user(us, "bob", allow("ecs:*"))
		w.must(w.CloseAccount(w.ctx(), r.Account))

		w.must(w.purge(w.ctx()))
		if _, err := w.Entity(w.ctx(), r.Account, KindUser, "ann"); err != nil {
			t.Errorf("before its time: %v", err)
		}
		second, err := w.RequestAccount(w.ctx(), "Again", "team@example.com", "")
		if err != nil || second.Reason != ReasonEmail {
			t.Errorf("its address is given away: %+v, %v", second, err)
		}
		w.KeepClosed(-time.Second)
		w.must(w.purge(w.ctx()))
		w.must(w.purge(w.ctx()))
		for _, kind := range []Kind{KindUser, KindRole} {
			if list, _, err := w.Entities(w.ctx(), r.Account, kind, "/", Page{}); err != nil || len(list) > 0 {
				t.Errorf("there are still %v, %v", list, err)
			}
		}
		w.id(us, KindUser, "bob")
		if a, err := w.Account(w.ctx(), r.Account); err != nil || a.State != StateGone || a.Email != "" {
			t.Errorf("its record is %+v, %v", a, err)
		}
		if got := w.said(r.Account); !slices.Equal(got, []string{EventOpened, EventClosed, EventGone}) {
			t.Errorf("told %v", got)
		}
		fails(t, w.CloseAccount(w.ctx(), r.Account), ErrNoAccount, "")
		second, err = w.RequestAccount(w.ctx(), "Again", "team@example.com", "")
		if err != nil || second.Reason != "" || second.Account == r.Account {
			t.Errorf("its address is not free: %+v, %v", second, err)
		}
	})
}

func TestLastUseIsWrittenDownTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		root := Root(us)
		key := w.user(us, "ann", "")
		session := w.session(&root, Assumption{Role: w.role(us, "deploy", trust(rootARN(us)), "")})
		before := time.Now().Truncate(time.Minute)
		w.Used(key.ID, w.who(key.ID), "ecs", "us-east-1")
		w.Used(key.ID, w.who(key.ID), "ecr", "us-east-1")
		w.Used(session.Session.Key, session, "logs", "eu-north-1")
		if info, err := w.KeyInfo(w.ctx(), us, key.ID); err != nil || !info.Used.IsZero() {
			t.Errorf("before it is written: %+v, %v", info, err)
		}
		w.must(w.writeUsed(w.ctx()))
		info, err := w.KeyInfo(w.ctx(), us, key.ID)
		if err != nil || info.Used.Before(before) || info.Service != "ecr" || info.Region != "us-east-1" {
			t.Errorf("the key was used %+v, %v", info, err)
		}
		role, err := w.Entity(w.ctx(), us, KindRole, "deploy")
		if err != nil || role.LastUsed.Before(before) || role.LastRegion != "eu-north-1" {
			t.Errorf("the role was used %+v, %v", role, err)
		}
	})
}

func TestUsesAreBounded(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	root := Root(us)
	for range usedSize + 100 {
		w.Used(newKey().ID, &root, "ecs", "us-east-1")
	}
	if keys, _ := w.used.take(); len(keys) != usedSize {
		t.Errorf("%d remembered", len(keys))
	}
}

// Two servers over one database: what one has revoked, the other refuses as soon as it is woken.
func TestServersRevokeForOneAnother(t *testing.T) {
	url := storetest.PostgresURL(t)
	dbs := [2]*store.DB{}
	for i := range dbs {
		db, err := store.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		dbs[i] = db
	}
	w := newWorld(t, dbs[0])
	other := open(t, dbs[1])
	woken, stop := dbs[1].Watch(keysTopic)
	defer stop()
	root := Root(us)
	const task = "arn:aws:ecs:us-east-1:" + us + ":task/web/1"
	role := w.role(us, "task", serviceTrust("ecs-tasks.amazonaws.com"), "")
	issued, err := w.IssueFor(w.ctx(), us, role, task, "1", "ecs-tasks.amazonaws.com")
	w.must(err)
	r, err := w.RequestAccount(w.ctx(), "Team", "team@example.com", "")
	w.must(err)
	tenant, err := w.CreateKey(w.ctx(), r.Account)
	w.must(err)
	user := w.user(us, "ann", "")
	session := w.session(&root, Assumption{Role: w.role(us, "deploy", trust(rootARN(us)), "")})

	for what, revoke := range map[string]struct {
		id string
		do func() error
	}{
		"a key":               {user.ID, func() error { return w.SwitchKey(w.ctx(), us, "ann", user.ID, false) }},
		"a task's session":    {issued.AccessKeyID, func() error { return w.Revoke(w.ctx(), task) }},
		"a key of an account": {tenant.ID, func() error { return w.CloseAccount(w.ctx(), r.Account) }},
		"a session of a role": {session.Session.Key, func() error { return w.DeleteRole(w.ctx(), us, "deploy") }},
	} {
		if _, err := other.Key(w.ctx(), revoke.id); err != nil {
			t.Fatalf("%s before it is revoked: %v", what, err)
		}
		w.must(revoke.do())
		if _, err := w.Key(w.ctx(), revoke.id); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%s where it was revoked: %v", what, err)
		}
		for _, err := other.Key(w.ctx(), revoke.id); !errors.Is(err, ErrUnknownKey); _, err = other.Key(w.ctx(), revoke.id) {
			select {
			case <-woken: // by this, or by something that came before
				_, stop := dbs[1].Watch("nothing") // all who are woken together have been, once this returns
				stop()
			case <-time.After(ringMemory / 2):
				t.Fatalf("%s: the other server is not woken", what)
			}
		}
	}
}
