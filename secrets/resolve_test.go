package secrets_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"slipway/secrets"
	"slipway/store"
)

func TestResolvingReferences(t *testing.T) {
	each(t, func(w *world) {
		w.mustPut("/app/db", hidden, func(n *secrets.NewParameter) { n.Type = secrets.TypeSecure })
		w.mustPut("flat", "plain")
		w.mustPut("/theirs", "x", func(n *secrets.NewParameter) { n.Account = other })
		s := w.create("app/db", `{"user":"ann","password":"hunter2","port":5432,"opts":{"a":[1]},"none":null}`, v1)
		_, _, err := w.PutValue(t.Context(), w.SecretRef(account, "app/db"), secrets.Version{ID: v2, Value: text("not JSON: hunter2")})
		must(t, err)
		bytes, _, err := w.CreateSecret(t.Context(), secrets.NewSecret{Account: account, Name: "bytes", Value: secrets.Value{Bytes: []byte{0, 1}, Binary: true}})
		must(t, err)
		doomed := w.create("doomed", "x", "")
		_, err = w.DeleteSecret(t.Context(), w.SecretRef(account, "doomed"), 7)
		must(t, err)
		empty, _, err := w.CreateSecret(t.Context(), secrets.NewSecret{Account: account, Name: "empty"})
		must(t, err)

		const begin = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
		ssm, asm := begin+"unable to retrieve secrets from ssm: invalid parameters: ", begin+"unable to retrieve secret from asm: "
		parameter := "arn:aws:ssm:us-east-1:" + account + ":parameter/"
		partial := s.ARN[:len(s.ARN)-7]
		for from, want := range map[string]string{
			"/app/db": hidden, "flat": "plain", parameter + "app/db": hidden, parameter + "flat": "plain",
			"/none": ssm + "[/none]", "": ssm + "[]",
			strings.Replace(parameter, account, other, 1) + "theirs": ssm + "[" + strings.Replace(parameter, account, other, 1) + "theirs]",
			s.ARN:                                "not JSON: hunter2",
			partial:                              "not JSON: hunter2",
			s.ARN + ":::":                        "not JSON: hunter2",
			s.ARN + ":password:AWSPREVIOUS:":     "hunter2",
			s.ARN + ":user::" + v1:               "ann",
			s.ARN + ":port::" + v1:               "5432",
			s.ARN + ":opts::" + v1:               `{"a":[1]}`,
			s.ARN + ":none::" + v1:               "null",
			s.ARN + "::AWSPREVIOUS:" + v1:        `{"user":"ann","password":"hunter2","port":5432,"opts":{"a":[1]},"none":null}`,
			s.ARN + ":salt:AWSPREVIOUS:":         asm + "retrieved secret from Secrets Manager did not contain json key salt",
			s.ARN + ":password::":                asm + "retrieved secret from Secrets Manager is not a JSON object, so that it has no json key password",
			s.ARN + ":password":                  asm + "unexpected ARN format with parameters when trying to retrieve ASM secret: " + s.ARN + ":password",
			s.ARN + "::AWSPREVIOUS:" + v2:        asm + "failed to fetch secret " + s.ARN + " from secrets manager: InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId.",
			s.ARN + "x":                          asm + "failed to fetch secret " + s.ARN + "x from secrets manager: ResourceNotFoundException: " + gone,
			strings.Replace(s.ARN, "app", "", 1): asm + "failed to fetch secret " + strings.Replace(s.ARN, "app", "", 1) + " from secrets manager: ResourceNotFoundException: " + gone,
			bytes.ARN:                            asm + "secret " + bytes.ARN + " has no SecretString",
			doomed.ARN:                           asm + "failed to fetch secret " + doomed.ARN + " from secrets manager: InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.",
			empty.ARN:                            asm + "failed to fetch secret " + empty.ARN + " from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
		} {
			got, err := w.Resolve(t.Context(), account, from)
			if err != nil {
				got = err.Error()
				if !errors.Is(err, secrets.ErrUnresolved) || strings.Contains(got, "hunter2") {
					t.Errorf("%s: %v", from, err)
				}
			}
			if got != want {
				t.Errorf("%s: %q, want %q", from, got, want)
			}
		}
		theirs, err := w.Resolve(t.Context(), other, s.ARN) // whether they may is asked elsewhere
		if err != nil || theirs != "not JSON: hunter2" {
			t.Errorf("by another account: %q, %v", theirs, err)
		}
	})
}

