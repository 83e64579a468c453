package seal_test

import (
	"testing"

	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

func BenchmarkSealAndOpen(b *testing.B) {
	db := storetest.SQLite(b)
	r := newRoom(b, db, sealtest.Keys(b, db))
	r.keep("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	sealed := r.sealed("AKIAIOSFODNN7EXAMPLE")
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.secrets.Open(b.Context(), sealed, "AKIAIOSFODNN7EXAMPLE"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open on all cores", func(b *testing.B) {
		ctx := b.Context()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r.secrets.Open(ctx, sealed, "AKIAIOSFODNN7EXAMPLE")
			}
		})
	})
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		err := db.Update(b.Context(), func(tx *store.Tx) error {
			for b.Loop() {
				if _, err := r.secrets.Seal(tx, []byte("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "AKIAIOSFODNN7EXAMPLE"); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}
