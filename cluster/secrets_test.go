package cluster_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/cluster/taskdef/taskdeftest"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
)

const (
	envFile   = "arn:aws:s3:::config/web.env"
	otherFile = "arn:aws:s3:::config/other.env"
)

// guarded is a definition of one container whose environment is mostly kept elsewhere.
func guarded() taskdef.Spec {
	s := web()
	s.ExecutionRole = "pull"
	s.Containers[0].Env = []taskdef.Variable{{Name: "OPEN", Value: "in the definition"}}
	s.Containers[0].Secrets = []taskdef.Secret{{Name: "KEY", From: taskdeftest.Parameter}, {Name: "AGAIN", From: taskdeftest.Parameter}}
	s.Containers[0].EnvFiles = []taskdef.EnvFile{{Type: "s3", ARN: envFile}, {Type: "s3", ARN: otherFile}}
	s.Containers[0].RegistryLogin = taskdeftest.Secret
	return s
}

// secrets asks for what a task is given, as the node's present session.
func (w world) secrets(node *clustertest.Node, task string) (nodeapi.Secrets, error) {
	return w.Secrets(w.Context(), nodeapi.CredentialsRequest{Node: node.ID, Session: node.Session(), Task: task})
}

func (w world) fillVault() {
	w.roles.Vault.Put(taskdeftest.Parameter, "the key")
	w.roles.Vault.Put(taskdeftest.Secret, `{"username": "ann", "password": "the password"}`)
	w.roles.Vault.Put(envFile, "# comment\nFIRST=1\nOPEN=from the file\nKEY=from the file\n")
	w.roles.Vault.Put(otherFile, "FIRST=2\nSECOND=a b \n")
}

func TestANodeIsGivenWhatADefinitionNames(t *testing.T) {
	each(t, func(w world) {
		w.fillVault()
		var asked []string
		w.roles.Vault.Reading = func(as cluster.Reader, name string) error {
			asked = append(asked, name)
			if as.Account != account || as.Role != "arn:aws:iam::"+account+":role/pull" || !strings.Contains(as.Task, ":task/default/") {
				w.Errorf("%s is read as %+v", name, as)
			}
			return nil
		}
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("web", guarded()), 1)[0].ID
		if wanted := node.Task(id, false); !wanted.Secret || !slices.Equal(wanted.Containers[0].Env, []string{"OPEN=in the definition"}) || wanted.Containers[0].Login != nil {
			w.Errorf("the node is told %+v", wanted)
		}
		given, err := w.secrets(node, id)
		if err != nil {
			w.Fatal(err)
		}
		if want := []string{"KEY=the key", "AGAIN=the key", "FIRST=1", "SECOND=a b "}; !slices.Equal(given.Env["web"], want) {
			w.Errorf("the environment is %q, want %q", given.Env["web"], want)
		}
		if given.Logins["web"] != (nodeapi.Login{Username: "ann", Password: "the password"}) {
			w.Errorf("the login is %+v", given.Logins["web"])
		}
		wantEqual(w.T, "readings", len(asked), 4)
		w.wantNowhere("the key", "the password", "a b ")
	})
}

// The secret of a login may go by its name.
func TestALoginByTheNameOfItsSecret(t *testing.T) {
	each(t, func(w world) {
		w.roles.Vault.Put("arn:aws:secretsmanager:"+region+":"+account+":secret:registry/login", `{"username": "ann", "password": "the password"}`)
		spec := web()
		spec.ExecutionRole, spec.Containers[0].RegistryLogin = "pull", "registry/login"
		node := w.join('a', 1024, 1024)
		given, err := w.secrets(node, w.runs(w.register("web", spec), 1)[0].ID)
		if err != nil || given.Logins["web"].Username != "ann" {
			w.Errorf("given %v, error %v", given, err)
		}
	})
}

