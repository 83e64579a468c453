package secrets_test

import (
	"fmt"
	"testing"

	"slipway/seal/sealtest"
	"slipway/secrets"
	"slipway/store/storetest"
)

// BenchmarkResolve reads what containers are told, among two thousand parameters.
func BenchmarkResolve(b *testing.B) {
	db := storetest.SQLite(b)
	room, err := secrets.New(b.Context(), db, sealtest.Keys(b, db), region)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 2000 {
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
	for name, filters := range map[string][]secrets.ParameterFilter{"page of a listing": nil, "by name": {{Key: secrets.ByName, Values: []string{"/app/77"}}}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := room.ListParameters(b.Context(), account, filters, "", 50); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
