package accounts

import (
	"errors"
	"fmt"
	"testing"

	"slipway/store"
	"slipway/store/storetest"
)

// Nobody in particular may do what a policy of the resource lets everybody do, under its conditions, and nothing else.
func TestWhoSignedNothing(t *testing.T) {
	const resource = "arn:aws:lambda:us-east-1:123456789012:function:hello"
	statement := `{"Effect":%q,"Principal":%s,"Action":"lambda:InvokeFunctionUrl","Resource":"` + resource + `","Condition":%s}`
	everybody := fmt.Sprintf(statement, "Allow", `"*"`, `{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}`)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		for _, c := range []struct {
			name, statements, action string
			may                      bool
		}{
			{"everybody", everybody, "lambda:InvokeFunctionUrl", true},
			{"another action", everybody, "lambda:InvokeFunction", false},
			{"another condition", fmt.Sprintf(statement, "Allow", `"*"`, `{"StringEquals":{"lambda:FunctionUrlAuthType":"AWS_IAM"}}`), "lambda:InvokeFunctionUrl", false},
			{"an account", fmt.Sprintf(statement, "Allow", `{"AWS":"123456789012"}`, `{}`), "lambda:InvokeFunctionUrl", false},
			{"whoever is of an account", fmt.Sprintf(statement, "Allow", `"*"`, `{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}`), "lambda:InvokeFunctionUrl", false},
			{"denied", everybody + "," + fmt.Sprintf(statement, "Deny", `"*"`, `{}`), "lambda:InvokeFunctionUrl", false},
			{"no policy", "", "lambda:InvokeFunctionUrl", false},
		} {
			document := ""
			if c.statements != "" {
				document = `{"Version":"2012-10-17","Statement":[` + c.statements + `]}`
			}
			err := w.AuthorizeAnonymous(t.Context(), &Request{
				Action: c.action, Resource: resource, Policy: func() (string, error) { return document, nil },
				Values: func(key string) ([]string, bool) { return []string{"NONE"}, key == "lambda:functionurlauthtype" },
			})
			if c.may != (err == nil) || err != nil && !errors.Is(err, ErrDenied) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if err := w.AuthorizeAnonymous(t.Context(), &Request{Action: "lambda:InvokeFunctionUrl", Resource: "*"}); !errors.Is(err, ErrDenied) {
			t.Errorf("a resource that is nobody's: %v", err)
		}
	})
}
