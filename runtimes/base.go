package runtimes

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
)

// Image is an OCI image of one layer.
type Image struct {
	Manifest, Config, Layer []byte
}

// User is who functions run as: it is nobody on the machine. Its name is that of AWS's sandboxes.
const User = "993:990"

// Media types of the image's parts (OCI image specification 1.1).
const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// entry is a file of the image, or a folder, or a link.
type entry struct {
	name string
	mode int64
	text string
	link string
}

// entries are all that a static program needs: folders to be mounted on, who it is, and whom it trusts.
func entries(certificates []byte) []entry {
	all := []entry{
		{name: "dev/", mode: 0o755}, {name: "etc/", mode: 0o755}, {name: "opt/", mode: 0o755}, {name: "proc/", mode: 0o555},
		{name: "sys/", mode: 0o555}, {name: "tmp/", mode: 0o1777}, {name: "var/", mode: 0o755},
		{name: "var/runtime/", mode: 0o755}, {name: "var/task/", mode: 0o755},
		{name: "etc/passwd", mode: 0o644, text: "root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:993:990::/:/sbin/nologin\n"},
		{name: "etc/group", mode: 0o644, text: "root:x:0:\nsbx_user1051:x:990:\n"},
		{name: "etc/nsswitch.conf", mode: 0o644, text: "passwd: files\ngroup: files\nhosts: files dns\n"},
		{name: "etc/hosts", mode: 0o644}, {name: "etc/resolv.conf", mode: 0o644}, {name: "etc/hostname", mode: 0o644},
	}
	if len(certificates) == 0 {
		return all
	}
	return append(all,
		entry{name: "etc/ssl/", mode: 0o755}, entry{name: "etc/ssl/certs/", mode: 0o755},
		entry{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, text: string(certificates)},
		entry{name: "etc/pki/", mode: 0o755}, entry{name: "etc/pki/tls/", mode: 0o755}, entry{name: "etc/pki/tls/certs/", mode: 0o755},
		entry{name: "etc/pki/tls/certs/ca-bundle.crt", link: "/etc/ssl/certs/ca-certificates.crt"},
	)
}

// Base makes the image for functions that are programs which bring all they need, for an architecture in AWS's words:
// "x86_64" or "arm64". The same certificates (PEM; none: nil) give the same bytes.
func Base(architecture string, certificates []byte) (Image, error) {
	var plain bytes.Buffer
	if err := writeTar(&plain, entries(certificates)); err != nil {
		return Image{}, err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(plain.Bytes()) // into memory
	if err := z.Close(); err != nil {
		return Image{}, err
	}
	i := Image{Layer: packed.Bytes()}
	var err error
	if i.Config, err = config(architecture, plain.Bytes()); err != nil {
		return Image{}, err
	}
	i.Manifest, err = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": part(configType, i.Config), "layers": []any{part(layerType, i.Layer)},
	})
	return i, err
}

func writeTar(b *bytes.Buffer, all []entry) error {
	w := tar.NewWriter(b)
	for _, e := range all {
		h := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.text)), ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		switch {
		case e.link != "":
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.link, 0o777
		case e.name[len(e.name)-1] == '/':
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			return err
		}
	}
	return w.Close()
}

// config is the image's configuration (OCI image specification 1.1).
func config(architecture string, layer []byte) ([]byte, error) {
	machine, known := machines[architecture]
	if !known {
		return nil, fmt.Errorf("architecture %q: want x86_64 or arm64", architecture)
	}
	return json.Marshal(map[string]any{
		"architecture": machine, "os": "linux", "created": "1970-01-01T00:00:00Z",
		"config": map[string]any{"User": User, "WorkingDir": "/var/task", "Env": []string{"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(layer)}},
	})
}

// machines are architectures in AWS's words and in Go's.
var machines = map[string]string{"x86_64": "amd64", "arm64": "arm64"}

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

func part(mediaType string, b []byte) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": digest(b), "size": len(b)}
}