// wantNowhere looks for words in all that the room has written.
func (w world) wantNowhere(words ...string) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *store.Tx) error {
		for _, query := range []string{`select spec || overrides || network from task_models`, `select seen || stop_reason from tasks`, `select spec from definitions`, `select data from events`} {
			var text string
			if err := tx.Row(query + ` order by 1 desc limit 1`).Scan(&text); err != nil {
				return fmt.Errorf("%s: %w", query, err)
			}
			for _, word := range words {
				if strings.Contains(text, word) {
					w.Errorf("%s tells %q", query, word)
				}
			}
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
}

func TestWhoIsGivenNoSecrets(t *testing.T) {
	each(t, func(w world) {
		w.fillVault()
		node, other := w.join('a', 1024, 1024), w.join('b', 1, 1)
		ref := w.register("web", guarded())
		id := w.runs(ref, 1)[0].ID
		_, err := w.secrets(other, id)
		wantErr(w.T, err, cluster.ErrNoCredentials)
		_, err = w.Secrets(w.Context(), nodeapi.CredentialsRequest{Node: node.ID, Session: other.Session(), Task: id})
		wantEqual(w.T, "kind of a wrong session", errs.KindOf(err), errs.Unavailable)
		if _, err := w.StopTask(w.Context(), account, "default", id, ""); err != nil {
			w.Fatal(err)
		}
		_, err = w.secrets(node, id)
		wantErr(w.T, err, cluster.ErrNoCredentials)
	})
}

func TestWhatCannotBeReadIsSaidAsECSDoes(t *testing.T) {
	denied, away := errs.New(errs.Denied, "AccessDeniedException: no policy allows it"), errs.New(errs.Unavailable, "away")
	each(t, func(w world) {
		node := w.join('a', 4096, 4096)
		ref := w.register("web", guarded())
		for _, c := range []struct {
			name, value string
			fails       error
			cause       error
			want        string
		}{
			{"", "", denied, cluster.ErrSecrets, "ResourceInitializationError: unable to pull secrets or registry auth: AccessDeniedException: no policy allows it"},
			{"", "", errs.New(errs.NotFound, "ResourceInitializationError: in words of its own"), nil, "ResourceInitializationError: in words of its own"},
			{taskdeftest.Parameter, "a\x00b", nil, cluster.ErrSecrets, "unable to pull secrets or registry auth: the value of " + taskdeftest.Parameter + " holds a NUL byte"},
			{taskdeftest.Parameter, strings.Repeat("x", 1<<20+1), nil, cluster.ErrSecrets, "larger than 1048576 bytes"},
			{taskdeftest.Secret, `the password`, nil, cluster.ErrSecrets, "unable to retrieve registry auth: " + taskdeftest.Secret + " is not a JSON object with username and password"},
			{taskdeftest.Secret, `{"username": "the password"}`, nil, cluster.ErrSecrets, "is not a JSON object with username and password"},
			{envFile, "A=1\nthe password\n", nil, cluster.ErrEnvFiles, "ResourceInitializationError: failed to download env files: " + envFile + ": line 2 has no ="},
		} {
			w.fillVault()
			w.roles.Vault.Reading = func(cluster.Reader, string) error { return c.fails }
			w.roles.Vault.Put(c.name, c.value)
			_, err := w.secrets(node, w.runs(ref, 1)[0].ID)
			if err == nil || !strings.Contains(err.Error(), c.want) || c.cause != nil && !errors.Is(err, c.cause) || strings.Contains(err.Error(), "the password") {
				w.Errorf("%v\nwant one that says %s", err, c.want)
			}
		}
		w.roles.Vault.Reading = func(cluster.Reader, string) error { return away }
		_, err := w.secrets(node, w.runs(ref, 1)[0].ID)
		wantEqual(w.T, "kind of what may pass", errs.KindOf(err), errs.Unavailable)
	})
}

func TestFilesThatNobodyCanReadAreRefused(t *testing.T) {
	each(t, func(w world) {
		w.roles.Vault.NoFiles = errors.New("There is no bucket.")
		_, err := w.Register(w.Context(), account, "me", "web", guarded(), nil)
		wantText(w.T, err, taskdef.ErrInvalid, "containerDefinitions[0].environmentFiles: There is no bucket.")
	})
}
