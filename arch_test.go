// Package slipway_test holds the floor plan of the house.
package slipway_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "slipway"

// plan says which packages of ours each part of the house may import. A part is a folder
// and all below it; the longest name that fits decides. Everybody may import internal/*
// and what is inside the part itself.
var plan = []struct {
	part   string
	may    string // folders, each with all below it
	reason string
}{
	{"cmd", "server agent engine nodeapi", "starts them; everything else it does through the public APIs"},
	{"server", "agent api oci accounts audit registry cluster ingress functions objects logs hooks nodes secrets nodeapi store seal events blob runtimes", "wires every door, room and floor; the only place that sees every room"},

	{"api/awswire", "", "one codec for every service: knows none of them"},
	{"api/gen", "", "runs at build time"},
	{"api/doortest", "api/awswire", "doors before a real room, for tests"},
	{"api/sts", "api/awswire accounts", "a door and its room"},
	{"api/iam", "api/awswire accounts", "a door and its room"},
	{"api/organizations", "api/awswire accounts", "a door and its room"},
	{"api/ecr", "api/awswire registry", "a door and its room"},
	{"api/ecs", "api/awswire cluster", "a door and its room"},
	{"api/logs", "api/awswire logs", "a door and its room"},
	{"api/cloudtrail", "api/awswire audit", "a door and its room"},
	{"api/ssm", "api/awswire secrets", "a door and its room"},
	{"api/usage", "api/awswire cluster", "a door and its room"},
	{"api/rebalance", "api/awswire cluster", "a door and its room"},
	{"api/schedulers", "api/awswire cluster schedulers/wire", "a door and its room, in the words of the wire"},
	{"api/ssmmessages", "cluster nodeapi", "a door and its room, whose streams speak in the words of the nodes' wire"},
	{"api/secretsmanager", "api/awswire secrets", "a door and its room"},
	{"api/elbv2", "api/awswire ingress", "a door and its room"},
	{"api/lambda", "api/awswire functions", "a door and its room"},
	{"api/calls", "api/awswire functions", "a door and its room"},
	{"api/s3", "api/awswire blob objects", "a door and its room, and what goes wrong where bytes are kept"},
	{"oci", "registry", "a door and its room"},

	{"accounts", "store events seal", "a room: never another room"},
	{"accounts/policy", "", "a pure core"},
	{"registry", "store events blob seal", "a room whose bytes are its own: never another room"},
	{"cluster", "store events nodeapi schedulers/wire", "a room whose nodes and schedulers are its own, in the words of their wires: never another room"},
	{"cluster/placement", "", "a pure core"},
	{"cluster/taskdef", "cluster/placement nodeapi", "a pure core: what definitions ask of machines, in the words of placement and of the nodes' wire"},
	{"cluster/capacity", "", "a pure core"},
	{"cluster/refusal", "cluster/placement", "a pure core: says in sentences what placement has refused"},
	{"cluster/observed", "nodeapi", "a pure core: joins reports, which are the nodes' wire's"},
	{"cluster/rollout", "", "a pure core"},
	{"functions", "store events blob seal nodeapi", "a room whose code is its own, in the words of the nodes' wire: never another room"},
	{"functions/fleet", "nodeapi", "the data path: knows machines by their wire, and no tables"},
	{"functions/archive", "", "a pure core"},
	{"objects", "store blob", "a room whose bytes are its own: never another room"},
	{"ingress", "store", "a room: never another room"},
	{"ingress/route", "", "a pure core"},
	{"ingress/proxy", "ingress/route", "the data path: knows no tables and no accounts"},
	{"registry/lifecycle", "", "a pure core"},
	{"logs/pattern", "", "a pure core"},
	{"registry/inspect", "blob", "looks inside a blob: knows no registry"},
	{"logs", "store events", "a room: never another room"},
	{"audit", "store events seal", "a room: never another room"},
	{"secrets", "store seal", "a room: never another room"},
	{"nodes", "store seal nodeapi", "a room: who may be a node, in the words of the wire"},
	{"hooks", "store events seal", "a room: it reads events and knows none of those who write them"},

	{"agent", "nodeapi engine functions/archive", "knows the control plane only by its wire; code is unpacked by the package that has checked it"},
	{"engine", "", "runs containers for whoever asks"},
	{"nodeapi", "", "the wire itself"},
	{"runtimes", "", "what functions run in: bytes alone, knows no registry"},

	{"schedulers", "", "what a scheduler from outside is made with: knows the control plane only by its wire"},
	{"schedulers/wire", "", "the wire itself"},
	{"examples", "schedulers", "programs of users"},

	{"store", "", "floor"},
	{"seal", "store", "floor: secrets of any room, sealed in its own transaction"},
	{"events", "store", "written in the transaction that makes them true"},
	{"blob", "", "floor"},
	{"demo", "", "runs in a container"},
	{"bench", "server agent engine", "measures whole parts"},
	{"bench/placement", "cluster nodeapi store events bench/machine", "measures the room of tasks over machines that are rows"},
	{"sim", "cluster agent engine nodeapi store events", "the room of tasks and many machines in one bubble of time; tests alone"},
}

