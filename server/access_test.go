package server

import (
	"errors"
	"strings"
	"testing"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/internal/errs"
	"slipway/oci"
	"slipway/seal/sealtest"
	"slipway/store/storetest"
)

// The doors ask in their words, and are answered in them.
func TestAccess(t *testing.T) {
	db := storetest.SQLite(t)
	control, err := accounts.New(t.Context(), db, sealtest.Keys(t, db))
	if err != nil {
		t.Fatal(err)
	}
	root, err := control.Bootstrap(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	a := access{control}
	secret, who, err := a.Lookup(t.Context(), root.ID, "")
	if err != nil || secret != root.Secret || who.ARN != "arn:aws:iam::"+account+":root" || who.UserID != account || who.AccessKeyID != root.ID {
		t.Errorf("the root's key is of %+v, %v", who, err)
	}
	if _, _, err := a.Lookup(t.Context(), "AKIAEXAMPLEEXAMPLE22", ""); !errors.Is(err, awswire.ErrUnknownKey) {
		t.Errorf("an unknown key: %v", err)
	}
	if secret, _, err := a.Lookup(t.Context(), root.ID, "token"); !errors.Is(err, awswire.ErrBadToken) || secret != "" {
		t.Errorf("a session token where there is none: %v", err)
	}

	other := accounts.Root("210987654321")
	stranger := awswire.Caller{Account: other.Account, ARN: other.ARN, UserID: other.UserID, Principal: &other}
	const ours = "arn:aws:ecs:us-east-1:" + account + ":cluster/default"
	if err := a.Authorize(t.Context(), &awswire.Request{Ask: &awswire.Ask{}, Who: who, Action: "ecs:RunTask", Resource: ours}); err != nil {
		t.Errorf("root on what is its own: %v", err)
	}
	if err := a.Authorize(t.Context(), &awswire.Request{Ask: &awswire.Ask{}, Who: stranger, Action: "ecs:RunTask", Resource: ours}); err == nil || !strings.Contains(err.Error(), "is not authorized to perform: ecs:RunTask") {
		t.Errorf("another account: %v", err)
	}
	r := registryAccess{control}
	const repository = "arn:aws:ecr:us-east-1:" + account + ":repository/web"
	if err := r.Authorize(t.Context(), &oci.Request{Who: oci.Caller{Account: account, ARN: who.ARN, UserID: account}, Action: "ecr:BatchGetImage", Resource: repository}); err != nil {
		t.Errorf("root on its repository: %v", err)
	}
	if err := r.Authorize(t.Context(), &oci.Request{Who: oci.Caller{Account: stranger.Account, ARN: stranger.ARN, UserID: stranger.UserID}, Action: "ecr:BatchGetImage", Resource: repository}); errs.KindOf(err) != errs.Denied {
		t.Errorf("another account on our repository: %v", err)
	}
}
