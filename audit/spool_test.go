package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slipway/store"
	"slipway/store/storetest"
)

// crashed is a room whose process has ended without a word: another may use its folder.
func crashed(t testing.TB, db *store.DB, dir string) *Control {
	t.Helper()
	c := open(t, db, dir)
	t.Cleanup(func() { c.spool.file = nil }) // nothing is written on the way out
	return c
}

// Whatever line a process ends at, what it acknowledged is there once, after the next start.
func TestWhateverLineAProcessEndsAt(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, c *Control, g *segment){
		"nothing moved": func(*testing.T, *Control, *segment) {},
		"half a record written": func(t *testing.T, c *Control, g *segment) {
			appendTo(t, g.path(c.spool.dir), readPart(t, g.path(c.spool.dir), 100))
		},
		"half a head written": func(t *testing.T, c *Control, g *segment) {
			appendTo(t, g.path(c.spool.dir), "\x10\x00")
		},
		"moved, and not noted in the spool": func(t *testing.T, c *Control, g *segment) {
			p, err := c.spool.read(g)
			must(t, err)
			records, err := readRecords(p.records)
			must(t, err)
			must(t, c.keep(t.Context(), p, records))
		},
		"moved and noted": func(t *testing.T, c *Control, g *segment) { must(t, c.drain(t.Context(), g)) },
		"moved and the next begun": func(t *testing.T, c *Control, g *segment) {
			must(t, c.drain(t.Context(), g))
			must(t, c.spool.rotate())
			note(t, c, runTask("3"))
			must(t, c.drain(t.Context(), c.spool.lastSegment()))
		},
		"file taken away, and not its row": func(t *testing.T, c *Control, g *segment) {
			must(t, c.spool.rotate())
			must(t, c.move(t.Context()))
			if len(c.gone) != 1 {
				t.Errorf("gone are %v", c.gone)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				dir := t.TempDir()
				c := crashed(t, db, dir)
				for i := range 3 {
					note(t, c, runTask(fmt.Sprint(i)))
				}
				end(t, c, c.spool.lastSegment())

				next := open(t, db, dir)
				note(t, next, runTask("then"))
				for range 2 {
					must(t, next.move(t.Context()))
				}
				got := strings.TrimPrefix(requests(lookup(t, next, us, Query{})), "then ")
				if got != "2 1 0" && got != "3 2 1 0" {
					t.Errorf("found %s", got)
				}
				verify(t, next, us)
				if left := spoolFiles(t, dir); len(left) != 1 {
					t.Errorf("files %v", left)
				}
			})
		})
	}
}

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(text)
	must(t, errors.Join(err, f.Close()))
}

func readPart(t testing.TB, path string, n int) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b[:n])
}

func spoolFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+spoolSuffix))
	must(t, err)
	return files
}

func TestCommitWhoseAnswerWasLostIsNotRepeated(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		note(t, c, runTask("a"))
		g := c.spool.lastSegment()
		p, err := c.spool.read(g)
		must(t, err)
		records, err := readRecords(p.records)
		must(t, err)
		must(t, c.keep(t.Context(), p, records))
		g.moved = 0 // we do not know
		note(t, c, runTask("b"))
		must(t, c.move(t.Context()))
		if got := requests(lookup(t, c, us, Query{})); got != "b a" {
			t.Errorf("found %s", got)
		}
	})
}

func TestDamageInTheMiddleLosesOnlyWhatItHit(t *testing.T) {
	db, dir := storetest.SQLite(t), t.TempDir()
	c := crashed(t, db, dir)
	var at []int64
	for i := range 6 {
		at = append(at, c.spool.lastSegment().size)
		note(t, c, runTask(fmt.Sprint(i)))
	}
	g := c.spool.lastSegment()
	f, err := os.OpenFile(g.path(dir), os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte{0xff}, at[1]+20)          // a bit
	_, err2 := f.WriteAt(make([]byte, 100), at[3]-50)   // a hole across two records
	_, err3 := f.WriteAt([]byte("\xff\xff\x02"), at[5]) // a length that is beyond the end
	must(t, errors.Join(err, err2, err3, f.Close()))

	if got := requests(lookup(t, open(t, db, dir), us, Query{})); got != "4 0" {
		t.Errorf("found %s", got)
	}
}

func TestTextOfACallerIsNoFrame(t *testing.T) {
	db, dir := storetest.SQLite(t), t.TempDir()
	c := crashed(t, db, dir)
	fake := runTask("forged")
	frame := appendRecord(make([]byte, frameHead), &fake)
	sealFrame(frame, 0) // a stranger does not know the number that checksums of this file begin with
	e := runTask("true")
	e.UserAgent = string(frame)
	note(t, c, e)
	appendTo(t, c.spool.lastSegment().path(dir), "x"+string(frame)) // even if it were there as it is

	if got := requests(lookup(t, open(t, db, dir), us, Query{})); got != "true" {
		t.Errorf("found %s", got)
	}
}

func TestFilesAreTheirOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	c := open(t, storetest.SQLite(t), dir)
	for path, want := range map[string]fs.FileMode{dir: fs.ModeDir | 0o700, c.spool.lastSegment().path(dir): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s has %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestFullSegmentIsFollowedByANewOne(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		n := 0
		for ; len(c.spool.full) == 0; n++ {
			note(t, c, runTask(fmt.Sprint(n)))
		}
		if size := c.spool.lastSegment().size; size < segmentSize || size > segmentSize+1000 {
			t.Errorf("full with %d bytes", size)
		}
		must(t, c.spool.tend())
		if all := c.spool.all(); len(all) != 2 || all[1].size != 0 || all[0].moved != 0 {
			t.Fatalf("%d segments", len(all))
		}
		note(t, c, runTask(fmt.Sprint(n)))
		must(t, c.move(t.Context()))
		if left := spoolFiles(t, c.spool.dir); len(left) != 1 || c.spool.waiting.Load() != 0 {
			t.Errorf("left %v, %d bytes", left, c.spool.waiting.Load())
		}
		if seen := verify(t, c, us); seen.Records != int64(n+1) {
			t.Errorf("moved %d of %d", seen.Records, n+1)
		}
	})
}

