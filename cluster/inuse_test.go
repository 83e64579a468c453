package cluster_test

import (
	"strings"
	"testing"

	"slipway/cluster"
)

func TestInUseAreTheImagesOfTasksThatHaveNotStopped(t *testing.T) {
	each(t, func(w world) {
		image := cluster.Image{Ref: "example.com/web:1", Digest: "sha256:" + strings.Repeat("0", 64)}
		w.images.Put("example.com/web:1", image)
		node := w.join('a', 1024, 1024)
		tasks := w.runs(w.register("web", web()), 2)
		node.Run(tasks[0].ID)
		node.Exit(tasks[1].ID, 0)

		all, err := w.InUse(w.Context())
		if err != nil || len(all) != 1 {
			w.Fatalf("in use: %+v, %v", all, err)
		}
		wantEqual(w.T, "the task", all[0].ARN, cluster.TaskARN(region, account, "default", tasks[0].ID))
		wantEqual(w.T, "the account", all[0].Account, account)
		wantEqual(w.T, "the image", all[0].Images[0], image)
	})
}
