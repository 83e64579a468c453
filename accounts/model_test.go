package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"slipway/store"
	"slipway/store/storetest"
)

func TestOfTwoWhoTakeTheSameNameOneGetsIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, _ := pair(t, db)
		errs := make([]error, 6)
		for i := range errs {
			makeUser(t, c, us, fmt.Sprint("user-", i))
		}
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { errs[i] = c.Rename(t.Context(), us, KindUser, fmt.Sprint("user-", i), "ann", "") })
		}
		all.Wait()
		got := 0
		for _, err := range errs {
			if err == nil {
				got++
			} else {
				wantSaying(t, err, ErrEntityExists, "User with name ann already exists.")
			}
		}
		if got != 1 {
			t.Errorf("%d are called ann", got)
		}
	})
}

// Users and groups of two accounts, as they are to be: whoever does what, in whatever order.
func TestUsersAndGroupsAreAsTheModelHasThem(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		rapid.Check(t, func(rt *rapid.T) {
			m := &model{c: c, ctx: t.Context(), users: map[string]*modelUser{}, groups: map[string]string{}}
			for i := range m.accounts {
				a, err := c.CreateAccount(m.ctx, "model")
				if err != nil {
					rt.Fatal(err)
				}
				m.accounts[i] = a.ID
			}
			rt.Repeat(map[string]func(*rapid.T){
				"create user": m.createUser, "delete user": m.deleteUser, "rename user": m.renameUser, "create key": m.createKey,
				"create group": m.createGroup, "delete group": m.deleteGroup, "rename group": m.renameGroup,
				"join": m.join, "leave": m.leave, "": m.check,
			})
		})
	})
}

// model is what the room is to have. Users and groups are known by account and name in lower case.
type model struct {
	c        *Control
	ctx      context.Context
	accounts [2]string
	users    map[string]*modelUser
	groups   map[string]string // id of each
}

type modelUser struct {
	id     string
	keys   int
	groups map[string]bool // by id
}

// draw picks an account and the name of somebody who may be there, and where the model has them.
func (m *model) draw(t *rapid.T, label string) (account, name, place string) {
	account = rapid.SampledFrom(m.accounts[:]).Draw(t, label+" account")
	name = rapid.SampledFrom([]string{"a", "A", "b", "B", "c"}).Draw(t, label)
	return account, name, account + "/" + fold(name)
}

// expect checks that an outcome is the cause, or none.
func expect(t *rapid.T, err, cause error) {
	if !errors.Is(err, cause) {
		t.Fatalf("error %v, want %v", err, cause)
	}
}

func (m *model) createUser(t *rapid.T) {
	account, name, at := m.draw(t, "user")
	e, err := m.c.CreateUser(m.ctx, account, NewUser{Name: name, Path: "/"})
	if m.users[at] != nil {
		expect(t, err, ErrEntityExists)
		return
	}
	expect(t, err, nil)
	m.users[at] = &modelUser{id: e.ID, groups: map[string]bool{}}
}

func (m *model) deleteUser(t *rapid.T) {
	account, name, at := m.draw(t, "user")
	err := m.c.DeleteUser(m.ctx, account, name)
	switch u := m.users[at]; {
	case u == nil:
		expect(t, err, ErrNoEntity)
	case u.keys > 0 || len(u.groups) > 0:
		expect(t, err, ErrInUse)
	default:
		expect(t, err, nil)
		delete(m.users, at)
	}
}

func (m *model) renameUser(t *rapid.T) {
	account, name, at := m.draw(t, "user")
	_, other, _ := m.draw(t, "new name")
	to := account + "/" + fold(other)
	err := m.c.Rename(m.ctx, account, KindUser, name, other, "")
	switch {
	case m.users[at] == nil:
		expect(t, err, ErrNoEntity)
	case to != at && m.users[to] != nil:
		expect(t, err, ErrEntityExists)
	default:
		expect(t, err, nil)
		u := m.users[at]
		delete(m.users, at)
		m.users[to] = u
	}
}

