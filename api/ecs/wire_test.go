package ecs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"slipway/api/awswire/wiretest"
	"slipway/api/ecs"
	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/events"
	"slipway/store/storetest"
)

var update = flag.Bool("update", false, "write what is answered now into testdata")

// TestWire tells the stories in testdata/*.txt. A line that begins with ">" is a request and what
// follows is the answer; one that begins with "!" is what the node does. Ids and times have names.
func TestWire(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 4 {
		t.Fatalf("stories %v, error %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newStory(t).tell(string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			compare(t, got, string(text))
		})
	}
}

func compare(t *testing.T, got, want string) {
	t.Helper()
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	request := ""
	for i := range min(len(a), len(b)) {
		if strings.HasPrefix(a[i], ">") {
			request = a[i]
		}
		if a[i] != b[i] {
			t.Fatalf("%s\nline %d is\n%s\nwant\n%s", request, i+1, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Fatalf("%d lines, want %d", len(a), len(b))
	}
}

type story struct {
	testing.TB
	config  aws.Config
	control *cluster.Control
	images  *clustertest.Images
	node    *clustertest.Node
	names   []string // ids, by the order in which they came up
}

func newStory(t testing.TB) *story {
	t.Helper()
	db := storetest.SQLite(t)
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	control, images, _ := clustertest.New(t, db)
	return &story{TB: t, control: control, images: images, config: wiretest.Start(t, ecs.New(control, wiretest.Region))}
}

func (s *story) tell(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "> "):
			operation, input, _ := strings.Cut(line[2:], " ")
			fmt.Fprintf(&out, "%s\n%s\n\n", line, s.call(operation, s.real(input)))
		case strings.HasPrefix(line, "! "):
			s.act(strings.Fields(s.real(line[2:])))
			fmt.Fprintf(&out, "%s\n\n", line)
		case strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		}
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func (s *story) act(words []string) {
	s.Helper()
	number := func(i int) int {
		n, err := strconv.Atoi(words[i])
		if err != nil {
			s.Fatal(err)
		}
		return n
	}
	switch words[0] {
	case "join":
		s.node = clustertest.Join(s.TB, s.control, clustertest.Hello('a', number(1), number(2)))
	case "leave":
		s.node.Leave()
	case "image":
		s.images.Put(words[1], cluster.Image{Ref: words[1], Digest: words[2]})
	case "run":
		s.node.Run(words[1])
	case "healthy":
		r := clustertest.Running(s.node.Task(words[1], false))
		for i := range r.Containers {
			r.Containers[i].Health = "HEALTHY"
		}
		s.node.Report(r)
	case "exit":
		s.node.Exit(words[1], number(2))
	case "stop":
		s.node.Stop(words[1])
	default:
		s.Fatalf("no node can %q", words[0])
	}
}

// call posts JSON as it stands and returns the answer as a person would read it.
func (s *story) call(operation, input string) string {
	s.Helper()
	status, body := s.post(operation, input)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, body, "", "  "); err != nil {
		s.Fatalf("%s answers %q: %v", operation, body, err)
	}
	text := s.named(pretty.String())
	if status != 200 {
		return fmt.Sprintf("%d %s", status, text)
	}
	return text
}

func (s *story) post(operation, input string) (status int, body []byte) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), "POST", *s.config.BaseEndpoint, strings.NewReader(input))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113."+operation)
	sum := sha256.Sum256([]byte(input))
	key := aws.Credentials{AccessKeyID: wiretest.AccessKey, SecretAccessKey: wiretest.Secret}
	if err := v4.NewSigner().SignHTTP(s.Context(), key, r, hex.EncodeToString(sum[:]), "ecs", wiretest.Region, time.Now()); err != nil {
		s.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		s.Fatal(err)
	}
	return answer.StatusCode, body
}

var (
	taskIDs = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	uuids   = regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`)
	numbers = regexp.MustCompile(`\b[0-9]{19}\b`)
	records = regexp.MustCompile(`\b[0-9a-f]{21}\b`)
	moments = regexp.MustCompile(`(At": )[0-9.]+`)
)

// named gives ids of tasks names, T1, T2, ..., and takes away what differs from run to run.
func (s *story) named(text string) string {
	text = taskIDs.ReplaceAllStringFunc(text, func(id string) string {
		if strings.Trim(id, id[:1]) == "" {
			return id // a node's
		}
		for i, known := range s.names {
			if known == id {
				return fmt.Sprint("T", i+1)
			}
		}
		s.names = append(s.names, id)
		return fmt.Sprint("T", len(s.names))
	})
	text = uuids.ReplaceAllString(text, "UUID")
	text = numbers.ReplaceAllString(text, "NUMBER")
	text = records.ReplaceAllString(text, "RECORD")
	return moments.ReplaceAllString(text, "${1}TIME")
}

// real puts the ids back in place of their names.
func (s *story) real(text string) string {
	for i := len(s.names); i > 0; i-- {
		text = regexp.MustCompile(fmt.Sprintf(`\bT%d\b`, i)).ReplaceAllString(text, s.names[i-1])
	}
	return text
}