// What a reference needs is told of what is there and what is not.
func TestWhatReferencesNeed(t *testing.T) {
	each(t, func(w *world) {
		w.mustPut("/app/db", "x")
		must(t, w.TagParameter(t.Context(), w.ParameterRef(account, "/app/db"), map[string]string{"a": "b"}, nil))
		s := w.create("db", "x", "")
		_, err := w.SetPolicy(t.Context(), w.SecretRef(account, "db"), "policy", false)
		must(t, err)
		parameter := "arn:aws:ssm:us-east-1:" + account + ":parameter/"
		for from, want := range map[string]string{
			"/app/db":            "ssm:GetParameters " + parameter + "app/db map[a:b] ",
			parameter + "app/db": "ssm:GetParameters " + parameter + "app/db map[a:b] ",
			"none":               "ssm:GetParameters " + parameter + "none map[] ",
			s.ARN:                "secretsmanager:GetSecretValue " + s.ARN + " map[] policy",
			s.ARN + ":k:s:":      "secretsmanager:GetSecretValue " + s.ARN + " map[] policy",
			s.ARN + "x":          "secretsmanager:GetSecretValue " + s.ARN + "x-?????? map[] ",
		} {
			n, err := w.Need(t.Context(), account, from)
			if got := fmt.Sprint(n.Action, " ", n.Resource, " ", n.Tags, " ", n.Policy); err != nil || got != want {
				t.Errorf("%s: %s, %v, want %s", from, got, err, want)
			}
		}
		for from, want := range map[string]string{
			s.ARN:                    "map[secretsmanager:secretid:" + s.ARN + " secretsmanager:secretprimaryregion:us-east-1 secretsmanager:versionstage:AWSCURRENT]",
			s.ARN + "::AWSPREVIOUS:": "map[secretsmanager:secretid:" + s.ARN + " secretsmanager:secretprimaryregion:us-east-1 secretsmanager:versionstage:AWSPREVIOUS]",
			s.ARN + ":k::" + v1:      "map[secretsmanager:secretid:" + s.ARN + " secretsmanager:secretprimaryregion:us-east-1 secretsmanager:versionid:" + v1 + "]",
			"/app/db":                "map[]",
		} {
			n, err := w.Need(t.Context(), account, from)
			if got := fmt.Sprint(n.Keys); err != nil || got != want {
				t.Errorf("%s has the keys %s, %v, want %s", from, got, err, want)
			}
		}
		for _, from := range []string{"", "arn:aws:ssm:us-east-1:" + other + ":parameter/x", s.ARN + ":k"} {
			if n, err := w.Need(t.Context(), account, from); !errors.Is(err, secrets.ErrUnresolved) {
				t.Errorf("%s: %v, %v", from, n, err)
			}
		}
	})
}

// While the database cannot be read, a reference is worth another try.
func TestResolvingIsTriedAgain(t *testing.T) {
	each(t, func(w *world) {
		w.mustPut("flat", "plain")
		s := w.create("db", "x", "")
		must(t, w.db.Update(t.Context(), func(tx *store.Tx) error {
			_, err1 := tx.Exec(`update secrets_versions set sealed = $1`, []byte("damaged"))
			_, err2 := tx.Exec(`update secrets_parameter_versions set sealed = $1`, []byte("damaged"))
			return errors.Join(err1, err2)
		}))
		for _, from := range []string{"flat", s.ARN} {
			if got, err := w.Resolve(t.Context(), account, from); err == nil || errors.Is(err, secrets.ErrUnresolved) || got != "" {
				t.Errorf("%s: %q, %v", from, got, err)
			}
		}
	})
}