func (m *model) createKey(t *rapid.T) {
	account, name, at := m.draw(t, "user")
	_, _, err := m.c.CreateUserKey(m.ctx, account, name)
	switch u := m.users[at]; {
	case u == nil:
		expect(t, err, ErrNoEntity)
	case u.keys == keysPerUser:
		expect(t, err, ErrQuota)
	default:
		expect(t, err, nil)
		u.keys++
	}
}

func (m *model) createGroup(t *rapid.T) {
	account, name, at := m.draw(t, "group")
	e, err := m.c.CreateGroup(m.ctx, account, name, "/")
	if m.groups[at] != "" {
		expect(t, err, ErrEntityExists)
		return
	}
	expect(t, err, nil)
	m.groups[at] = e.ID
}

func (m *model) deleteGroup(t *rapid.T) {
	account, name, at := m.draw(t, "group")
	err := m.c.DeleteGroup(m.ctx, account, name)
	switch {
	case m.groups[at] == "":
		expect(t, err, ErrNoEntity)
	case len(m.in(m.groups[at])) > 0:
		expect(t, err, ErrInUse)
	default:
		expect(t, err, nil)
		delete(m.groups, at)
	}
}

func (m *model) renameGroup(t *rapid.T) {
	account, name, at := m.draw(t, "group")
	_, other, _ := m.draw(t, "new name")
	to := account + "/" + fold(other)
	err := m.c.Rename(m.ctx, account, KindGroup, name, other, "/moved/")
	switch {
	case m.groups[at] == "":
		expect(t, err, ErrNoEntity)
	case to != at && m.groups[to] != "":
		expect(t, err, ErrEntityExists)
	default:
		expect(t, err, nil)
		id := m.groups[at]
		delete(m.groups, at)
		m.groups[to] = id
	}
}

func (m *model) join(t *rapid.T) {
	account, group, at := m.draw(t, "group")
	_, name, _ := m.draw(t, "user")
	err := m.c.Join(m.ctx, account, group, name)
	u := m.users[account+"/"+fold(name)]
	if m.groups[at] == "" || u == nil {
		expect(t, err, ErrNoEntity)
		return
	}
	expect(t, err, nil)
	u.groups[m.groups[at]] = true
}

func (m *model) leave(t *rapid.T) {
	account, group, at := m.draw(t, "group")
	_, name, _ := m.draw(t, "user")
	err := m.c.Leave(m.ctx, account, group, name)
	u := m.users[account+"/"+fold(name)]
	if m.groups[at] == "" || u == nil || !u.groups[m.groups[at]] {
		expect(t, err, ErrNoEntity)
		return
	}
	expect(t, err, nil)
	delete(u.groups, m.groups[at])
}

// in are the ids of the users in a group, in the order of their names.
func (m *model) in(group string) (ids []string) {
	var places []string
	for at, u := range m.users {
		if u.groups[group] {
			places = append(places, at)
		}
	}
	slices.Sort(places)
	for _, at := range places {
		ids = append(ids, m.users[at].id)
	}
	return ids
}

// check compares all that the room tells with the model.
func (m *model) check(t *rapid.T) {
	for _, account := range m.accounts {
		list, _, err := m.c.Entities(m.ctx, account, KindUser, "/", Page{})
		expect(t, err, nil)
		for _, e := range list {
			if u := m.users[account+"/"+e.folded()]; u == nil || u.id != e.ID {
				t.Fatalf("%s is listed, the model has %+v", e.ARN(), u)
			}
		}
		if n := m.count(account); n != len(list) {
			t.Fatalf("%d users are listed, the model has %d", len(list), n)
		}
	}
	for at, id := range m.groups {
		account, name, _ := strings.Cut(at, "/")
		g, users, _, err := m.c.Members(m.ctx, account, name, Page{})
		expect(t, err, nil)
		var ids []string
		for _, u := range users {
			ids = append(ids, u.ID)
		}
		if g.ID != id || !slices.Equal(ids, m.in(id)) {
			t.Fatalf("in %s are %v, the model has %v", at, ids, m.in(id))
		}
	}
}

func (m *model) count(account string) (n int) {
	for at := range m.users {
		if strings.HasPrefix(at, account) {
			n++
		}
	}
	return n
}
