package oci_test

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"slipway/blob/sealed"
	"slipway/oci"
	"slipway/store"
)

// Clients that stand still in the middle of an upload take nothing that others need.
func TestClientsThatStandStillKeepNobodyWaiting(t *testing.T) {
	eachPlace(t, func(t *testing.T, db *store.DB, blobs sealed.Inner) {
		d := newDoorOver(t, db, blobs, oci.Config{})
		d.create("team/web")
		for range 60 {
			location := d.do("POST", web+"/blobs/uploads/", "").want(202).Header.Get("Location")
			conn, err := net.Dial("tcp", d.host())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 1000000\r\n\r\nsome", location, d.token)
		}
		_, image := d.image("team/web", "v1", "layer")
		d.do("GET", web+"/manifests/v1", "").want(200).wantHeader("Docker-Content-Digest", string(image))
	})
}

// Clients that push the same image at once, and move the same tag, all succeed, and leave it whole.
func TestManyClientsPushOneImageAtOnce(t *testing.T) {
	eachPlace(t, func(t *testing.T, db *store.DB, blobs sealed.Inner) {
		d := newDoorOver(t, db, blobs, oci.Config{})
		d.create("team/web")
		config, layer := digestOf("{}"), digestOf("layer")
		m := manifestOf("{}", "layer", "")
		steps := []struct{ method, path, body string }{
			{"POST", "/blobs/uploads/?digest=" + string(config), "{}"},
			{"POST", "/blobs/uploads/?digest=" + string(layer), "layer"},
			{"PUT", "/manifests/latest", m},
			{"GET", "/manifests/latest", ""},
			{"GET", "/blobs/" + string(layer), ""},
		}
		const clients = 30
		failed := make([]error, clients)
		var pushing sync.WaitGroup
		for i := range clients {
			pushing.Go(func() {
				for _, s := range steps {
					status, text, err := d.try(s.method, web+s.path, s.body)
					if err != nil || status >= 300 {
						failed[i] = errors.Join(failed[i], fmt.Errorf("client %d: %s %s: %d %s %w", i, s.method, s.path, status, text, err))
					}
				}
			})
		}
		pushing.Wait()
		if err := errors.Join(failed...); err != nil {
			t.Fatal(err)
		}
		if a := d.do("GET", web+"/manifests/latest", "").want(200); a.body != m {
			t.Errorf("the image is %s", a.body)
		}
	})
}
