package wire

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

// FuzzReadAnswer feeds whatever a scheduler may send: it is refused, or it is one kind of answer that names no more
// than it may and means the same when it is written again.
func FuzzReadAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"rank":["a","b"]}`, `{"choose":["a","a"]}`, `{"pass":true}`, `{}`, `[]`, `null`, `{"rank":null,"pass":false}`, `{"rank":["a"],"choose":["b"]}`,
		`{"rank":["a","a"]}`, `{"rank":[1]}`, `{"rank":["\ud800"]}`, `{"RANK":["a"]}`, "{\"rank\":[\"\xff\"]}", `{"pass":true}{"pass":true}`, `{"more":{"deep":[[[[]]]]},"pass":true}`,
	} {
		f.Add([]byte(seed), 2)
	}
	f.Fuzz(func(t *testing.T, text []byte, count int) {
		a, err := ReadAnswer(text)
		if err != nil {
			if !errors.Is(err, ErrAnswer) || !reflect.DeepEqual(a, Answer{}) {
				t.Fatalf("refused with %v and %+v", err, a)
			}
			return
		}
		if kinds := btoi(a.Pass) + btoi(len(a.Rank) > 0) + btoi(len(a.Choose) > 0); kinds != 1 || len(a.Rank)+len(a.Choose) > MaxNodes {
			t.Fatalf("took %+v", a)
		}
		if err := a.Check(count, func(node string) bool { return node == "a" || node == "b" }); err == nil && (len(a.Rank) > 2 || len(a.Choose) > max(count, 0)) {
			t.Fatalf("for %d tasks took %+v", count, a)
		}
		again, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := ReadAnswer(again); err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v came back as %+v, error %v", a, b, err)
		}
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
