package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestCommittedShapesAreGenerated(t *testing.T) {
	for _, svc := range served {
		want, err := render(svc, filepath.Join("models", svc.Name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", svc.Name, "shapes_gen.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s/shapes_gen.go is not what the models give: run `go generate ./api/gen`", svc.Name)
		}
	}
}

func TestUnknownOperationIsNamed(t *testing.T) {
	svc := service{Name: "sts", Style: "Coral", Operations: []string{"GetLunch"}}
	_, err := render(svc, filepath.Join("models", "sts.json"))
	if err == nil || err.Error() != `the service has no operation "GetLunch"` {
		t.Errorf("error = %v", err)
	}
}

func TestWords(t *testing.T) {
	for value, want := range map[string]string{
		"FARGATE_SPOT": "FargateSpot", "awsvpc": "Awsvpc", "TaskFailedToStart": "TaskFailedToStart", "json-file": "JsonFile", "X86_64": "X8664",
	} {
		if got := words(value); got != want {
			t.Errorf("words(%q) = %q, want %q", value, got, want)
		}
	}
}
