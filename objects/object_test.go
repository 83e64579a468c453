package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/store"
)

type timeOf = time.Time

func TestObjectsAreKeptWrittenOverAndDeleted(t *testing.T) {
	each(t, func(w *world) {
		about := About{ContentType: "text/plain", Meta: map[string]string{"colour": "blue"}}
		o, err := w.Put(w.Context(), Put{Bucket: w.bucket, Key: "a/b", About: about, Tags: map[string]string{"team": "sea"}}, content("first"))
		must(w.T, err)
		if o.ETag != "8b04d5e3775d298e78455efc5ca404d5" || o.Version != Null || o.Size != 5 {
			w.Errorf("put %+v", o)
		}
		found, err := w.Find(w.Context(), w.bucket, "a/b", "")
		must(w.T, err)
		if found.About.Meta["colour"] != "blue" || found.Tags["team"] != "sea" || !found.Modified.Equal(o.Modified) {
			w.Errorf("found %+v", found)
		}
		w.put("a/b", "")
		w.wantText("a/b", "", "")
		w.put("a/b", "third")
		w.wantText("a/b", "", "third")
		w.wantText("a/b", Null, "third")
		wantErr(w.T, w.DeleteBucket(w.Context(), w.bucket), ErrNotEmpty)
		for range 2 { // the second time it is not there, which is no error
			_, err = w.Delete(w.Context(), w.bucket, "a/b", "", Precondition{})
			must(w.T, err)
		}
		_, err = w.Find(w.Context(), w.bucket, "a/b", "")
		wantErr(w.T, err, ErrNoKey)
		must(w.T, w.DeleteBucket(w.Context(), w.bucket))
		_, err = w.Put(w.Context(), Put{Bucket: w.bucket, Key: "x"}, content("y"))
		wantErr(w.T, err, ErrNoBucket)
	})
}

func TestNamesOfBucketsAreEverybodys(t *testing.T) {
	each(t, func(w *world) {
		_, err := w.CreateBucket(w.Context(), Bucket{Name: "harbour", Account: ours})
		wantErr(w.T, err, ErrBucketYours)
		_, err = w.CreateBucket(w.Context(), Bucket{Name: "harbour", Account: theirs})
		wantErr(w.T, err, ErrBucketThere)
		for _, name := range []string{"ab", "Harbour", "a..b", "192.0.2.1", "-ab", "xn--abc", "a_b", strings.Repeat("a", 64)} {
			_, err := w.CreateBucket(w.Context(), Bucket{Name: name, Account: ours})
			wantErr(w.T, err, ErrBucketName)
		}
		other, err := w.CreateBucket(w.Context(), Bucket{Name: "other", Account: theirs})
		must(w.T, err)
		list, err := w.Buckets(w.Context(), BucketQuery{Account: ours, Limit: 10})
		if err != nil || len(list) != 1 || list[0].Name != "harbour" {
			w.Errorf("ours are %v, %v", list, err)
		}
		w.put("a", "b")
		must(w.T, w.ForgetAccount(w.Context(), ours))
		_, err = w.FindBucket(w.Context(), "harbour")
		wantErr(w.T, err, ErrNoBucket)
		_, err = w.FindBucket(w.Context(), other.Name)
		must(w.T, err)
	})
}

