package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"slipway/engine/enginetest"
)

// Functions may be images, which have a runtime interface client of their own, and may have extensions, which are told
// what happens.
func TestFunctionsOfOtherMakes(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, startCloud(t))
	t.Run("images", f.areImages)
	t.Run("extensions", f.haveExtensions)
	t.Run("runtimes that are not there", f.lackRuntimes)
}

// image is the program as an image, with nothing else in it but a mark.
func (f *functions) image(mark string) v1.Image {
	f.t.Helper()
	layer := []enginetest.Entry{enginetest.Dir("bin", 0o755), enginetest.File("bin/program", 0o755, f.program), enginetest.File("mark", 0o644, []byte(mark))}
	return enginetest.ImageOf(f.t, layer)
}

func (f *functions) areImages(t *testing.T) {
	const name = "packaged"
	if _, err := f.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("fn")}); err != nil {
		t.Fatal(err)
	}
	f.pushImage("fn:one", f.image("one"))
	code := &types.FunctionCode{ImageUri: aws.String(f.host() + "/fn:one")}
	_, err := f.lambda().CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String(name), Role: &f.role, PackageType: types.PackageTypeImage, Code: code, Timeout: aws.Int32(60),
	})
	if err == nil {
		err = lambda.NewFunctionActiveV2Waiter(f.lambda()).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(name)}, time.Minute)
	}
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := f.invoke(name, `{"read":"/mark"}`)
	want(t, answer, "one")
	_, said, exit := f.said("fn", "deploy", "../../agent/sandbox/testfunction", name)
	contains(t, fmt.Sprint("what is said to a folder that is to be an image, with exit code ", exit), said, name+" is a container image, and ", "aws lambda update-function-code --function-name "+name+" --image-uri IMAGE")

	f.pushImage("fn:two", f.image("two"))
	_, err = f.lambda().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(name), ImageUri: aws.String(f.host() + "/fn:two")})
	if err == nil {
		err = lambda.NewFunctionUpdatedV2Waiter(f.lambda()).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(name)}, time.Minute)
	}
	if err != nil {
		t.Fatal(err)
	}
	answer, _ = f.invoke(name, `{"read":"/mark"}`)
	want(t, answer, "two")

	f.pushImage("fn:foreign", foreign(t, f.image("foreign")))
	for _, uri := range []string{f.host() + "/fn:foreign", f.host() + "/fn:absent"} {
		_, err := f.lambda().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(name), ImageUri: &uri})
		if !isAPIError(err, "InvalidParameterValueException") {
			t.Errorf("%s: %v", uri, err)
		}
	}
	answer, _ = f.invoke(name, `{"read":"/mark"}`)
	want(t, answer, "two")
}

// foreign is an image for a machine of another architecture.
func foreign(t *testing.T, image v1.Image) v1.Image {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.Architecture = "s390x"
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func (f *functions) haveExtensions(t *testing.T) {
	const name = "extended"
	layer, err := f.lambda().PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{
		LayerName: aws.String("watcher"), Content: &types.LayerVersionContentInput{ZipFile: f.extension()},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.lambda().CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String(name), Role: &f.role, Runtime: types.RuntimeProvidedal2, Handler: aws.String("bootstrap"), Timeout: aws.Int32(60),
		Code: &types.FunctionCode{ZipFile: f.zip("one")}, Layers: []string{*layer.LayerVersionArn},
	})
	if err == nil {
		err = lambda.NewFunctionActiveV2Waiter(f.lambda()).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(name)}, time.Minute)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.invoke(name, `{"print":["ahoy"]}`)
	f.logged(name, "told INVOKE ", "heard platform.initReport", "heard platform.start", "heard platform.runtimeDone", "heard platform.report")
	if _, err := f.lambda().DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
	f.logged(name, "told SHUTDOWN spindown")
}

// extension is a layer with an extension in it.
func (f *functions) extension() []byte {
	f.t.Helper()
	program, err := enginetest.Compile(f.t.TempDir(), "slipway/agent/runtimeapi/testextension")
	if err != nil {
		f.t.Fatal(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	head := &zip.FileHeader{Name: "extensions/watcher", Method: zip.Deflate}
	head.SetMode(0o755)
	w, err := z.CreateHeader(head)
	if err == nil {
		_, err = w.Write(program)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return out.Bytes()
}

// logged waits until all of it is in a function's log.
func (f *functions) logged(name string, all ...string) {
	f.t.Helper()
	within(f.t, "the log to have "+strings.Join(all, ", "), func() bool {
		found, err := f.logs.FilterLogEvents(f.t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/" + name)})
		if err != nil {
			return false
		}
		var text strings.Builder
		for _, e := range found.Events {
			text.WriteString(*e.Message + "\n")
		}
		for _, one := range all {
			if !strings.Contains(text.String(), one) {
				return false
			}
		}
		return true
	})
}

// lackRuntimes: the answer says what there is, and what would bring what there is not.
func (f *functions) lackRuntimes(t *testing.T) {
	for runtime, said := range map[types.Runtime]string{
		types.RuntimeNodejs18x: `"make runtimes"`,
		types.RuntimeRuby32:    "Slipway runs nodejs18.x, provided, provided.al2, provided.al2023, python3.11.",
	} {
		_, err := f.lambda().CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: aws.String("lacking"), Role: &f.role, Runtime: runtime, Handler: aws.String("index.handler"), Code: &types.FunctionCode{ZipFile: f.zip("one")},
		})
		if !isAPIError(err, "InvalidParameterValueException") || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: %v", runtime, err)
		}
	}
}
