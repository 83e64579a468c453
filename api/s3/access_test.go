package s3_test

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/doortest"
	"slipway/api/s3"
	"slipway/objects"
	"slipway/store/storetest"
)

// The table of what every operation asks for, and which are refused by name.
func TestAccess(t *testing.T) {
	d := newDesk(t)
	var asked *awswire.Call
	w := doortest.New(t, storetest.SQLite(t), func(*accounts.Control) []*awswire.Service { return nil })
	gate := w.MuxWith(awswire.Config{Observe: func(c *awswire.Call) { asked = c }})
	server := httptest.NewServer(s3.New(d.room, wiretest.Region).Before(gate, gate))
	t.Cleanup(server.Close)
	d.url, d.world = server.URL, w
	_, err := d.room.CreateBucket(t.Context(), objects.Bucket{Name: "harbour", Account: wiretest.Account})
	must(t, err)
	var table strings.Builder
	for _, op := range s3.Operations() {
		path := map[bool]string{true: "/harbour/a/b", false: "/harbour"}[op.Object]
		if op.Name == "ListBuckets" {
			path = "/"
		}
		if op.About != "" {
			path += "?" + op.About
		}
		headers := []string{"X-Amz-Tagging", "team=sea"}
		if strings.Contains(op.Name, "Copy") {
			headers = append(headers, "X-Amz-Copy-Source", "other/key?versionId=null")
		}
		status, text, _ := d.raw(op.Method, path, nil, headers...)
		supported := "yes"
		if status == http.StatusNotImplemented && strings.Contains(text, op.Name+" is not supported by Slipway.") {
			supported = "no"
		}
		if asked.Operation != op.Name {
			t.Errorf("%s %s is %s, want %s", op.Method, path, asked.Operation, op.Name)
		}
		for _, a := range asked.Asked {
			fmt.Fprintf(&table, "%-42s | %-6s %-32s | %-3s | %-38s | %s\n", op.Name, op.Method, path, supported, a.Action, a.Resource)
		}
		if len(asked.Asked) == 0 {
			fmt.Fprintf(&table, "%-42s | %-6s %-32s | %-3s |\n", op.Name, op.Method, path, supported)
		}
	}
	golden(t, table.String())
}

func golden(t *testing.T, got string) {
	t.Helper()
	const file = "testdata/access.golden"
	if flag.Lookup("access.update").Value.String() == "true" { // a flag of wiretest
		must(t, errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)))
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%s, error %v, is not what is asked for now (go test -access.update writes it):\n%s", file, err, got)
	}
}

const stranger = "210987654321"

// What is another account's is nobody else's, and who may not is told nothing of what is there.
func TestWhoMayNot(t *testing.T) {
	d := newDesk(t)
	b, key := d.bucket("harbour"), aws.String("k")
	d.put(b, *key, "ours")
	_, err := d.room.CreateBucket(t.Context(), objects.Bucket{Name: "theirs", Account: stranger})
	must(t, err)
	theirs, err := d.room.FindBucket(t.Context(), "theirs")
	must(t, err)
	_, err = d.room.Put(t.Context(), objects.Put{Bucket: theirs, Key: "k"}, objects.Content{Body: strings.NewReader("theirs"), Size: 6})
	must(t, err)
	for _, name := range []string{"k", "none"} {
		_, err = d.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("theirs"), Key: &name})
		told(t, err, "AccessDenied")
		_, err = d.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("theirs"), Key: &name})
		told(t, err, "AccessDenied")
		_, err = d.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: b, Key: aws.String("x"), CopySource: aws.String("theirs/" + name)})
		told(t, err, "AccessDenied")
	}
	_, err = d.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String("theirs")})
	told(t, err, "AccessDenied")
	_, err = d.DeleteBucket(t.Context(), &awss3.DeleteBucketInput{Bucket: aws.String("theirs")})
	told(t, err, "AccessDenied")
	_, err = d.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String("theirs")})
	told(t, err, "BucketAlreadyExists")
	_, err = d.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: b})
	told(t, err, "BucketAlreadyOwnedByYou")
	_, err = d.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: b, ExpectedBucketOwner: aws.String(stranger)})
	told(t, err, "AccessDenied")
	list, err := d.ListBuckets(t.Context(), &awss3.ListBucketsInput{})
	if err != nil || len(list.Buckets) != 1 {
		t.Errorf("buckets %+v, %v", list, err)
	}

	nobody := d.as(d.world.User(wiretest.Account, "nobody", ""))
	for _, bucket := range []string{"harbour", "missing"} {
		for _, name := range []string{"k", "none"} {
			_, err = nobody.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: &name})
			told(t, err, "AccessDenied")
		}
	}
	reader := d.as(d.world.User(wiretest.Account, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::harbour/k*"}]}`))
	got, err := reader.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: b, Key: key})
	must(t, err)
	got.Body.Close()
	_, err = reader.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: b, Key: aws.String("knot")})
	told(t, err, "AccessDenied") // for it may not list the bucket
	_, err = reader.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: b, Key: key, VersionId: aws.String("null")})
	told(t, err, "AccessDenied")
	_, err = reader.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: b, Key: aws.String("kk"), CopySource: aws.String("harbour/k")})
	told(t, err, "AccessDenied")
	lister := d.as(d.world.User(wiretest.Account, "lister", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::harbour","Condition":{"StringLike":{"s3:prefix":"open/*"}}}]}`))
	_, err = lister.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: b, Prefix: aws.String("open/x")})
	must(t, err)
	_, err = lister.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: b})
	told(t, err, "AccessDenied")

	r, err := http.NewRequest("GET", d.url+"/harbour/k", nil)
	must(t, err)
	if status, text, _ := d.send(r); status < 400 || strings.Contains(text, "ours") {
		t.Errorf("without a signature: %d %s", status, text)
	}
	status, text, _ := d.raw("GET", "/k", nil, "Host", "harbour.s3.localhost:4600")
	if status != 200 || text != "ours" {
		t.Errorf("by the host of the bucket: %d %s", status, text)
	}
}
