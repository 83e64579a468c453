package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Who waits for a large image sees what for, on a line that is gone when its program begins to print.
func TestAPullIsShown(t *testing.T) {
	const clear = "\r\x1b[K"
	began := time.Unix(1_800_000_000, 0)
	task := types.Task{LastStatus: aws.String("PENDING"), Containers: []types.Container{{Image: aws.String("far.example/app:v1")}}}
	var out strings.Builder
	p := &pulling{out: &out}
	p.tell(task, began)
	task.PullStartedAt = &began
	p.tell(task, began.Add(7*time.Second))
	p.tell(task, began.Add(9*time.Second))
	task.PullStoppedAt = aws.Time(began.Add(10 * time.Second))
	p.tell(task, began.Add(11*time.Second))
	p.tell(task, began.Add(12*time.Second))
	task.PullStoppedAt = nil
	p.far = func(types.Task) (done, all int64) { return 1_234_567, 80_000_000 }
	p.tell(task, began.Add(13*time.Second))
	task.PullStoppedAt = aws.Time(began.Add(14 * time.Second))
	p.tell(task, began.Add(15*time.Second))
	want(t, out.String(), clear+"pulling far.example/app:v1, 7s"+clear+"pulling far.example/app:v1, 9s"+clear+
		clear+"pulling far.example/app:v1, 1.2 MB of 80.0 MB, 13s"+clear)
	(*pulling)(nil).tell(task, began)
}

func TestContainersAreNamedAfterTheirImages(t *testing.T) {
	for image, base := range map[string]string{
		"far.example/team/app:v1": "app", "app": "app", "far.example:5000/app@sha256:12": "app",
		"https://far.example/team/app.tar.gz?sign=a/b": "app", "https://far.example/app.tar#sha256:" + strings.Repeat("0", 64): "app",
	} {
		want(t, baseOf(image), base)
	}
}
