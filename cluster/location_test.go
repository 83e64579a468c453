package cluster_test

import (
	"strings"
	"testing"

	"slipway/cluster/taskdef"
	"slipway/nodeapi"
)

// An image may be an archive at a URL, which the node is told as it stands.
func TestImagesAtURLs(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		spec := web()
		spec.Containers[0].Image = "https://store.example/web.tar?sign=a%2Fb#sha256:" + strings.Repeat("0", 64)
		task := node.Task(w.runs(w.register("web", spec), 1)[0].ID, false)
		if c := task.Containers[0]; c.Image != spec.Containers[0].Image || c.Ref != "" || c.Login != nil || c.Digest != "" {
			w.Errorf("the node is told %+v", c)
		}
		for image, why := range map[string]string{
			"file:///etc/passwd":                                 "want https://HOST/PATH",
			"https://ann:word@store.example/":                    "want https://HOST/PATH",
			"https://ann:word@store.example/web.tar":             "repositoryCredentials",
			"https://store.example/web.tar#sha256:1":             "digest of an image",
			"https://store.example/" + strings.Repeat("a", 5000): "at most 4096",
		} {
			spec.Containers[0].Image = image
			_, err := w.Register(w.Context(), account, "arn:aws:iam::123456789012:root", "web", spec, nil)
			wantText(w.T, err, taskdef.ErrInvalid, why)
			if err != nil && (strings.Contains(err.Error(), "ann") || !strings.Contains(err.Error(), "containerDefinitions[0].image: ")) {
				w.Errorf("the error is %v", err)
			}
		}
	})
}

// What a node once said that a container runs is what the next agent of it is told.
func TestWhatRanFirstIsWhatRuns(t *testing.T) {
	each(t, func(w world) {
		digest := "sha256:" + strings.Repeat("ab", 32)
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("web", web()), 1)[0].ID
		wantEqual(w.T, "the digest before anybody knows it", node.Task(id, false).Containers[0].Digest, "")
		node.Report(nodeapi.TaskReport{ID: id, Status: nodeapi.Pending, Containers: []nodeapi.ContainerReport{{Name: "web", Status: nodeapi.Pending, Digest: digest}}})
		if err := node.Leave(); err != nil {
			w.Fatal(err)
		}
		wantEqual(w.T, "the digest that the next agent is told", w.join('a', 1024, 1024).Task(id, false).Containers[0].Digest, digest)
	})
}
