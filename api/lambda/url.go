package lambda

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"slipway/api/awswire"
	"slipway/functions"
	"slipway/internal/errs"
)

// urls answers at the URLs of functions.
//
// Source: Lambda Developer Guide, "Invoking Lambda function URLs" and "Control access to Lambda function URLs".
type urls struct {
	calls  caller
	region string
	gate   *awswire.Mux
	arn    func(functions.Ref) string
	policy func(ctx, functions.Ref) (string, error)
}

// URLs answers requests to the hosts of functions' URLs, ID.lambda-url.REGION.DOMAIN, whatever the domain and the
// port; all others are next's. Who is let in is found out at gate, behind which is the door of the room.
func URLs(c *functions.Control, region string, gate *awswire.Mux, next http.Handler) http.Handler {
	u := &urls{calls: c, region: region, gate: gate, arn: c.ARN, policy: c.DecidingPolicy}
	return u.before(next)
}

func (u *urls) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, domain, found := strings.Cut(r.Host, hostInfix)
		if !found {
			next.ServeHTTP(w, r)
			return
		}
		if region, _, _ := strings.Cut(domain, "."); region != u.region {
			id = ""
		}
		u.serve(w, r, id)
	})
}

const hostInfix = ".lambda-url."

// What who calls a URL must be allowed is actionURL, and actionInvoke beside it. In policies keyAuth says how the URL
// asks who calls, and keyViaURL that it is a URL that is called. Source: Lambda Developer Guide, "Control access to
// Lambda function URLs", as it is since October 2025.
const (
	actionURL = "lambda:InvokeFunctionUrl"
	keyAuth   = "lambda:FunctionUrlAuthType"
	keyViaURL = "lambda:InvokedViaFunctionUrl"
)

func (u *urls) serve(w http.ResponseWriter, r *http.Request, id string) {
	url, err := u.calls.FindURL(r.Context(), strings.ToLower(id))
	switch {
	case errs.KindOf(err) == errs.NotFound:
		forbid(w)
	case err != nil:
		answerText(w, http.StatusInternalServerError, textServerError)
	case isPreflight(r) && !url.Settings.CORS.Empty():
		preflight(w, r, &url.Settings.CORS)
	default:
		u.call(w, r, &url)
	}
}

// call lets a request in, makes it a call of the function, and answers with what the function says.
func (u *urls) call(w http.ResponseWriter, r *http.Request, url *functions.URL) {
	v, err := u.gate.Admit(w, r, awswire.Entry{
		Service: API.Name, Operation: "InvokeFunctionUrl", Signed: url.Settings.Auth == functions.AuthIAM, MaxBody: functions.MaxPayload,
		Asks: func(awswire.Caller) []awswire.Ask { return u.asks(url) },
	})
	out := newReply(w, r, url, v.RequestID)
	if err == nil {
		err = u.invoke(r, url, v, out)
	}
	if err != nil {
		out.refuse(err)
	}
	_ = out.control.SetWriteDeadline(time.Time{}) // what comes next on the connection is another answer
	v.Done(out.status, err)
	if err != nil && out.begun {
		panic(http.ErrAbortHandler) // the client must not take it for a whole answer
	}
}

func (u *urls) asks(url *functions.URL) []awswire.Ask {
	ask := awswire.Ask{
		Action: actionURL, Resource: u.arn(url.Ref), Keys: map[string][]string{keyAuth: {url.Settings.Auth}, keyViaURL: {"true"}},
		Policy: func(c ctx) (string, error) { return u.policy(c, url.Ref) },
	}
	call := ask
	call.Action = actionInvoke
	return []awswire.Ask{ask, call}
}

func (u *urls) invoke(r *http.Request, url *functions.URL, v *awswire.Visit, out *reply) error {
	event := event{r: r, url: url, visit: v, time: time.Now(), trace: out.trace}
	i := functions.Invoke{
		Account: url.Ref.Account, Function: url.Ref.Name, Qualifier: url.Ref.Qualifier,
		Type: functions.RequestResponse, Request: v.RequestID, TraceID: out.trace, Payload: event.json(),
	}
	if url.Settings.Mode == functions.ResponseStream {
		i.Stream = out
		i.Began = func(_, release string) { out.w.Header().Set(headerRelease, release) }
	}
	answer, err := u.calls.Invoke(r.Context(), i)
	if err != nil {
		return err
	}
	return out.finish(&answer)
}

// What is said to who is not let in, and when a function fails, in the words of AWS Lambda.
const (
	textForbidden   = `{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}`
	textServerError = "Internal Server Error"
	textTooLarge    = `{"Message":"Request Entity Too Large"}`
)

// forbid is the answer to who may not, and at URLs that are not there: nobody is to find out which are.
func forbid(w http.ResponseWriter) {
	w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
	answerText(w, http.StatusForbidden, textForbidden)
}

func answerText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json") // at AWS, too
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that is gone misses it, which is all that can be said
}

// refuse answers a request that came to no answer of the function.
func (o *reply) refuse(err error) {
	if o.begun {
		return
	}
	o.allowOrigin()
	fault, _ := errors.AsType[*awswire.Fault](err)
	throttle, throttled := errors.AsType[*functions.Throttle](err)
	switch {
	case fault != nil && fault.Status == http.StatusRequestEntityTooLarge, errors.Is(err, functions.ErrPayloadSize):
		o.status = http.StatusRequestEntityTooLarge
		answerText(o.w, o.status, textTooLarge)
	case fault != nil && fault.Status < http.StatusInternalServerError:
		o.status = http.StatusForbidden
		forbid(o.w)
	case throttled:
		o.status = http.StatusTooManyRequests
		text := awswire.AppendText([]byte(`{"Reason":`), throttle.Reason)
		answerText(o.w, o.status, string(awswire.AppendText(append(text, `,"Type":"User","message":`...), throttle.Error()))+"}")
	case errors.Is(err, errFunction):
		o.status = http.StatusBadGateway
		answerText(o.w, o.status, textServerError)
	default:
		o.status = http.StatusInternalServerError
		answerText(o.w, o.status, textServerError)
	}
}

// hostOf is a host without its port.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}
