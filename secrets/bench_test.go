package secrets_test

import (
	"fmt"
	"testing"

	"slipway/seal/sealtest"
	"slipway/secrets"
	"slipway/store/storetest"
)

// BenchmarkResolve reads what containers are told, among two hundred parameters.
func BenchmarkResolve(b *testing.B) {
	db := storetest.SQLite(b)
	room, err := secrets.New(b.Context(), db, sealtest.Keys(b, db), region)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 200 {
		n := secrets.NewParameter{Account: account, Name: fmt.Sprint("/app/", i), Value: hidden, Type: secrets.TypeSecure}
		if _, _, err := room.PutParameter(b.Context(), n); err != nil {
			b.Fatal(err)
		}
	}
	s, _, err := room.CreateSecret(b.Context(), secrets.NewSecret{Account: account, Name: "db", Value: secrets.Value{Bytes: []byte(`{"password":"hunter2"}`)}})
	if err != nil {
		b.Fatal(err)
	}
	for name, from := range map[string]string{"parameter": "/app/77", "secret": s.ARN, "member": s.ARN + ":password::"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := room.Resolve(b.Context(), account, from); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("page of a listing", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := room.ListParameters(b.Context(), account, nil, "", 50); err != nil {
				b.Fatal(err)
			}
		}
	})
}
