package registry_test

import (
	"context"
	"testing"

	"slipway/registry"
	"slipway/store"
	"slipway/store/storetest"
)

// BenchmarkThere is what a push, a mount and a pull ask of what is there.
func BenchmarkThere(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			k := newKit(b, open(b))
			k.create("web", "api")
			k.push("web", "v1", "config", "layer")
			k.push("api", "v1", "config", "layer")
			push := registry.Push{Raw: imageOf("config", "layer").raw(), Tag: "v1"}
			for what, ask := range map[string]func(context.Context) error{
				"ask": func(ctx context.Context) error { return second(k.BlobSize(ctx, account, "web", digestOf("layer"))) },
				"mount": func(ctx context.Context) error {
					return second(k.MountBlob(ctx, account, "api", "web", digestOf("layer")))
				},
				"push": func(ctx context.Context) error {
					_, _, err := k.PutManifest(ctx, account, "web", push)
					return err
				},
				"pull": func(ctx context.Context) error { return k.pullNow(ctx, registry.ImageID{Tag: "v1"}) },
			} {
				b.Run(what, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := ask(b.Context()); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}
