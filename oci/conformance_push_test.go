package oci_test

import (
	"fmt"
	"strings"

	"slipway/internal/ids"
	"slipway/registry"
)

var pushStatements = []statement{
	{"a blob is pushed by POST and PUT", func(r *repository) {
		location := r.upload()
		digest := string(digestOf("layer"))
		r.do("PUT", location+"?digest="+digest, "layer", "Content-Type", "application/octet-stream").want(201).
			wantHeader("Location", r.path("/blobs/"+digest)).wantHeader("Docker-Content-Digest", digest)
		r.reads("/blobs/"+digest, "layer")
	}},
	{"a blob is pushed by a single POST", func(r *repository) {
		digest := string(digestOf("layer"))
		r.ask("POST", "/blobs/uploads/?digest="+digest, "layer").want(201).wantHeader("Location", r.path("/blobs/"+digest))
		r.reads("/blobs/"+digest, "layer")
	}},
	{"the place of an upload is never the same", func(r *repository) {
		if one, two := r.upload(), r.upload(); one == two || one == "" {
			r.t.Errorf("two uploads at %s", one)
		}
	}},
	{"a blob is pushed in chunks, as small as one likes, the last with PUT or before it", func(r *repository) {
		for _, last := range []string{"", "er"} {
			location := r.upload()
			for i, b := range "lay" + "er"[:2-len(last)] {
				location = r.do("PATCH", location, string(b), "Content-Range", fmt.Sprintf("%d-%d", i, i)).want(202).
					wantHeader("Range", fmt.Sprintf("0-%d", i)).wantHeader("Oci-Chunk-Min-Length", "").Header.Get("Location")
			}
			digest := string(digestOf("layer"))
			r.do("PUT", location+"?digest="+digest, last).want(201).wantHeader("Location", r.path("/blobs/"+digest))
			r.reads("/blobs/"+digest, "layer")
		}
	}},
	{"a chunk that does not follow the one before is refused, with what is there", func(r *repository) {
		location := r.upload()
		r.do("PATCH", location, "second", "Content-Range", "5-10").fails(416, "BLOB_UPLOAD_INVALID")
		r.do("PATCH", location, "first", "Content-Range", "0-4").want(202)
		for _, wrong := range []string{"0-4", "4-8", "6-10"} {
			r.do("PATCH", location, "again", "Content-Range", wrong).wantHeader("Range", "0-4").wantHeader("Location", location).
				fails(416, "BLOB_UPLOAD_INVALID")
		}
		r.do("PATCH", location, "x", "Content-Range", "five").fails(416, "BLOB_UPLOAD_INVALID")
		r.do("PATCH", location, "second", "Content-Range", "5-10").want(202).wantHeader("Range", "0-10")
		r.do("PUT", location+"?digest="+string(digestOf("firstsecond")), "").want(201)
	}},
	{"an upload says how far it is", func(r *repository) {
		location := r.upload()
		r.do("GET", location, "").want(204).wantHeader("Range", "0-0").wantHeader("Location", location)
		r.do("PATCH", location, "12345").want(202)
		r.do("GET", location, "").want(204).wantHeader("Range", "0-4").wantHeader("Location", location)
	}},
	{"an upload is given up", func(r *repository) {
		location := r.upload()
		r.do("DELETE", location, "").want(204)
		r.do("GET", location, "").fails(404, "BLOB_UPLOAD_UNKNOWN")
		r.do("PATCH", location, "x").fails(404, "BLOB_UPLOAD_UNKNOWN")
		r.do("PUT", location+"?digest="+string(digestOf("x")), "x").fails(404, "BLOB_UPLOAD_UNKNOWN")
		r.do("DELETE", location, "").fails(404, "BLOB_UPLOAD_UNKNOWN")
	}},
	{"an upload that was never begun is not found", func(r *repository) {
		for _, id := range []string{ids.UUID(), "x"} {
			r.ask("GET", "/blobs/uploads/"+id, "").fails(404, "BLOB_UPLOAD_UNKNOWN", id)
			r.ask("PATCH", "/blobs/uploads/"+id, "x").fails(404, "BLOB_UPLOAD_UNKNOWN", id)
		}
	}},
	{"bytes that do not have the digest are refused", func(r *repository) {
		other := string(digestOf("other"))
		r.do("PUT", r.upload()+"?digest="+other, "layer").fails(400, "DIGEST_INVALID", other)
		r.do("PUT", r.upload()+"?digest="+sha512Of("other"), "layer").fails(400, "DIGEST_INVALID")
		r.ask("POST", "/blobs/uploads/?digest="+other, "layer").fails(400, "DIGEST_INVALID", other)
		r.ask("HEAD", "/blobs/"+other, "").want(404)
	}},
	{"an upload cannot end without a digest", func(r *repository) {
		r.do("PUT", r.upload(), "layer").fails(400, "DIGEST_INVALID")
		r.do("PUT", r.upload()+"?digest=md5:d41d8cd98f00b204e9800998ecf8427e", "layer").fails(400, "DIGEST_INVALID", "md5")
	}},
	{"the algorithm may be said before the bytes", func(r *repository) {
		location := r.ask("POST", "/blobs/uploads/?digest-algorithm=sha512", "").want(202).Header.Get("Location")
		r.do("PATCH", location, "lay").want(202)
		r.do("PUT", location+"?digest="+sha512Of("layer"), "er").want(201).wantHeader("Docker-Content-Digest", sha512Of("layer"))
		r.reads("/blobs/"+sha512Of("layer"), "layer")
		r.ask("POST", "/blobs/uploads/?digest-algorithm=sha3", "").fails(400, "DIGEST_INVALID", "sha3")
	}},
	{"a blob that is there can be pushed again", func(r *repository) {
		for range 2 {
			r.blob("layer")
		}
	}},
	{"a blob is mounted from another repository", func(r *repository) {
		r.create("origin")
		digest := string(r.push("origin", "shared"))
		r.ask("POST", "/blobs/uploads/?mount="+digest+"&from=origin", "").want(201).wantHeader("Location", r.path("/blobs/"+digest)).
			wantHeader("Docker-Content-Digest", digest)
		r.reads("/blobs/"+digest, "shared")
	}},
	{"a mount that cannot be becomes an upload", func(r *repository) {
		r.create("closed")
		digest := string(r.push("closed", "secret"))
		closed := r.registry.ARN(account, "closed")
		r.access.denied[closed] = true
		defer delete(r.access.denied, closed)
		for _, query := range []string{"&from=closed", "&from=nowhere", "&from=" + r.name, "&from=A//b", ""} {
			location := r.ask("POST", "/blobs/uploads/?mount="+digest+query, "").want(202).Header.Get("Location")
			r.ask("HEAD", "/blobs/"+digest, "").want(404)
			r.do("GET", location, "").want(204)
		}
		r.do("PUT", r.ask("POST", "/blobs/uploads/?mount="+digest+"&from=closed", "").Header.Get("Location")+"?digest="+digest, "secret").want(201)
	}},
	{"a manifest is pushed by tag and by digest", func(r *repository) {
		m, digest := r.taggedImage("v1")
		for _, reference := range []string{"v2", digest} {
			r.ask("PUT", "/manifests/"+reference, m, "Content-Type", ociManifest).want(201).
				wantHeader("Location", r.path("/manifests/"+digest)).wantHeader("Docker-Content-Digest", digest).wantHeader("Oci-Subject", "")
		}
	}},
	{"a manifest that is written strangely is kept as it is written", func(r *repository) {
		r.taggedImage("v1")
		m := "\n \t" + strings.ReplaceAll(manifestOf("{}", "layer v1", `,"unknown":{"a":[1,2]}`), ",", " ,\n") + "\n"
		r.reads("/manifests/"+r.manifest("v2", ociManifest, m), m)
	}},
	{"a manifest and its Content-Type agree", func(r *repository) {
		m, _ := r.taggedImage("v1")
		for _, other := range []string{registry.MediaTypeOCIIndex, registry.MediaTypeDockerManifest, "text/plain", ";"} {
			r.ask("PUT", "/manifests/v2", m, "Content-Type", other).fails(400, "MANIFEST_INVALID")
		}
	}},
	{"a manifest whose digest is another is refused", func(r *repository) {
		m, _ := r.taggedImage("v1")
		r.ask("PUT", "/manifests/"+string(digestOf("other")), m, "Content-Type", ociManifest).fails(400, "DIGEST_INVALID")
		r.ask("PUT", "/manifests/"+sha512Of("other"), m, "Content-Type", ociManifest).fails(400, "DIGEST_INVALID")
	}},
	{"what is no manifest is refused", func(r *repository) {
		for _, m := range []string{"", "{", "[]", "null", `"x"`, `{"schemaVersion":1}`, `{"schemaVersion":2}`, strings.Repeat("[", 100_000)} {
			r.ask("PUT", "/manifests/v1", m, "Content-Type", ociManifest).fails(400, "MANIFEST_INVALID")
		}
	}},
	{"a manifest that names blobs that are not there is refused", func(r *repository) {
		r.blob("{}")
		r.ask("PUT", "/manifests/v1", manifestOf("{}", "missing", ""), "Content-Type", ociManifest).
			fails(400, "MANIFEST_BLOB_UNKNOWN", string(digestOf("missing")))
		r.ask("PUT", "/manifests/v1", indexOf("", descriptorOf(ociManifest, "missing")), "Content-Type", registry.MediaTypeOCIIndex).
			fails(400, "MANIFEST_BLOB_UNKNOWN", string(digestOf("missing")))
	}},
	{"a manifest of 4 MiB is taken, and a larger one is too large", func(r *repository) {
		r.taggedImage("v1")
		m := manifestOf("{}", "layer v1", "")
		m += strings.Repeat(" ", registry.MaxManifest-len(m))
		r.reads("/manifests/"+r.manifest("v2", ociManifest, m), m)
		r.ask("PUT", "/manifests/v3", m+" ", "Content-Type", ociManifest).fails(413, "SIZE_INVALID")
	}},
	{"a manifest whose subject is not there is taken, and its answer names the subject", func(r *repository) {
		r.blob("{}")
		subject := string(digestOf("not yet"))
		m := artifactOf("application/x.sbom", `,"subject":`+descriptorOf(ociManifest, "not yet"))
		r.ask("PUT", "/manifests/"+string(digestOf(m)), m, "Content-Type", ociManifest).want(201).wantHeader("Oci-Subject", subject)
		r.ask("PUT", "/manifests/v1", m, "Content-Type", ociManifest).want(201).wantHeader("Oci-Subject", subject)
	}},
	{"an artifact with an empty config is taken", func(r *repository) {
		r.blob("{}")
		m := artifactOf("application/x.sbom", "")
		r.reads("/manifests/"+r.manifest("v1", ociManifest, m), m)
	}},
	{"an index may name indexes, and none", func(r *repository) {
		m, _ := r.taggedImage("v1")
		inner := indexOf("", descriptorOf(ociManifest, m))
		middle := indexOf("", descriptorOf(registry.MediaTypeOCIIndex, inner), descriptorOf(ociManifest, m))
		outer := indexOf(`,"annotations":{"a":"b"}`, descriptorOf(registry.MediaTypeOCIIndex, middle))
		for _, index := range []string{inner, middle, outer, indexOf("")} {
			r.reads("/manifests/"+r.manifest("nested", registry.MediaTypeOCIIndex, index), index).wantHeader("Content-Type", registry.MediaTypeOCIIndex)
		}
	}},
	{"a list of docker's is taken, and stays one", func(r *repository) {
		r.taggedImage("v1")
		m := strings.NewReplacer(ociManifest, registry.MediaTypeDockerManifest).Replace(manifestOf("{}", "layer v1", ""))
		r.manifest("v2", registry.MediaTypeDockerManifest, m)
		list := strings.Replace(indexOf("", descriptorOf(registry.MediaTypeDockerManifest, m)), registry.MediaTypeOCIIndex, registry.MediaTypeDockerList, 1)
		r.reads("/manifests/"+r.manifest("list", registry.MediaTypeDockerList, list), list).wantHeader("Content-Type", registry.MediaTypeDockerList)
	}},
	{"a manifest is pushed by its digest and tagged, under any algorithm", func(r *repository) {
		r.blob("{}")
		m := artifactOf("application/x.sbom", "")
		for _, digest := range []string{sha512Of(m), string(digestOf(m))} {
			a := r.ask("PUT", "/manifests/"+digest+"?tag=a&tag=b", m, "Content-Type", ociManifest).want(201).wantHeader("Docker-Content-Digest", digest)
			if got := a.Header.Values("Oci-Tag"); len(got) != 2 || got[0] != "a" || got[1] != "b" {
				r.t.Errorf("tags %v", got)
			}
			r.reads("/manifests/a", m).wantHeader("Docker-Content-Digest", digest)
			r.reads("/manifests/b", m).wantHeader("Docker-Content-Digest", digest)
		}
		r.ask("PUT", "/manifests/"+sha512Of(m)+"?tag=c&tag=-", m, "Content-Type", ociManifest).fails(400, "TAG_INVALID", "-")
		r.ask("PUT", "/manifests/"+sha512Of(m)+"?tag=c"+strings.Repeat("&tag=c", 100), m, "Content-Type", ociManifest).fails(414, "TAG_INVALID")
		r.ask("GET", "/manifests/c", "").fails(404, "MANIFEST_UNKNOWN")
	}},
	{"a tag moves to what is pushed last", func(r *repository) {
		r.taggedImage("v1")
		m, _ := r.taggedImage("v2")
		r.manifest("v1", ociManifest, m)
		r.reads("/manifests/v1", m)
	}},
	{"a repository that is not there is not found, and one whose name is none is refused", func(r *repository) {
		r.do("POST", "/v2/nowhere/blobs/uploads/", "").fails(404, "NAME_UNKNOWN")
		r.do("PUT", "/v2/nowhere/manifests/v1", "{}").fails(400, "MANIFEST_INVALID")
		for _, name := range []string{"Upper", "a//b", "-a", "a..b", "a_-b", strings.Repeat("a", 300)} {
			r.do("POST", "/v2/"+name+"/blobs/uploads/", "").fails(400, "NAME_INVALID")
		}
	}},
}