func TestBadPutsLeaveWhatIsThere(t *testing.T) {
	each(t, func(w *world) {
		w.put("a", "good")
		no := errors.New("no")
		for name, put := range map[string]struct {
			Put
			Content
			want error
		}{
			"too short":    {Put{Key: "a"}, Content{Body: strings.NewReader("bad"), Size: 4}, ErrIncomplete},
			"too long":     {Put{Key: "a"}, Content{Body: strings.NewReader("worse"), Size: 4}, ErrIncomplete},
			"refused":      {Put{Key: "a"}, Content{Body: strings.NewReader("bad"), Size: 3, Check: func(Sums) error { return no }}, no},
			"cut off":      {Put{Key: "a"}, Content{Body: io.MultiReader(strings.NewReader("b"), broken{}), Size: 3}, errKilled},
			"key":          {Put{Key: strings.Repeat("k", 1025)}, content("bad"), ErrKeyLong},
			"no text":      {Put{Key: "\xff"}, content("bad"), ErrKey},
			"metadata":     {Put{Key: "a", About: About{Meta: map[string]string{"m": strings.Repeat("x", 2048)}}}, content("bad"), ErrMetadata},
			"tags":         {Put{Key: "a", Tags: map[string]string{"aws:x": "y"}}, content("bad"), ErrTag},
			"there":        {Put{Key: "a", If: Precondition{NoneMatch: true}}, content("bad"), ErrPrecondition},
			"another":      {Put{Key: "a", If: Precondition{Match: "x"}}, content("bad"), ErrPrecondition},
			"not there":    {Put{Key: "b", If: Precondition{Match: "x"}}, content("bad"), ErrNoKey},
			"ten and more": {Put{Key: "a", Tags: manyTags(11)}, content("bad"), ErrTooManyTag},
		} {
			put.Bucket = w.bucket
			if _, err := w.Put(w.Context(), put.Put, put.Content); !errors.Is(err, put.want) {
				w.Errorf("%s: %v, want %v", name, err, put.want)
			}
		}
		if got := w.list(Query{Limit: 10}); got != "a" {
			w.Errorf("there is %s", got)
		}
		w.wantText("a", "", "good")
		if blobs, uploads := w.kept(); blobs != 1 || uploads != 0 {
			w.Errorf("%d blobs and %d uploads are left", blobs, uploads)
		}
	})
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errKilled }

func manyTags(n int) map[string]string {
	tags := map[string]string{}
	for i := range n {
		tags[fmt.Sprint(i)] = ""
	}
	return tags
}

// Of many who put an object that must not be there yet, one does.
func TestOnePutOfManyFindsNothingThere(t *testing.T) {
	each(t, func(w *world) {
		var all sync.WaitGroup
		results := make([]error, 8)
		for i := range results {
			all.Go(func() {
				_, results[i] = w.Put(w.Context(), Put{Bucket: w.bucket, Key: "lock", If: Precondition{NoneMatch: true}}, content(fmt.Sprint(i)))
			})
		}
		all.Wait()
		won := -1
		for i, err := range results {
			switch {
			case err == nil && won < 0:
				won = i
			case !errors.Is(err, ErrPrecondition):
				w.Errorf("put %d: %v", i, err)
			}
		}
		w.wantText("lock", "", fmt.Sprint(won))
	})
}

func TestVersionsAreKept(t *testing.T) {
	each(t, func(w *world) {
		w.put("a", "null")
		w.keep(Versioned)
		one, two := w.put("a", "one"), w.put("a", "two")
		w.wantText("a", "", "two")
		w.wantText("a", one.Version, "one")
		w.wantText("a", Null, "null")
		marker, err := w.Delete(w.Context(), w.bucket, "a", "", Precondition{})
		if err != nil || !marker.Marker || marker.Version == "" {
			w.Errorf("deleted %+v, %v", marker, err)
		}
		_, err = w.Find(w.Context(), w.bucket, "a", "")
		wantErr(w.T, err, ErrNoKey)
		wantErr(w.T, err, ErrMarker)
		_, err = w.Find(w.Context(), w.bucket, "a", marker.Version)
		wantErr(w.T, err, ErrMarker)
		w.wantText("a", two.Version, "two")

		_, err = w.Delete(w.Context(), w.bucket, "a", marker.Version, Precondition{})
		must(w.T, err)
		w.wantText("a", "", "two")
		_, err = w.Delete(w.Context(), w.bucket, "a", two.Version, Precondition{})
		must(w.T, err)
		w.wantText("a", "", "one")

		w.keep(Suspended)
		w.put("a", "other null")
		w.wantText("a", "", "other null")
		w.wantText("a", Null, "other null")
		w.wantText("a", one.Version, "one")
		_, err = w.Delete(w.Context(), w.bucket, "a", "", Precondition{})
		must(w.T, err)
		w.wantText("a", one.Version, "one")
		all, err := w.Versions(w.Context(), VersionQuery{Bucket: w.bucket, Limit: 10})
		if err != nil || len(all.Objects) != 2 || !all.Objects[0].Marker || all.Objects[0].Version != Null || !all.Objects[0].Latest || all.Objects[1].Version != one.Version {
			w.Errorf("versions %+v, %v", all, err)
		}
		_, err = w.Find(w.Context(), w.bucket, "a", "nonsense")
		wantErr(w.T, err, ErrVersionID)
		_, err = w.Find(w.Context(), w.bucket, "a", strings.Repeat("0", versionSize))
		wantErr(w.T, err, ErrNoVersion)
	})
}