// onlyStandard are parts that import nothing but the standard library and internal/*.
var onlyStandard = []string{"internal", "cluster/placement", "cluster/taskdef", "cluster/capacity", "cluster/refusal", "cluster/observed", "cluster/rollout", "ingress/route", "registry/lifecycle", "logs/pattern", "accounts/policy", "functions/archive", "api/awswire"}

// testsMay is what tests may import beyond the plan: the suites and helpers, and what they
// put on the other side of a wire.
const testsMay = "store/storetest seal blob engine/enginetest engine/fake api/awswire/wiretest api accounts audit store events nodeapi server"

func TestFloorPlan(t *testing.T) {
	for file, imports := range goFiles(t) {
		folder := path.Dir(file)
		for _, name := range imports {
			if name == module || strings.HasPrefix(name, module+"/") {
				checkOwn(t, file, folder, strings.TrimPrefix(name, module+"/"))
				continue
			}
			checkForeign(t, file, folder, name)
		}
	}
}

func checkOwn(t *testing.T, file, folder, imported string) {
	t.Helper()
	part, may, known := mayImport(folder)
	switch {
	case within(imported, "internal"), !known && within(folder, "internal"):
		return
	case !known:
		t.Errorf("%s: the floor plan has no row for folder %s", file, folder)
	case within(imported, part), allowed(imported, may):
	case (strings.HasSuffix(file, "_test.go") || isTestHelper(folder)) && allowed(imported, testsMay):
	default:
		t.Errorf("%s imports %s, which the floor plan does not allow: %s may import only %q", file, imported, folder, may)
	}
}

func checkForeign(t *testing.T, file, folder, imported string) {
	t.Helper()
	if strings.HasSuffix(file, "_test.go") || isTestHelper(folder) || !strings.Contains(strings.Split(imported, "/")[0], ".") {
		return
	}
	for _, part := range onlyStandard {
		if within(folder, part) {
			t.Errorf("%s imports %s, but %s is to stand on the standard library alone", file, imported, part)
		}
	}
}

// mayImport finds the row of the plan that decides for a folder.
func mayImport(folder string) (part, may string, known bool) {
	for _, row := range plan {
		if within(folder, row.part) && len(row.part) > len(part) {
			part, may, known = row.part, row.may, true
		}
	}
	return part, may, known
}

// isTestHelper knows suites and helpers by their name: storetest, enginetest, ...
func isTestHelper(folder string) bool { return strings.HasSuffix(path.Base(folder), "test") }

func allowed(imported, list string) bool {
	for _, part := range strings.Fields(list) {
		if within(imported, part) {
			return true
		}
	}
	return false
}

func within(folder, part string) bool {
	return folder == part || strings.HasPrefix(folder, part+"/")
}

// goFiles tells what every Go file of the project imports.
func goFiles(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || path.Dir(name) == ".":
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files[name] = nil
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			files[name] = append(files[name], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("found no Go files: the test looks in the wrong place")
	}
	return files
}

// TestProgramHasNoHTMLTemplates holds what keeps the program small: html/template may call any method by its name,
// so a program that has it in has all methods of all its types.
func TestProgramHasNoHTMLTemplates(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	tags := regexp.MustCompile(`(?m)^TAGS := (.*)$`).FindSubmatch(makefile)
	if tags == nil {
		t.Fatal("the Makefile says no TAGS")
	}
	list := exec.Command("go", "list", "-deps", "-tags", string(tags[1]), "./cmd/slipway")
	list.Stderr = os.Stderr
	packages, err := list.Output()
	if err != nil {
		t.Fatalf("%s: %v", list, err)
	}
	if all := strings.Fields(string(packages)); slices.Contains(all, "html/template") || !slices.Contains(all, "slipway/server") {
		t.Errorf("%s: want the program's packages, and html/template not among them", list)
	}
}

func TestPlanHasAReasonPerRow(t *testing.T) {
	for _, row := range plan {
		if row.reason == "" {
			t.Errorf("the row of %s has no reason", row.part)
		}
		if _, err := os.Stat(row.part); err != nil {
			t.Errorf("the floor plan names %s, which is not there", row.part)
		}
	}
}
