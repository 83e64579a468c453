package functions_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"slipway/functions"
	"slipway/functions/archive"
)

func TestAFunctionIsMade(t *testing.T) {
	inShop(t, func(s *shop) {
		code := program(t, "one")
		n := of("greet", code)
		n.Env, n.Tags = functions.Environment{"WORD": "hello"}, map[string]string{"team": "web"}
		s.fleet.set(func(c *crew) { c.hold = true })
		v, err := s.CreateFunction(t.Context(), n)
		s.ok(err)
		if v.State != (functions.Status{State: "Pending", Code: "Creating", Reason: "The function is being created."}) || v.Update.State != "" {
			t.Errorf("at first it is %+v, %+v", v.State, v.Update)
		}
		_, err = s.Resolve(t.Context(), ours, "greet", "")
		s.is(err, functions.ErrNotReady, "The operation cannot be performed at this time. The function is currently in the following state: Pending")

		s.fleet.set(func(c *crew) { c.hold = false })
		v = s.settled("greet")
		if v.State != (functions.Status{State: "Active"}) || v.Update != (functions.Status{State: "Successful"}) {
			t.Errorf("then it is %+v, %+v", v.State, v.Update)
		}
		sum := sha256.Sum256(code)
		if v.CodeSha256() != base64.StdEncoding.EncodeToString(sum[:]) || v.Size != int64(len(code)) {
			t.Errorf("its code is %s of %d bytes", v.CodeSha256(), v.Size)
		}
		want := functions.Settings{
			Role: role, Runtime: "provided.al2023", Handler: "bootstrap", Architecture: "x86_64", Memory: 128, Disk: 512, Timeout: 3,
			Tracing: "PassThrough", Log: functions.LogSettings{Group: "/aws/lambda/greet"},
		}
		if got := v.Settings; got.Memory != want.Memory || got.Disk != want.Disk || got.Timeout != want.Timeout || got.Log != want.Log || got.Architecture != want.Architecture {
			t.Errorf("its settings are %+v", got)
		}
		if v.Env["WORD"] != "hello" {
			t.Error("its environment is lost")
		}
	})
}

