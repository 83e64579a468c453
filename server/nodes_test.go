package server

import (
	"strings"
	"testing"
	"time"
)

func TestInvitationsAreForAccountsThatAreThere(t *testing.T) {
	s := open(t, nil)
	defer start(t, s)()
	closed, err := s.accounts.CreateAccount(t.Context(), "closed")
	if err == nil {
		err = s.accounts.CloseAccount(t.Context(), closed.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	control := NewControl(s.config.Data)
	for account, want := range map[string]string{
		"111111111111": "account not found: 111111111111",
		closed.ID:      "account " + closed.ID + " is closed",
		"":             "",
	} {
		made, token, err := control.Invite(t.Context(), Invitation{Account: account}, time.Hour)
		switch {
		case want == "" && (err != nil || token == "" || made.Account != s.root.Owner.Account):
			t.Errorf("the managing account: %+v, %v", made, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("account %s: %v, want %s", account, err, want)
		}
	}
	if open, err := control.Invitations(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("open: %+v, %v", open, err)
	}
}
