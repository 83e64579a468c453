package awswire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/ecs"
	"slipway/api/logs"
	"slipway/internal/sigv4"
)

// hundredTasks is an answer of DescribeTasks as big as it gets.
func hundredTasks() *ecs.DescribeTasksOutput {
	out := &ecs.DescribeTasksOutput{Failures: []ecs.Failure{}}
	for i := range 100 {
		out.Tasks = append(out.Tasks, ecs.Task{
			TaskArn:           new(fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task/default/%032x", i)),
			ClusterArn:        new("arn:aws:ecs:us-east-1:123456789012:cluster/default"),
			TaskDefinitionArn: new("arn:aws:ecs:us-east-1:123456789012:task-definition/web:1"),
			LastStatus:        new("RUNNING"),
			DesiredStatus:     new("RUNNING"),
			Cpu:               new("256"),
			Memory:            new("512"),
			CreatedAt:         new(moment),
			StartedAt:         new(moment),
			Group:             new("family:web"),
			LaunchType:        new(ecs.LaunchTypeEc2),
			Version:           new(int64(3)),
			Containers: []ecs.Container{{
				Name: new("web"), Image: new("registry/web:1"), LastStatus: new("RUNNING"), ExitCode: new(int32(0)),
				NetworkBindings: []ecs.NetworkBinding{{BindIP: new("0.0.0.0"), ContainerPort: new(int32(80)), HostPort: new(int32(8080))}},
			}},
			Attachments: []ecs.Attachment{},
			Tags:        []ecs.Tag{{Key: new("team"), Value: new("web")}},
		})
	}
	return out
}

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func quietMux(doors ...*awswire.Service) *awswire.Mux {
	return awswire.NewMux(awswire.Config{
		Region: wiretest.Region, Keys: wiretest.Root{}, Access: wiretest.Root{}, Log: slog.New(slog.DiscardHandler),
	}, doors...)
}

// calling measures whole requests: verified, routed, decoded, checked, handled, answered.
func calling(b *testing.B, mux http.Handler, service, target string, body []byte) {
	r := httptest.NewRequest("POST", "http://slipway.test/", nil)
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	with := sigv4.Credentials{AccessKeyID: wiretest.AccessKey, Secret: wiretest.Secret}
	sigv4.Sign(r, body, with, wiretest.Region, service, time.Now())
	r.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	if w.Code != 200 {
		b.Fatalf("%d %s", w.Code, w.Body)
	}
	b.SetBytes(int64(len(body) + w.Body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(bytes.NewReader(body))
		mux.ServeHTTP(discard{http.Header{}}, r)
	}
}

func BenchmarkRequestRunTask(b *testing.B) {
	door := awswire.NewService(ecs.API, nil, ecs.RunTask.Handle(runTask, awswire.Any))
	calling(b, quietMux(door), "ecs", runTaskTarget, []byte(`{"cluster":"default","taskDefinition":"web:1","count":1,"launchType":"EC2"}`))
}

func BenchmarkRequestDescribe100Tasks(b *testing.B) {
	out := hundredTasks()
	door := awswire.NewService(ecs.API, nil, ecs.DescribeTasks.Handle(
		func(context.Context, *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) { return out, nil }, awswire.Any))
	calling(b, quietMux(door), "ecs", "AmazonEC2ContainerServiceV20141113.DescribeTasks", []byte(`{"tasks":["a"]}`))
}

func BenchmarkRequestPut1000LogEvents(b *testing.B) {
	in := map[string]any{"logGroupName": "/app", "logStreamName": "web"}
	var events []map[string]any
	for i := range 1000 {
		events = append(events, map[string]any{"timestamp": 1_700_000_000_000 + i, "message": fmt.Sprintf("line %d of the application's output", i)})
	}
	in["logEvents"] = events
	body, err := json.Marshal(in)
	if err != nil {
		b.Fatal(err)
	}
	door := awswire.NewService(logs.API, nil, logs.PutLogEvents.Handle(
		func(context.Context, *logs.PutLogEventsInput) (*logs.PutLogEventsOutput, error) { return nil, nil }, awswire.Any))
	calling(b, quietMux(door), "logs", "Logs_20140328.PutLogEvents", body)
}

// BenchmarkEncodingJSON100Tasks is the yardstick for BenchmarkRequestDescribe100Tasks: encoding/json
// alone, without request or signature, on structs of the same members and values.
func BenchmarkEncodingJSON100Tasks(b *testing.B) {
	ours := reflect.ValueOf(hundredTasks()).Elem()
	twin := reflect.New(jsonTwin(ours.Type())).Elem()
	copyInto(twin, ours)
	b.ReportAllocs()
	for b.Loop() {
		out, err := json.Marshal(twin.Interface())
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(out)))
	}
}

// jsonTwin is the type t with tags that encoding/json reads.
func jsonTwin(t reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Pointer:
		return reflect.PointerTo(jsonTwin(t.Elem()))
	case reflect.Slice:
		return reflect.SliceOf(jsonTwin(t.Elem()))
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return reflect.TypeFor[float64]()
		}
		var fields []reflect.StructField
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("aws"), ",")
			fields = append(fields, reflect.StructField{
				Name: t.Field(i).Name, Type: jsonTwin(t.Field(i).Type), Tag: reflect.StructTag(`json:"` + name + `,omitempty"`),
			})
		}
		return reflect.StructOf(fields)
	}
	return t
}

func copyInto(to, from reflect.Value) {
	switch from.Kind() {
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
			copyInto(to.Elem(), from.Elem())
		}
	case reflect.Slice:
		to.Set(reflect.MakeSlice(to.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			copyInto(to.Index(i), from.Index(i))
		}
	case reflect.Struct:
		if t, ok := from.Interface().(time.Time); ok {
			to.SetFloat(float64(t.UnixMilli()) / 1000)
			return
		}
		for i := range from.NumField() {
			copyInto(to.Field(i), from.Field(i))
		}
	default:
		to.Set(from)
	}
}
