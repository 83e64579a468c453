package objects

import (
	"bytes"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

func (w *world) part(u Upload, number int, b []byte) Part {
	w.Helper()
	p, err := w.PutPart(w.Context(), u, number, Content{Body: bytes.NewReader(b), Size: int64(len(b)), Algorithm: u.About.Checksum.Algorithm})
	must(w.T, err)
	return p
}

func TestAnObjectComesInParts(t *testing.T) {
	each(t, func(w *world) {
		about := About{ContentType: "x/y", Checksum: Checksum{Algorithm: "CRC64NVME", Kind: FullObject}}
		u, err := w.Begin(w.Context(), Put{Bucket: w.bucket, Key: "big", About: about})
		must(w.T, err)
		one, two := random(minPart), random(1000)
		w.part(u, 2, random(3))
		parts := []Part{w.part(u, 2, one), w.part(u, 9, two)}
		w.part(u, 11, random(10)) // is not named
		if _, err := w.Find(w.Context(), w.bucket, "big", ""); err == nil {
			w.Error("there is an object before it is whole")
		}
		list, err := w.Parts(w.Context(), u, 2, 10)
		if err != nil || len(list) != 2 || list[0].ETag != parts[1].ETag {
			w.Errorf("parts %+v, %v", list, err)
		}
		for _, bad := range []struct {
			parts []Part
			want  error
		}{
			{nil, ErrPart}, {[]Part{parts[1], parts[0]}, ErrPartOrder}, {[]Part{{Number: 2, ETag: "x"}}, ErrPart}, {[]Part{{Number: 3, ETag: "x"}}, ErrPart},
			{[]Part{parts[1], {Number: 11, ETag: list[1].ETag}}, ErrPartSmall},
		} {
			_, err := w.Complete(w.Context(), w.bucket, u, bad.parts, "", Precondition{})
			wantErr(w.T, err, bad.want)
		}
		_, err = w.Complete(w.Context(), w.bucket, u, parts, "wrong", Precondition{})
		wantErr(w.T, err, ErrChecksum)
		whole := append(bytes.Clone(one), two...)
		sum := base64.StdEncoding.EncodeToString(Sum(whole, "CRC64NVME").Checksum)
		o, err := w.Complete(w.Context(), w.bucket, u, parts, sum, Precondition{})
		must(w.T, err)
		if o.Size != int64(len(whole)) || o.About.Parts != 2 || o.ETag[len(o.ETag)-2:] != "-2" || o.About.Checksum.Value != sum {
			w.Errorf("made %+v", o)
		}
		_, err = w.Complete(w.Context(), w.bucket, u, parts, sum, Precondition{})
		wantErr(w.T, err, ErrNoUpload)

		copied, err := w.Copy(w.Context(), o, Put{Bucket: w.bucket, Key: "copy"})
		must(w.T, err)
		_, err = w.Delete(w.Context(), w.bucket, "big", "", Precondition{})
		must(w.T, err)
		w.sweepAll(w.blobs)
		if blobs, _ := w.kept(); blobs != 2 {
			w.Errorf("%d blobs are left", blobs)
		}
		for _, span := range [][2]int64{{0, copied.Size}, {minPart - 5, 10}, {minPart, 1000}, {3, 4}, {copied.Size - 1, 1}} {
			if got := w.bytes(copied, span[0], span[1]); got != string(whole[span[0]:span[0]+span[1]]) {
				w.Errorf("bytes from %d, %d of them, are others", span[0], span[1])
			}
		}
		r, err := w.Open(w.Context(), copied, 0, copied.Size)
		must(w.T, err)
		defer r.Close()
		got, err := io.ReadAll(io.NewSectionReader(r, minPart-7, 20))
		if err != nil || !bytes.Equal(got, whole[minPart-7:minPart+13]) {
			w.Errorf("read %x, %v", got, err)
		}
		from, size, err := w.PartOf(w.Context(), copied, 2)
		if err != nil || from != minPart || size != 1000 {
			w.Errorf("part 2 is at %d, %d bytes, %v", from, size, err)
		}
	})
}

func TestUploadsAreGivenUp(t *testing.T) {
	each(t, func(w *world) {
		var all []Upload
		for _, key := range []string{"a", "b", "b", "c"} {
			u, err := w.Begin(w.Context(), Put{Bucket: w.bucket, Key: key})
			must(w.T, err)
			w.part(u, 1, random(10))
			all = append(all, u)
		}
		list, err := w.Uploads(w.Context(), UploadQuery{Bucket: w.bucket, Prefix: "b", Limit: 10})
		if err != nil || len(list) != 2 {
			w.Errorf("uploads %+v, %v", list, err)
		}
		list, err = w.Uploads(w.Context(), UploadQuery{Bucket: w.bucket, After: "b", AfterID: list[0].ID, Limit: 10})
		if err != nil || len(list) != 2 || list[1].Key != "c" {
			w.Errorf("uploads %+v, %v", list, err)
		}
		must(w.T, w.Abort(w.Context(), all[0]))
		wantErr(w.T, w.Abort(w.Context(), all[0]), ErrNoUpload)
		_, err = w.PutPart(w.Context(), all[0], 1, content("late"))
		wantErr(w.T, err, ErrNoUpload)
		_, err = w.PutPart(w.Context(), all[1], 10_001, content("many"))
		wantErr(w.T, err, ErrPartCount)
		must(w.T, w.DeleteBucket(w.Context(), w.bucket)) // the others end with it
		w.sweepAll(w.blobs)
		if blobs, _ := w.kept(); blobs != 0 {
			w.Errorf("%d blobs are left", blobs)
		}
	})
}

// A CRC of the whole, made of those of its parts, is that of all bytes.
func TestChecksumsOfPartsMakeThatOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		algorithm := rapid.SampledFrom([]string{"CRC32", "CRC32C", "CRC64NVME"}).Draw(t, "algorithm")
		var whole []byte
		var parts []Part
		for _, b := range rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 1, 5).Draw(t, "parts") {
			whole = append(whole, b...)
			parts = append(parts, Part{Size: int64(len(b)), Checksum: base64.StdEncoding.EncodeToString(Sum(b, algorithm).Checksum)})
		}
		want := base64.StdEncoding.EncodeToString(Sum(whole, algorithm).Checksum)
		if got := combineCRC(algorithm, parts); got != want {
			t.Fatalf("%s is %s, want %s", algorithm, got, want)
		}
	})
}

// Source: "Check value" of the algorithms, of the text 123456789, in the catalogue of parametrised CRC algorithms.
func TestChecksumsAreThoseOfTheirNames(t *testing.T) {
	for algorithm, want := range map[string]uint64{"CRC32": 0xcbf43926, "CRC32C": 0xe3069283, "CRC64NVME": 0xae8b14860a799888} {
		if got := bigEndian(Sum([]byte("123456789"), algorithm).Checksum); got != want {
			t.Errorf("%s is %x, want %x", algorithm, got, want)
		}
	}
}
