package runtimeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slipway/nodeapi"
)

const nodeCode = `
exports.echo = async event => event
exports.callback = (event, context, callback) => { setTimeout(() => callback(null, { after: event }), 5) }
exports.old = (event, context) => context.succeed('done')
exports.silent = () => {}
exports.context = async (event, c) => ({ id: c.awsRequestId, arn: c.invokedFunctionArn, name: c.functionName, memory: c.memoryLimitInMB,
  custom: c.clientContext.Custom.key, left: c.getRemainingTimeInMillis() > 0, trace: process.env._X_AMZN_TRACE_ID })
exports.fails = async () => { console.log('about to\nfail'); throw new RangeError('out of range') }
exports.failsBack = (event, context, callback) => callback(new Error('called back'))
exports.throwsText = () => { throw 'just text' }
exports.notJSON = async () => 1n
exports.rejects = async () => { Promise.reject(new Error('nobody cares')); await new Promise(done => setTimeout(done, 1000)) }
exports.streams = awslambda.streamifyResponse(async (event, out) => {
  out.setContentType('text/plain')
  for (const piece of ['one ', 'two ', 'three']) out.write(piece)
  out.end()
})
exports.website = awslambda.streamifyResponse(async (event, out) => {
  out = awslambda.HttpResponseStream.from(out, { statusCode: 201 })
  out.end('body')
})
exports.breaksOff = awslambda.streamifyResponse(async (event, out) => {
  out.write('one ')
  await new Promise(done => setTimeout(done, 5))
  throw new Error('broke off')
})
exports.failsFirst = awslambda.streamifyResponse(async () => { throw new Error('before anything') })
exports.nested = { deep: async () => 'deep' }
exports.number = 1
`

const pythonCode = `
import decimal, logging, os, sys
def echo(event, context):
    return event
def context(event, c):
    return {"id": c.aws_request_id, "arn": c.invoked_function_arn, "name": c.function_name, "memory": c.memory_limit_in_mb,
            "custom": c.client_context.custom["key"], "left": c.get_remaining_time_in_millis() > 0, "trace": os.environ["_X_AMZN_TRACE_ID"]}
def fails(event, context):
    logging.warning("about to\nfail")
    raise ValueError("wrong value")
def not_json(event, context):
    return {1, 2}
def numbers(event, context):
    return decimal.Decimal("1.5")
def leaves(event, context):
    sys.exit(4)
number = 1
`

// managed is a function that runs under one of our own bootstraps.
func managed(t *testing.T, interpreter, handler string) (*function, *bytes.Buffer) {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"index.js": nodeCode, "module.mjs": "export const handler = async () => 'module'", "broken.js": "let let", "throws.js": "throw new Error('at load')",
		"needs.js": "require('nothing-like-it')", "sub/index.js": "exports.handler = async () => 'sub'",
		"main.py": pythonCode, "wrong.py": "def (", "needy.py": "import nothing_like_it", "sub/__init__.py": "", "sub/part.py": "def handler(e, c):\n    return 'sub'",
	} {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &function{Session: New(Config{}), exited: make(chan struct{})}
	go f.Serve(l)
	f.command = exec.Command(interpreter, map[string]string{"node": "../../runtimes/nodejs/bootstrap", "python3": "../../runtimes/python/bootstrap"}[interpreter])
	f.command.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_LAMBDA_RUNTIME_API=" + l.Addr().String(), "_HANDLER=" + handler, "LAMBDA_TASK_ROOT=" + folder,
		"AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "PYTHONDONTWRITEBYTECODE=1"}
	var printed bytes.Buffer
	f.command.Stdout, f.command.Stderr = &printed, &printed
	if err := f.command.Start(); err != nil {
		t.Fatal(err)
	}
	go f.wait()
	t.Cleanup(func() {
		f.command.Process.Kill()
		<-f.exited
		f.Close()
		if t.Failed() {
			t.Log(printed.String())
		}
	})
	return f, &printed
}

// slow is a patient invocation that says all that a caller can.
func slow(n int, payload string) *nodeapi.Invocation {
	i := patient(n, payload)
	i.TraceID = "Root=1-5759e988-bd862e3fe1be46a994272793"
	i.ClientContext = "eyJjdXN0b20iOnsia2V5IjoidmFsdWUifSwiQ3VzdG9tIjp7ImtleSI6InZhbHVlIn19" // {"custom":{"key":"value"},"Custom":{"key":"value"}}
	return i
}

const told1 = `"id":"00000000-0000-4000-8000-000000000001","arn":"arn:aws:lambda:eu-west-1:123456789012:function:f","name":"f","memory":"128","custom":"value","left":true,"trace":"Root=1-5759e988-bd862e3fe1be46a994272793"`

func TestManagedRuntimesAnswer(t *testing.T) {
	for _, c := range []struct{ interpreter, handler, payload, want string }{
		{"node", "index.echo", `{"a":["ü",1]}`, `{"a":["ü",1]}`},
		{"node", "index.callback", `1`, `{"after":1}`},
		{"node", "index.old", `1`, `"done"`},
		{"node", "index.silent", `1`, `null`},
		{"node", "index.nested.deep", `1`, `"deep"`},
		{"node", "module.handler", `1`, `"module"`},
		{"node", "sub/index.handler", `1`, `"sub"`},
		{"node", "index.context", `1`, `{` + told1 + `}`},
		{"python3", "main.echo", `{"a":[1,null]}`, `{"a": [1, null]}`},
		{"python3", "main.numbers", `1`, `1.5`},
		{"python3", "sub/part.handler", `1`, `"sub"`},
		{"python3", "sub.part.handler", `1`, `"sub"`},
		{"python3", "main.context", `1`, `{` + strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(told1) + `}`},
	} {
		t.Run(c.interpreter+"/"+c.handler, func(t *testing.T) {
			t.Parallel()
			f, _ := managed(t, c.interpreter, c.handler)
			f.ready(t)
			for n := 1; n <= 2; n++ {
				i := slow(1, c.payload)
				if o, err := f.Invoke(t.Context(), i, nil); err != nil || o.Error != nil || string(o.Payload) != c.want {
					t.Errorf("call %d: %s, not %s, %+v %v", n, o.Payload, c.want, o.Error, err)
				}
			}
		})
	}
}

