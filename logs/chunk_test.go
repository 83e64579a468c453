package logs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func newTestCodec(t testing.TB) *codec {
	t.Helper()
	c, err := newCodec()
	must(t, err)
	return c
}

func drawEvents(t *rapid.T) []Event {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Event {
		return Event{
			Time:    rapid.Int64Range(0, maxTime).Draw(t, "time"),
			Message: strings.Repeat(rapid.String().Draw(t, "message"), rapid.SampledFrom([]int{1, 1, 1, 1000}).Draw(t, "times")),
		}
	}), 1, 50).Draw(t, "events")
}

func TestBlocksHoldAllEventsInOrder(t *testing.T) {
	c := newTestCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		to := &target{group: 1, stream: 2, seq: rapid.Int64Range(0, 1<<40).Draw(t, "seq")}
		var all []record
		for _, b := range c.cut(events) {
			k := b.at(to, 7)
			records, err := c.decode(k)
			if err != nil {
				t.Fatal(err)
			}
			last := records[len(records)-1]
			if k.firstTime != records[0].time || k.firstSeq != records[0].seq || k.lastTime != last.time || last.time-records[0].time > chunkSpan {
				t.Errorf("chunk says %d/%d to %d, has %+v to %+v", k.firstTime, k.firstSeq, k.lastTime, records[0].place, last.place)
			}
			all = append(all, records...)
		}
		if len(all) != len(events) || !slices.IsSortedFunc(all, compareRecords) {
			t.Fatalf("%d records of %d events, or out of order", len(all), len(events))
		}
		for _, r := range all {
			if e := events[r.seq-to.seq]; e != (Event{r.time, r.message}) || r.stream != 2 || r.ingested != 7 {
				t.Errorf("record %+v of event %+v", r, e)
			}
		}
	})
}

func TestChunksAreCutByWeight(t *testing.T) {
	c := newTestCodec(t)
	for _, b := range c.cut(lines(0, 50_000, "some line")) {
		if b.size > chunkWeight {
			t.Errorf("a chunk of %d bytes", b.size)
		}
	}
	if blocks := c.cut([]Event{{0, strings.Repeat("x", 2*chunkWeight)}, {0, "y"}}); len(blocks) != 2 {
		t.Errorf("%d chunks, want that of the large event and another", len(blocks))
	}
}

func TestDamagedChunksAreRefused(t *testing.T) {
	c := newTestCodec(t)
	k := c.cut(lines(0, 100, "line"))[0].at(&target{}, 0)
	for what, data := range map[string][]byte{
		"empty": {}, "of another format": append([]byte{9}, k.data[1:]...), "cut": k.data[:len(k.data)/2],
		"flipped":  append(slices.Clone(k.data[:len(k.data)-6]), k.data[len(k.data)-6]^1, 0, 0, 0, 0, 0),
		"nonsense": c.zip.EncodeAll([]byte{0, 0, 0, 200, 'x'}, []byte{chunkFormat}),
	} {
		bad := k
		bad.data = data
		if records, err := c.decode(bad); !errors.Is(err, errChunk) {
			t.Errorf("a chunk that is %s: %d records, %v", what, len(records), err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	c := newTestCodec(f)
	f.Add([]byte{0, 0, 0, 1, 'x'})
	f.Add([]byte{2, 2, 2, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		records, err := c.decode(chunk{data: c.zip.EncodeAll(raw, []byte{chunkFormat})})
		if err != nil && !errors.Is(err, errChunk) {
			t.Error(err)
		}
		if len(records) > len(raw) {
			t.Errorf("%d records out of %d bytes", len(records), len(raw))
		}
	})
}

func TestSheafBindsTheFirstWhateverTheOrderOfOffers(t *testing.T) {
	all := make([]record, 100)
	for i := range all {
		all[i] = record{place: place{time: int64(i / 3), seq: int64(i)}, message: fmt.Sprint(i)}
	}
	for _, back := range []bool{false, true} {
		rest := slices.Clone(all)
		rand.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
		s := &sheaf{back: back, limit: 10}
		for ; len(rest) > 0; rest = rest[4:] {
			s.offer(rest[:4], func(*record) bool { return true })
		}
		want := all[:10]
		if back {
			want = all[90:]
		}
		if got := s.inOrder(); !slices.Equal(got, want) || !s.full {
			t.Errorf("back %v: bound %v", back, got)
		}
	}
}