// Whatever is cut off at whatever step leaves the object that was there, and bytes that are swept.
func TestAPutThatIsCutOffLeavesNothing(t *testing.T) {
	each(t, func(w *world) {
		w.put("a", "old")
		real := w.blobs
		steps := 0
		for ; ; steps++ {
			w.blobs = &cutting{real, steps}
			ctx, kill := context.WithCancel(w.Context())
			_, err := w.Put(ctx, Put{Bucket: w.bucket, Key: "a"}, content("new"))
			kill()
			if err == nil {
				break
			}
			wantErr(w.T, err, errKilled)
			w.wantText("a", "", "old")
			w.sweepAll(real)
			if blobs, uploads := w.kept(); blobs != 1 || uploads != 0 {
				w.Errorf("cut at step %d, %d blobs and %d uploads are left", steps, blobs, uploads)
			}
		}
		if steps != 3 {
			w.Errorf("there were %d steps to be cut at", steps)
		}
		w.wantText("a", "", "new")

		// Bytes are there, and the row is not any more: the process ended in between.
		w.blobs = real
		_, err := w.receive(w.Context(), content("never named"))
		must(w.T, err)
		w.sweepAll(real)
		if blobs, _ := w.kept(); blobs != 1 {
			w.Errorf("%d blobs are left", blobs)
		}
		w.wantText("a", "", "new")
	})
}

// sweepAll sweeps as after a long time.
func (w *world) sweepAll(blobs Blobs) {
	w.Helper()
	w.blobs = blobs
	list, err := blobs.Uploads(w.Context())
	must(w.T, err)
	for _, u := range list {
		must(w.T, blobs.Cancel(w.Context(), u.ID))
	}
	must(w.T, w.sweepBlobs(w.Context(), -time.Minute))
}

func TestBytesAreKeptOnceAndAsLongAsSomethingHasThem(t *testing.T) {
	each(t, func(w *world) {
		a := w.put("a", "same")
		w.put("b", "same")
		_, err := w.Copy(w.Context(), a, Put{Bucket: w.bucket, Key: "c"})
		must(w.T, err)
		for i, key := range []string{"a", "b", "c"} {
			if blobs, _ := w.kept(); blobs != 1 {
				w.Fatalf("%d blobs", blobs)
			}
			w.wantText("c", "", "same")
			_, err := w.Delete(w.Context(), w.bucket, key, "", Precondition{})
			must(w.T, err)
			must(w.T, w.sweepBlobs(w.Context(), keepUnused)) // not so soon
			if i < 2 {
				w.sweepAll(w.blobs)
			}
		}
		w.sweepAll(w.blobs)
		if blobs, _ := w.kept(); blobs != 0 {
			w.Errorf("%d blobs are left", blobs)
		}
		w.put("a", "same")
		w.wantText("a", "", "same")
	})
}

// What lies there without a row, as after a power cut, is found and swept.
func TestBytesWithoutARowAreFound(t *testing.T) {
	each(t, func(w *world) {
		w.put("a", "kept")
		_, err := w.receive(w.Context(), content("lost"))
		must(w.T, err)
		must(w.T, w.db.Update(w.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`delete from objects_blobs`)
			return err
		}))
		w.sweepAll(w.blobs)
		if blobs, _ := w.kept(); blobs != 2 {
			w.Errorf("%d blobs, and nobody knew of them", blobs)
		}
		must(w.T, w.countBlobs(w.Context()))
		w.sweepAll(w.blobs)
		if blobs, _ := w.kept(); blobs != 1 {
			w.Errorf("%d blobs are left", blobs)
		}
		w.wantText("a", "", "kept")
	})
}
