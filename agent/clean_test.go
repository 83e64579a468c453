package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/engine"
	"slipway/nodeapi"
)

func TestWhichImagesMayGo(t *testing.T) {
	now := time.Now()
	old := func(digest string, age time.Duration, inUse bool) engine.StoredImage {
		return engine.StoredImage{Digest: digest, UsedAt: now.Add(-age), InUse: inUse}
	}
	images := []engine.StoredImage{
		old("younger", time.Hour, false), old("used", 9*time.Hour, true), old("wanted", 9*time.Hour, false),
		old("oldest", 3*time.Hour, false), old("fresh", leastIdle-1, false), old("idle", leastIdle, false),
	}
	var got []string
	for _, i := range unneeded(images, map[string]bool{"wanted": true}, now) {
		got = append(got, i.Digest)
	}
	if want := []string{"oldest", "younger", "idle"}; !slices.Equal(got, want) {
		t.Errorf("%v may go, want %v", got, want)
	}
}

// images are the images that are on the machine, by the last letter of their names.
func (m *machine) images() (names string) {
	m.t.Helper()
	images, err := m.engine.Images(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	for _, i := range images {
		names += i.Refs[0][len(i.Refs[0])-1:]
	}
	letters := []byte(names)
	slices.Sort(letters)
	return string(letters)
}

// holding is a machine whose disk is filled by five images to a part.
func holding(t *testing.T, part float64, tell func(m *machine)) {
	story(t, func(m *machine) {
		m.kill()
		m.disk = func() (float64, error) { return part * float64(len(m.images())) / 5, nil }
		for i, name := range strings.Split("abcde", "") {
			if _, err := m.engine.Pull(m.t.Context(), "image-"+name, engine.Login{}); err != nil {
				m.t.Fatal(err)
			}
			time.Sleep(time.Duration(i+1) * time.Hour)
		}
		tell(m)
	})
}

func TestTheOldestImagesGoWhenTheDiskIsFull(t *testing.T) {
	for part, want := range map[float64]string{0.85: "abcde", 0.9: "bcde", 1: "cde", 1.9: "e"} {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			holding(t, part, func(m *machine) {
				m.start()
				time.Sleep(10 * time.Minute)
				if got := m.images(); got != want {
					m.t.Errorf("images %s are left, want %s", got, want)
				}
			})
		})
	}
}

func TestNoImageGoesThatATaskNeeds(t *testing.T) {
	holding(t, 9, func(m *machine) {
		slow := make(chan struct{})
		m.intercept(func(_ context.Context, call, about string) error {
			if call == "Pull" && about == "image-b" {
				<-slow
			}
			return nil
		})
		m.plane.run(taskOf("wait", "wait")) // of which the second image takes its time
		m.start()
		time.Sleep(time.Hour)
		if got := m.images(); got != "ab" { // the intercepted call finds b there
			m.t.Errorf("images %s are left while the task needs a and b", got)
		}
		close(slow)
		m.plane.untilStatus(taskID, nodeapi.Running)
		time.Sleep(time.Hour)
		if got := m.images(); got != "ab" {
			m.t.Errorf("images %s are left while the task runs of a and b", got)
		}
		m.plane.stop(taskID)
		m.plane.untilStatus(taskID, nodeapi.Stopped)
		m.empty()
		time.Sleep(time.Hour)
		if got := m.images(); got != "" {
			m.t.Errorf("images %s are left, want none", got)
		}
	})
}

// Before the control plane has told what it wants, nothing is known to be needless.
func TestNoImageGoesBeforeTheControlPlaneHasSpoken(t *testing.T) {
	holding(t, 9, func(m *machine) {
		m.plane.change(func() { m.plane.fault = func(string) (error, error) { return errAway, nil } })
		m.start()
		time.Sleep(24 * time.Hour)
		if got := m.images(); got != "abcde" {
			m.t.Errorf("images %s are left, want all", got)
		}
		m.plane.change(func() { m.plane.fault = nil })
		time.Sleep(time.Hour)
		if got := m.images(); got != "" {
			m.t.Errorf("images %s are left, want none", got)
		}
	})
}

func TestADiskTellsHowFullItIs(t *testing.T) {
	if full, err := diskOf(t.TempDir())(); err != nil || full <= 0 || full > 1 {
		t.Errorf("it is full to %v, %v", full, err)
	}
	if _, err := diskOf("/nowhere/at/all")(); err == nil {
		t.Error("a folder that is not there is on a disk")
	}
}