func TestWhatNoFunctionCanBe(t *testing.T) {
	inShop(t, func(s *shop) {
		good := program(t, "1")
		s.create(of("there", good))
		for _, c := range []struct {
			what     string
			change   func(*functions.NewFunction)
			cause    error
			sentence string
		}{
			{"a name that is taken", func(n *functions.NewFunction) { n.Name = "there" }, functions.ErrThere, "Function already exist: there"},
			{"a long name", func(n *functions.NewFunction) { n.Name = strings.Repeat("x", 65) }, functions.ErrInput,
				"1 validation error detected: Value '" + strings.Repeat("x", 65) + "' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"},
			{"no runtime", func(n *functions.NewFunction) { n.Settings.Runtime = "" }, functions.ErrInput,
				"Runtime and Handler are mandatory parameters for functions created with deployment packages."},
			{"another runtime", func(n *functions.NewFunction) { n.Settings.Runtime = "cobol85" }, functions.ErrRuntime, "the runtime is not there: cobol85 on x86_64"},
			{"another architecture", func(n *functions.NewFunction) { n.Settings.Architecture = "arm64" }, functions.ErrRuntime, "the runtime is not there: provided.al2023 on arm64"},
			{"a role of nobody", func(n *functions.NewFunction) { n.Settings.Role = "arn:aws:iam::123456789012:role/nobody" }, functions.ErrRole,
				"The role defined for the function cannot be assumed by Lambda."},
			{"too much time", func(n *functions.NewFunction) { n.Settings.Timeout = 901 }, functions.ErrForm,
				"1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"},
			{"too much memory", func(n *functions.NewFunction) { n.Settings.Memory = 10241 }, functions.ErrForm,
				"1 validation error detected: Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240"},
			{"variables that are the runtime's", func(n *functions.NewFunction) { n.Env = functions.Environment{"AWS_REGION": "x", "_HANDLER": "y"} }, functions.ErrInput,
				"Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION, _HANDLER"},
			{"a large environment", func(n *functions.NewFunction) { n.Env = functions.Environment{"A": strings.Repeat("x", 4096)} }, functions.ErrInput,
				"Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit."},
			{"no zip", func(n *functions.NewFunction) { n.Code.Zip = []byte("hello") }, archive.ErrFormat,
				"Could not unzip uploaded file. Please check your file, then try to upload again."},
			{"nothing", func(n *functions.NewFunction) { n.Code.Zip = []byte{} }, archive.ErrEmpty, "Uploaded file must be a non-empty zip"},
			{"a large zip", func(n *functions.NewFunction) { n.Code.Zip = make([]byte, 52428801) }, functions.ErrTooLarge, "Zipped size must be smaller than 52428800 bytes"},
			{"an image in place of a zip", func(n *functions.NewFunction) { n.Code.Image = "registry/app:v1" }, functions.ErrInput,
				"Please don't provide ImageUri when creating a function with packageType Zip."},
			{"a handler for an image", func(n *functions.NewFunction) { n.Settings.Packaged = true }, functions.ErrInput,
				"Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."},
			{"a policy that is none", func(n *functions.NewFunction) { n.Tags = map[string]string{functions.StalenessTag: "old"} }, functions.ErrInput,
				`The tag slipway:staleness is wrong: no such staleness policy: "old" is not allow-old, max-age=SECONDS or strict`},
			{"a layer of nobody", func(n *functions.NewFunction) {
				n.Layers = []string{"arn:aws:lambda:us-east-1:123456789012:layer:none:1"}
			}, functions.ErrInput,
				"Layer version arn:aws:lambda:us-east-1:123456789012:layer:none:1 does not exist."},
		} {
			n := of("new", good)
			c.change(&n)
			_, err := s.CreateFunction(t.Context(), n)
			if !errors.Is(err, c.cause) || err.Error() != c.sentence {
				t.Errorf("%s: error %v\nwant %s", c.what, err, c.sentence)
			}
		}
		_, err := s.Version(t.Context(), ref("new", ""))
		s.is(err, functions.ErrNoFunction, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:new")
	})
}

func TestAFunctionThatIsAnImage(t *testing.T) {
	inShop(t, func(s *shop) {
		n := functions.NewFunction{Account: ours, Name: "app", Code: functions.Code{Image: "registry/app:v1"}, Settings: functions.Settings{
			Role: role, Packaged: true, ImageConfig: functions.ImageConfig{Command: []string{"serve"}},
		}}
		s.create(n)
		v := s.get("app", "")
		if v.CodeSha256() != strings.Repeat("1", 64) || v.Settings.ImageURI != "registry/app:v1" || v.Image != "registry/app@"+imageDigest {
			t.Errorf("it is %s, %s, %s", v.CodeSha256(), v.Settings.ImageURI, v.Image)
		}
		r := s.resolves("app", "").Release
		if !r.Packaged || r.Runtime.Name != "registry/app" || r.Runtime.Digest != imageDigest || len(r.Assignment.Code) > 0 || !slices.Equal(r.Assignment.Command, []string{"serve"}) {
			t.Errorf("its release is %+v", r)
		}
		if login, err := r.Runtime.Login(t.Context()); err != nil || login.Username != "AWS" {
			t.Errorf("its login is %v, %v", login, err)
		}
		_, err := s.update("app", "zip")
		s.is(err, functions.ErrInput, "Please provide ImageUri when updating a function with packageType Image.")
		n.Name, n.Code.Image = "other", "registry/app:v2"
		_, err = s.CreateFunction(t.Context(), n)
		s.is(err, functions.ErrImage, "Source image is not valid: registry/app:v2 on x86_64")
	})
}

func TestDeleting(t *testing.T) {
	inShop(t, func(s *shop) {
		s.create(of("f", program(t, "1")))
		v1, err := s.Publish(t.Context(), ref("f", ""), nil, functions.Precondition{})
		s.ok(err)
		_, err = s.CreateAlias(t.Context(), ref("f", "live"), functions.NewAlias{Version: new("1")})
		s.ok(err)
		s.is(s.Delete(t.Context(), ref("f", "$LATEST")), functions.ErrInput, "$LATEST version cannot be deleted without deleting the function.")
		s.is(s.Delete(t.Context(), ref("f", "live")), functions.ErrInput, "Deletion of aliases is not currently supported.")
		s.is(s.Delete(t.Context(), ref("f", "1")), functions.ErrThere, "Cannot delete version 1 because it is referenced by alias(es): live")
		s.resolves("f", "1")
		s.ok(s.DeleteAlias(t.Context(), ref("f", "live")))
		s.ok(s.Delete(t.Context(), ref("f", "1")))
		_, err = s.Resolve(t.Context(), ours, "f", "1")
		s.is(err, functions.ErrNoFunction, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:1")
		s.ok(s.Delete(t.Context(), ref("f", "1"))) // again

		s.resolves("f", "")
		s.ok(s.Delete(t.Context(), ref("f", "")))
		_, err = s.Resolve(t.Context(), ours, "f", "")
		s.is(err, functions.ErrNoFunction, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f")
		s.is(s.Delete(t.Context(), ref("f", "")), functions.ErrNoFunction, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f")
		_, retired := s.fleet.asked()
		arn := "123456789012 arn:aws:lambda:us-east-1:123456789012:function:f "
		if want := []string{arn + v1.Release, arn}; !slices.Equal(retired, want) {
			t.Errorf("the fleet was told to end %q, want %q", retired, want)
		}
	})
}

func TestListing(t *testing.T) {
	inShop(t, func(s *shop) {
		for _, name := range []string{"c", "a", "B"} {
			s.create(of(name, program(t, name)))
		}
		_, err := s.Publish(t.Context(), ref("a", ""), nil, functions.Precondition{})
		s.ok(err)
		list := func(all bool, size int) (names []string) {
			p := functions.Page{Limit: size}
			for {
				page, next, err := s.Functions(t.Context(), ours, all, p)
				s.ok(err)
				if len(page) > size {
					t.Errorf("a page of %d has %d", size, len(page))
				}
				for _, v := range page {
					names = append(names, v.String())
				}
				if p.After = next; next == "" {
					return names
				}
			}
		}
		for size := 1; size < 5; size++ {
			if got, want := list(false, size), []string{"B:$LATEST", "a:$LATEST", "c:$LATEST"}; !slices.Equal(got, want) {
				t.Errorf("functions are %q, want %q", got, want)
			}
			if got, want := list(true, size), []string{"B:$LATEST", "a:$LATEST", "a:1", "c:$LATEST"}; !slices.Equal(got, want) {
				t.Errorf("all versions are %q, want %q", got, want)
			}
		}
		page, next, err := s.Functions(t.Context(), "999999999999", true, functions.Page{Limit: 10})
		if len(page) > 0 || next != "" || err != nil {
			t.Errorf("another account sees %v, %q, %v", page, next, err)
		}
	})
}