func TestManagedRuntimesFail(t *testing.T) {
	for _, c := range []struct{ interpreter, handler, payload, kind, message, printed string }{
		{"node", "index.fails", `1`, "RangeError", "out of range", "\t00000000-0000-4000-8000-000000000001\tINFO\tabout to\rfail\n"},
		{"node", "index.failsBack", `1`, "Error", "called back", "ERROR\tInvoke Error \t{"},
		{"node", "index.throwsText", `1`, "string", "just text", ""},
		{"node", "index.notJSON", `1`, "TypeError", "Do not know how to serialize a BigInt", ""},
		{"node", "index.echo", `{`, "SyntaxError", "", ""},
		{"node", "index.rejects", `1`, "Runtime.UnhandledPromiseRejection", "Error: nobody cares", ""},
		{"python3", "main.fails", `1`, "ValueError", "wrong value", "\t00000000-0000-4000-8000-000000000001\tabout to\rfail\n"},
		{"python3", "main.not_json", `1`, "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable", ""},
		{"python3", "main.echo", `{`, "Runtime.UnmarshalError", "Unable to unmarshal input: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)", ""},
		{"python3", "main.leaves", `1`, "Runtime.ExitError", "RequestId: 00000000-0000-4000-8000-000000000001 Error: Runtime exited with error: exit status 4", ""},
	} {
		t.Run(c.interpreter+"/"+c.handler, func(t *testing.T) {
			t.Parallel()
			f, printed := managed(t, c.interpreter, c.handler)
			f.ready(t)
			o, err := f.Invoke(t.Context(), slow(1, c.payload), nil)
			if err != nil || o.Error == nil || o.Error.Type != c.kind || c.message != "" && o.Error.Message != c.message {
				t.Fatalf("%+v %v", o.Error, err)
			}
			var document struct {
				ErrorType, ErrorMessage string
				Trace, StackTrace       []string
			}
			if json.Unmarshal(o.Error.Payload, &document) != nil || document.ErrorType != c.kind || document.ErrorMessage != o.Error.Message {
				t.Errorf("%s", o.Error.Payload)
			}
			f.command.Process.Kill()
			<-f.exited
			if !strings.Contains(printed.String(), c.printed) {
				t.Errorf("%q does not have %q", printed, c.printed)
			}
		})
	}
}

func TestManagedRuntimesFailToStart(t *testing.T) {
	for _, c := range []struct{ interpreter, handler, kind, message string }{
		{"node", "absent.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'absent'"},
		{"node", "needs.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'nothing-like-it'"},
		{"node", "broken.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: "},
		{"node", "throws.handler", "Error", "at load"},
		{"node", "index.absent", "Runtime.HandlerNotFound", "index.absent is undefined or not exported"},
		{"node", "index.number", "Runtime.HandlerNotFound", "index.number is not a function"},
		{"node", "index", "Runtime.MalformedHandlerName", "Bad handler"},
		{"python3", "absent.handler", "Runtime.ImportModuleError", "Unable to import module 'absent': No module named 'absent'"},
		{"python3", "needy.handler", "Runtime.ImportModuleError", "Unable to import module 'needy': No module named 'nothing_like_it'"},
		{"python3", "wrong.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'wrong': "},
		{"python3", "main.absent", "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'main'"},
		{"python3", "main", "Runtime.MalformedHandlerName", "Bad handler 'main': not enough values to unpack (expected 2, got 1)"},
	} {
		t.Run(c.interpreter+"/"+c.handler, func(t *testing.T) {
			t.Parallel()
			f, _ := managed(t, c.interpreter, c.handler)
			failed, err := f.Ready(t.Context())
			if err != nil || failed == nil || failed.Type != c.kind || !strings.HasPrefix(failed.Message, c.message) {
				t.Fatalf("%+v %v", failed, err)
			}
			<-f.exited
		})
	}
}

func TestManagedRuntimesStream(t *testing.T) {
	for _, c := range []struct{ handler, contentType, text, failure string }{
		{"index.streams", "text/plain", "one two three", ""},
		{"index.website", "application/vnd.awslambda.http-integration-response", `{"statusCode":201}` + strings.Repeat("\x00", 8) + "body", ""},
		{"index.breaksOff", "application/octet-stream", "one ", "broke off"},
		{"index.failsFirst", "", "", "before anything"},
	} {
		t.Run(c.handler, func(t *testing.T) {
			t.Parallel()
			f, _ := managed(t, "node", c.handler)
			f.ready(t)
			for n := 1; n <= 2; n++ {
				var k kept
				o, err := f.Invoke(context.Background(), slow(n, `{}`), &k)
				if err != nil || k.kind != c.contentType || k.text.String() != c.text || (o.Error != nil) != (c.failure != "") ||
					o.Error != nil && o.Error.Message != c.failure {
					t.Fatalf("call %d: %+v %q %+v %v", n, k.kind, k.text.String(), o.Error, err)
				}
			}
		})
	}
}