// fullDisk mounts a small file system.
func fullDisk(t *testing.T) (dir string, fill func(leave int64)) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		if os.Getenv("SLIPWAY_TEST_ALL") != "" && os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skipf("needs root, to mount a small disk: %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	return dir, func(leave int64) {
		var fs syscall.Statfs_t
		must(t, syscall.Statfs(dir, &fs))
		must(t, os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, int64(fs.Bavail)*fs.Bsize-leave), 0o600))
	}
}

func TestFullDiskRefusesNewCallsAndKeepsThoseUnderWay(t *testing.T) {
	dir, fill := fullDisk(t)
	c := open(t, storetest.SQLite(t), filepath.Join(dir, "audit"))
	must(t, c.Ready())
	for range 3000 {
		note(t, c, runTask("before"))
	}
	fill(0)
	for len(c.spool.full) == 0 {
		note(t, c, runTask("reserve"))
	}
	if err := c.spool.tend(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a new segment: %v", err)
	}
	wantErr(t, c.Ready(), ErrUnrecorded)
	for range 1000 {
		note(t, c, runTask("under way")) // has room
	}
	recorded := 0
	for err := error(nil); err == nil; recorded++ {
		_, err = c.Record(runTask("too much"))
		if err != nil && (!errors.Is(err, ErrUnrecorded) || !errors.Is(err, syscall.ENOSPC)) {
			t.Fatalf("error %v", err)
		}
	}
	if recorded < 1000 || recorded > 5000 {
		t.Errorf("%d more were recorded: what is set aside is of another size", recorded)
	}

	must(t, os.Remove(filepath.Join(dir, "ballast")))
	must(t, c.spool.tend())
	must(t, c.Ready())
	note(t, c, runTask("after"))
	found := lookup(t, c, us, Query{})
	if found[0].RequestID != "after" || found[1].RequestID != "too much" {
		t.Errorf("last are %s and %s", found[0].RequestID, found[1].RequestID)
	}
	verify(t, c, us)
}

func TestServerStartsOnAFullDisk(t *testing.T) {
	dir, fill := fullDisk(t)
	must(t, os.Mkdir(filepath.Join(dir, "audit"), 0o700))
	fill(64 << 10)
	c := open(t, storetest.SQLite(t), filepath.Join(dir, "audit"))
	wantErr(t, c.Ready(), ErrUnrecorded)
	_, err := c.Record(runTask("r"))
	wantErr(t, err, ErrUnrecorded)
	must(t, os.Remove(filepath.Join(dir, "ballast")))
	must(t, c.spool.tend())
	must(t, c.Ready())
	note(t, c, runTask("r"))
}

func TestDatabaseThatIsAwayIsWaitedForUntilItIsTooMuch(t *testing.T) {
	db := storetest.SQLite(t)
	c := open(t, db, t.TempDir())
	c.spool.limit = 100_000
	n := 0
	for ; c.Ready() == nil; n++ {
		note(t, c, runTask(fmt.Sprint(n)))
	}
	wantErr(t, c.Ready(), ErrUnrecorded)
	note(t, c, runTask("under way"))
	for err := error(nil); err == nil; {
		_, err = c.Record(runTask("more"))
		if err != nil {
			wantErr(t, err, ErrUnrecorded)
		}
	}
	if size := c.spool.waiting.Load(); size < 100_000 || size > 101_000 {
		t.Errorf("%d bytes wait", size)
	}
	must(t, c.move(t.Context()))
	must(t, c.Ready())
	note(t, c, runTask("again"))
}

func TestRecordsOfAProcessAreInTheOrderOfItsCalls(t *testing.T) {
	s := &spool{}
	for range 2000 {
		if before := s.last; s.tick() <= before {
			t.Fatal("time stood still")
		}
	}
	s.last = time.Now().Add(time.Second / 2).UnixMicro()
	if before := s.last; s.tick() != before+1 {
		t.Error("a clock that was set back a little took records with it")
	}
	s.last = time.Now().Add(time.Hour).UnixMicro()
	if s.tick() > time.Now().UnixMicro() {
		t.Error("a clock that was set right is not believed")
	}
}

func TestUnreadableSegmentDoesNotHoldUpOthers(t *testing.T) {
	db, dir := storetest.SQLite(t), t.TempDir()
	first := crashed(t, db, dir)
	e := runTask("of a later version")
	frame := appendRecord(make([]byte, frameHead), &e)
	frame[frameHead] = 99
	sealFrame(frame, first.spool.lastSegment().salt)
	appendTo(t, first.spool.lastSegment().path(dir), string(frame))

	c := open(t, db, dir)
	note(t, c, runTask("now"))
	wantErr(t, c.move(t.Context()), errUnreadable)
	if got := requests(lookup(t, c, us, Query{})); got != "now" {
		t.Errorf("found %s", got)
	}
	if left := spoolFiles(t, dir); len(left) != 2 {
		t.Errorf("files %v: what cannot be read is to be kept", left)
	}
}
