package oci_test

import "slipway/registry"

var managementStatements = []statement{
	{"a tag is deleted, and its image stays", func(r *repository) {
		m, digest := r.taggedImage("v1")
		r.manifest("v2", ociManifest, m)
		r.ask("DELETE", "/manifests/v1", "").want(202)
		r.ask("GET", "/manifests/v1", "").fails(404, "MANIFEST_UNKNOWN", "v1")
		r.reads("/manifests/v2", m)
		r.ask("DELETE", "/manifests/v2", "").want(202)
		r.reads("/manifests/"+digest, m)
		r.wantTags("", "[]")
	}},
	{"an image is deleted by its digest, and its tags with it", func(r *repository) {
		m, digest := r.taggedImage("v1")
		r.manifest("v2", ociManifest, m)
		r.ask("DELETE", "/manifests/"+digest, "").want(202)
		for _, reference := range []string{digest, "v1", "v2"} {
			r.ask("GET", "/manifests/"+reference, "").fails(404, "MANIFEST_UNKNOWN", reference)
			r.ask("HEAD", "/manifests/"+reference, "").want(404)
		}
		r.wantTags("", "[]")
	}},
	{"an image that was deleted can be pushed again", func(r *repository) {
		m, digest := r.taggedImage("v1")
		r.ask("DELETE", "/manifests/"+digest, "").want(202)
		r.manifest("v1", ociManifest, m)
		r.reads("/manifests/v1", m)
	}},
	{"what is not there cannot be deleted", func(r *repository) {
		missing := string(digestOf("missing"))
		r.ask("DELETE", "/manifests/v9", "").fails(404, "MANIFEST_UNKNOWN", "v9")
		r.ask("DELETE", "/manifests/"+missing, "").fails(404, "MANIFEST_UNKNOWN", missing)
		r.ask("DELETE", "/blobs/"+missing, "").fails(404, "BLOB_UNKNOWN", missing)
		r.do("DELETE", "/v2/nowhere/manifests/v1", "").fails(404, "NAME_UNKNOWN")
	}},
	{"an image that an index names is not deleted", func(r *repository) {
		m, digest := r.taggedImage("v1")
		index := r.manifest("multi", registry.MediaTypeOCIIndex, indexOf("", descriptorOf(ociManifest, m)))
		r.ask("DELETE", "/manifests/"+digest, "").fails(405, "UNSUPPORTED", index)
		r.ask("DELETE", "/manifests/"+index, "").want(202)
		r.ask("DELETE", "/manifests/"+digest, "").want(202)
	}},
	{"a blob is deleted, and is gone here even if another repository has it", func(r *repository) {
		r.create("mounter")
		for _, digest := range []string{r.blob("shared"), r.blob("alone")} {
			r.do("POST", "/v2/mounter/blobs/uploads/?mount="+digest+"&from="+r.name, "").want(201)
			r.ask("DELETE", "/blobs/"+digest, "").want(202)
			r.ask("GET", "/blobs/"+digest, "").fails(404, "BLOB_UNKNOWN", digest)
			r.ask("HEAD", "/blobs/"+digest, "").want(404)
			r.do("HEAD", "/v2/mounter/blobs/"+digest, "").want(200)
		}
	}},
	{"a blob that was deleted can be pushed again", func(r *repository) {
		digest := r.blob("layer")
		r.ask("DELETE", "/blobs/"+digest, "").want(202)
		r.reads("/blobs/"+r.blob("layer"), "layer")
	}},
	{"a blob that an image needs is not deleted", func(r *repository) {
		_, digest := r.taggedImage("v1")
		layer := string(digestOf("layer v1"))
		r.ask("DELETE", "/blobs/"+layer, "").fails(405, "UNSUPPORTED", digest)
		r.ask("DELETE", "/manifests/"+digest, "").want(202)
		r.ask("DELETE", "/blobs/"+layer, "").want(202)
	}},
	{"an image under sha512 is deleted as others are", func(r *repository) {
		r.blob("{}")
		m := artifactOf("application/x.sbom", "")
		r.manifest(sha512Of(m), ociManifest, m)
		r.ask("DELETE", "/manifests/"+sha512Of(m), "").want(202)
		r.ask("GET", "/manifests/"+sha512Of(m), "").fails(404, "MANIFEST_UNKNOWN")
	}},
	{"methods that are none are refused as such", func(r *repository) {
		for _, o := range [][2]string{
			{"POST", "/tags/list"}, {"DELETE", "/tags/list"}, {"POST", "/manifests/v1"}, {"PATCH", "/blobs/" + string(digestOf(""))},
			{"PUT", "/referrers/" + string(digestOf(""))}, {"POST", "/blobs/uploads/x"},
		} {
			r.ask(o[0], o[1], "").fails(405, "UNSUPPORTED")
		}
	}},
}
