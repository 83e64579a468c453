// Gen writes api/<service>/shapes_gen.go for every served service: structs with
// tags, enums, faults, the constraint table and one typed line per operation.
//
// Its input is model facts (names, types, constraints, HTTP bindings, error codes)
// in models/*.json and the list of what is served in served.go. It writes no code
// that runs: encoding, validation and routing are awswire's, by reflection over
// the tags.
package main

//go:generate go run .

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	for _, svc := range served {
		if err := generate(svc, ".."); err != nil {
			fmt.Fprintf(os.Stderr, "gen: %s: %v\n", svc.Name, err)
			os.Exit(1)
		}
	}
}

// generate writes the shapes of one service into its folder under dir.
func generate(svc service, dir string) error {
	src, err := render(svc, filepath.Join("models", svc.Name+".json"))
	if err != nil {
		return err
	}
	folder := filepath.Join(dir, svc.Name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "shapes_gen.go"), src, 0o644)
}
