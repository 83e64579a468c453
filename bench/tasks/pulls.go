package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slipway/internal/loop"
)

// weight is what the large image has beside its program, in bytes that cannot be compressed.
const weight = 50 << 20

// pulls measures starts of images that are not on the machine: each is taken off it after each start.
func pulls(ctx context.Context, out io.Writer, p programs, dir string, rounds int) (err error) {
	s, err := startSlipway(ctx, p, filepath.Join(dir, "pulls"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	r, err := startDockerRegistry(ctx, filepath.Join(dir, "docker-registry"))
	if err != nil {
		fmt.Fprintf(out, "\nno peers of pulls: %v\n", err)
	} else {
		defer func() { err = errors.Join(err, r.stop()) }()
	}
	for _, image := range []struct {
		name, title string
		more        int64
	}{{"small", "a small layer", 0}, {"large", "50 MiB more in it", weight}} {
		if err := s.pushImage(ctx, p, dir, image.name, image.more); err != nil {
			return err
		}
		kinds, peers, err := pullers(ctx, p, s, r, image.name)
		if err != nil {
			return err
		}
		if err := interleave(ctx, rounds, kinds); err != nil {
			return err
		}
		printTable(out, "The image not being here, "+image.title, kinds, peers...)
	}
	return nil
}

// interleave samples the kinds in turn, so that what else the machine does is shared by all.
func interleave(ctx context.Context, rounds int, kinds []*kind) error {
	for round := range rounds + 1 {
		for _, k := range kinds {
			if err := k.sample(ctx, round > 0); err != nil { // the first warms up
				return fmt.Errorf("%s: %w", k.name, err)
			}
		}
	}
	return nil
}

// pushImage pushes an image of one layer: the program, and so many bytes more.
func (s *slipway) pushImage(ctx context.Context, p programs, dir, name string, more int64) error {
	folder := filepath.Join(dir, "image-"+name)
	if err := os.CopyFS(folder, os.DirFS(p.rootfs)); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(folder, "ballast"))
	if err != nil {
		return err
	}
	_, err = io.CopyN(file, rand.Reader, more)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return s.command(ctx, "push", "--entrypoint", waiter, folder, name)
}

// pullers are all that pull and start an image, and those that the others are set beside.
func pullers(ctx context.Context, p programs, s *slipway, r *dockerRegistry, image string) (kinds, peers []*kind, err error) {
	task, err := s.task(ctx, "RunTask to RUNNING", image)
	if err != nil {
		return nil, nil, err
	}
	password, err := s.password(ctx)
	if err != nil {
		return nil, nil, err
	}
	stop := task.end
	task.end = func(id string) error { return errors.Join(stop(id), s.forget("slipway")) }
	kinds = []*kind{task, s.ctrPull("ctr images pull + run, from Slipway", s.host()+"/"+image+":latest", "--user", "AWS:"+password)}
	if r == nil {
		return kinds, nil, nil
	}
	if err := s.copyImage(ctx, image, r.host); err != nil {
		return nil, nil, err
	}
	ctr := s.ctrPull("ctr pull + run", r.host+"/"+image+":latest")
	kinds, peers = append(kinds, ctr), append(peers, ctr)
	if p.docker != nil {
		run := p.docker.run("docker run", r.host+"/"+image)
		remove := run.end
		run.end = func(id string) error {
			return errors.Join(remove(id), do(p.docker.command(context.Background(), "image", "rm", r.host+"/"+image)))
		}
		kinds, peers = append(kinds, run), append(peers, run)
	}
	return kinds, peers, nil
}

// pulled is containerd's namespace of what ctr pulls.
const pulled = "bench"

// ctrPull pulls and starts an image as people do by hand, in Slipway's containerd.
func (s *slipway) ctrPull(name, image string, login ...string) *kind {
	args := append([]string{"images", "pull", "--plain-http"}, append(login, image)...)
	return &kind{
		name: name,
		start: func(ctx context.Context, id string) error {
			if err := do(s.ctrIn(ctx, pulled, args...)); err != nil {
				return errors.New(strings.ReplaceAll(err.Error(), strings.Join(login, " "), "--user ..."))
			}
			return do(s.ctrIn(ctx, pulled, s.ctrArgs(image, id)...))
		},
		end: func(id string) error {
			ctx := context.Background()
			return errors.Join(
				do(s.ctrIn(ctx, pulled, "tasks", "delete", "--force", id)),
				do(s.ctrIn(ctx, pulled, "containers", "delete", id)),
				s.forget(pulled),
			)
		},
	}
}

// forget takes every image of a namespace off the machine. As long as a container is there, it would
// keep a part of its image.
func (s *slipway) forget(namespace string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.none(ctx, namespace, "containers"); err != nil {
		return err
	}
	names, err := s.ctrIn(ctx, namespace, "images", "list", "-q").Output()
	if err != nil {
		return err
	}
	if images := strings.Fields(string(names)); len(images) > 0 {
		if err := do(s.ctrIn(ctx, namespace, append([]string{"images", "remove", "--sync"}, images...)...)); err != nil {
			return err
		}
	}
	return s.none(ctx, namespace, "content")
}

// none waits until containerd lists none of what there was.
func (s *slipway) none(ctx context.Context, namespace, what string) error {
	for {
		left, err := s.ctrIn(ctx, namespace, what, "list", "-q").Output()
		if err == nil && len(left) == 0 {
			return nil
		}
		if err := errors.Join(err, loop.Pause(ctx, 5*time.Millisecond)); err != nil {
			return fmt.Errorf("%s of namespace %s: %w: %s", what, namespace, err, left)
		}
	}
}
