package s3

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"slipway/objects"
)

// checksums are elements of which one has a value.
type checksums struct {
	CRC32     string `xml:"ChecksumCRC32,omitempty"`
	CRC32C    string `xml:"ChecksumCRC32C,omitempty"`
	CRC64NVME string `xml:"ChecksumCRC64NVME,omitempty"`
	SHA1      string `xml:"ChecksumSHA1,omitempty"`
	SHA256    string `xml:"ChecksumSHA256,omitempty"`
	Type      string `xml:"ChecksumType,omitempty"`
}

func checksumsOf(sum objects.Checksum) (s checksums) {
	if sum.Value == "" {
		return s
	}
	map[string]func(){
		"CRC32": func() { s.CRC32 = sum.Value }, "CRC32C": func() { s.CRC32C = sum.Value }, "CRC64NVME": func() { s.CRC64NVME = sum.Value },
		"SHA1": func() { s.SHA1 = sum.Value }, "SHA256": func() { s.SHA256 = sum.Value },
	}[sum.Algorithm]()
	s.Type = sum.Kind
	return s
}

func (s checksums) any() string {
	for _, value := range []string{s.CRC32, s.CRC32C, s.CRC64NVME, s.SHA1, s.SHA256} {
		if value != "" {
			return value
		}
	}
	return ""
}

type uploadBegun struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ InitiateMultipartUploadResult"`
	Bucket   string
	Key      string
	UploadID string `xml:"UploadId"`
}

func (c *call) createUpload() (*answer, error) {
	p, err := c.put()
	if err != nil {
		return nil, err
	}
	if p.About.Checksum, err = c.wantedChecksum(); err != nil {
		return nil, err
	}
	u, err := c.d.room.Begin(c.ctx, p)
	if err != nil {
		return nil, err
	}
	a := said(&uploadBegun{Bucket: c.name, Key: c.key, UploadID: u.ID})
	if sum := u.About.Checksum; sum.Algorithm != "" {
		a.header.Set("X-Amz-Checksum-Algorithm", sum.Algorithm)
		a.header.Set("X-Amz-Checksum-Type", sum.Kind)
	}
	return a, nil
}

// wantedChecksum is which checksums parts will have, and what becomes of them.
func (c *call) wantedChecksum() (objects.Checksum, error) {
	algorithm, kind := strings.ToUpper(c.r.Header.Get("X-Amz-Checksum-Algorithm")), strings.ToUpper(c.r.Header.Get("X-Amz-Checksum-Type"))
	switch {
	case algorithm == "":
		return objects.Checksum{}, nil
	case !objects.KnownAlgorithm(algorithm):
		return objects.Checksum{}, invalidRequest.New("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	case kind == "":
		kind = objects.DefaultKind(algorithm)
	case kind == objects.FullObject && strings.HasPrefix(algorithm, "SHA"), kind == objects.Composite && algorithm == "CRC64NVME":
		return objects.Checksum{}, invalidRequest.Newf("The %s checksum type cannot be used with the %s checksum algorithm.", kind, strings.ToLower(algorithm))
	case kind != objects.FullObject && kind != objects.Composite:
		return objects.Checksum{}, invalidRequest.New("Value for x-amz-checksum-type header is invalid.")
	}
	return objects.Checksum{Algorithm: algorithm, Kind: kind}, nil
}

// upload finds the upload that a request names.
func (c *call) upload() (objects.Upload, error) {
	return c.d.room.FindUpload(c.ctx, c.bucket, c.key, c.query.Get("uploadId"))
}

// part finds the upload that a request names, and which part of it.
func (c *call) part() (objects.Upload, int, error) {
	u, err := c.upload()
	if err != nil {
		return u, 0, err
	}
	number, err := strconv.Atoi(c.query.Get("partNumber"))
	if err != nil {
		err = objects.ErrPartCount
	}
	return u, number, err
}

func (c *call) uploadPart() (*answer, error) {
	u, number, err := c.part()
	if err != nil {
		return nil, err
	}
	p, err := c.payload()
	if err != nil {
		return nil, err
	}
	content := p.content()
	if want := u.About.Checksum.Algorithm; content.Algorithm == "" {
		content.Algorithm = want
	} else if want != "" && want != content.Algorithm {
		return nil, invalidRequest.Newf("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", strings.ToLower(want), strings.ToLower(content.Algorithm))
	}
	part, err := c.d.room.PutPart(c.ctx, u, number, content)
	if err != nil {
		return nil, err
	}
	a := done(http.StatusOK)
	a.header.Set("ETag", quoted(part.ETag))
	if part.Checksum != "" {
		a.header.Set(checksumPrefix+content.Algorithm, part.Checksum)
	}
	return a, nil
}

func (c *call) uploadPartCopy() (*answer, error) {
	u, number, err := c.part()
	if err != nil {
		return nil, err
	}
	from, err := c.findSource()
	if err != nil {
		return nil, err
	}
	want := span{size: from.Size}
	if header := c.r.Header.Get("X-Amz-Copy-Source-Range"); header != "" {
		if want, err = parseRange(header, from.Size); err == nil && !want.partial {
			err = invalidArgument.New("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
		}
		if err != nil {
			return nil, err
		}
	}
	body, err := c.d.room.Open(c.ctx, from, want.from, want.size)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	part, err := c.d.room.PutPart(c.ctx, u, number, objects.Content{Body: body, Size: want.size, Algorithm: u.About.Checksum.Algorithm})
	if err != nil {
		return nil, err
	}
	sum := objects.Checksum{Algorithm: u.About.Checksum.Algorithm, Value: part.Checksum}
	return said(&copyResult{XMLName: xml.Name{Local: "CopyPartResult"}, LastModified: part.Modified.Format(stamp), ETag: quoted(part.ETag), checksums: checksumsOf(sum)}), nil
}

type completion struct {
	XMLName xml.Name `xml:"CompleteMultipartUpload"`
	Parts   []struct {
		PartNumber int
		ETag       string
		checksums
	} `xml:"Part"`
}

type completed struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUploadResult"`
	Location string
	Bucket   string
	Key      string
	ETag     string
	checksums
}

func (c *call) completeUpload() (*answer, error) {
	u, err := c.upload()
	if err != nil {
		return nil, err
	}
	var want completion
	sum := c.r.Header.Get(checksumPrefix + u.About.Checksum.Algorithm) // of the object, and not of this body
	for _, algorithm := range objects.Algorithms {
		c.r.Header.Del(checksumPrefix + algorithm)
	}
	if err := c.document(&want); err != nil {
		return nil, err
	}
	if len(want.Parts) == 0 {
		return nil, malformedXML.New("The XML you provided was not well-formed or did not validate against our published schema")
	}
	must, err := c.precondition()
	if err != nil {
		return nil, err
	}
	parts := make([]objects.Part, len(want.Parts))
	for i, p := range want.Parts {
		parts[i] = objects.Part{Number: p.PartNumber, ETag: strings.Trim(p.ETag, `"`)}
		if u.About.Checksum.Algorithm != "" {
			parts[i].Checksum = p.any()
		}
	}
	o, err := c.d.room.Complete(c.ctx, c.bucket, u, parts, sum, must)
	if err != nil {
		return nil, err
	}
	a := said(&completed{Location: "http://" + c.r.Host + "/" + c.name + "/" + c.key, Bucket: c.name, Key: c.key, ETag: quoted(o.ETag), checksums: checksumsOf(o.About.Checksum)})
	c.nameVersion(a, o)
	return a, nil
}

func (c *call) abortUpload() (*answer, error) {
	u, err := c.upload()
	if err != nil {
		return nil, err
	}
	return done(http.StatusNoContent), c.d.room.Abort(c.ctx, u)
}

type partList struct {
	XMLName              xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListPartsResult"`
	Bucket               string
	Key                  string
	UploadID             string `xml:"UploadId"`
	Initiator            owner
	Owner                owner
	StorageClass         string
	PartNumberMarker     int
	NextPartNumberMarker int `xml:",omitempty"`
	MaxParts             int
	IsTruncated          bool
	ChecksumAlgorithm    string     `xml:",omitempty"`
	ChecksumType         string     `xml:",omitempty"`
	Parts                []partItem `xml:"Part"`
}

type partItem struct {
	PartNumber   int
	LastModified string
	ETag         string
	Size         int64
	checksums
}

func (c *call) listParts() (*answer, error) {
	u, err := c.upload()
	if err != nil {
		return nil, err
	}
	limit, err := c.most("max-parts")
	if err != nil {
		return nil, err
	}
	after, _ := strconv.Atoi(c.query.Get("part-number-marker")) // none is 0
	list, err := c.d.room.Parts(c.ctx, u, after, limit+1)
	if err != nil {
		return nil, err
	}
	who, sum := ownerOf(c.bucket.Account), u.About.Checksum
	out := &partList{
		Bucket: c.name, Key: c.key, UploadID: u.ID, Initiator: who, Owner: who, StorageClass: "STANDARD", PartNumberMarker: after, MaxParts: limit,
		ChecksumAlgorithm: sum.Algorithm, ChecksumType: sum.Kind,
	}
	if len(list) > limit {
		list, out.IsTruncated = list[:limit], true
	}
	for _, p := range list {
		out.NextPartNumberMarker = p.Number
		item := partItem{PartNumber: p.Number, LastModified: p.Modified.Format(stamp), ETag: quoted(p.ETag), Size: p.Size}
		item.checksums = checksumsOf(objects.Checksum{Algorithm: sum.Algorithm, Value: p.Checksum})
		out.Parts = append(out.Parts, item)
	}
	return said(out), nil
}

type uploadList struct {
	XMLName            xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListMultipartUploadsResult"`
	Bucket             string
	KeyMarker          string
	UploadIDMarker     string `xml:"UploadIdMarker"`
	NextKeyMarker      string `xml:",omitempty"`
	NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
	Prefix             string
	EncodingType       string `xml:",omitempty"`
	MaxUploads         int
	IsTruncated        bool
	Uploads            []uploadItem `xml:"Upload"`
}

type uploadItem struct {
	Key               string
	UploadID          string `xml:"UploadId"`
	Initiator         owner
	Owner             owner
	StorageClass      string
	Initiated         string
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
}

func (c *call) listUploads() (*answer, error) {
	if c.query.Get("delimiter") != "" {
		return nil, notImplemented.New("ListMultipartUploads with a delimiter is not supported by Slipway.")
	}
	limit, err := c.most("max-uploads")
	if err != nil {
		return nil, err
	}
	encode, encoding, err := c.encoder()
	if err != nil {
		return nil, err
	}
	q := objects.UploadQuery{Bucket: c.bucket, Prefix: c.query.Get("prefix"), After: c.query.Get("key-marker"), AfterID: c.query.Get("upload-id-marker"), Limit: limit + 1}
	list, err := c.d.room.Uploads(c.ctx, q)
	if err != nil {
		return nil, err
	}
	who := ownerOf(c.bucket.Account)
	out := &uploadList{Bucket: c.name, KeyMarker: encode(q.After), UploadIDMarker: q.AfterID, Prefix: encode(q.Prefix), EncodingType: encoding, MaxUploads: limit}
	if len(list) > limit {
		list, out.IsTruncated = list[:limit], true
	}
	for _, u := range list {
		if out.IsTruncated {
			out.NextKeyMarker, out.NextUploadIDMarker = encode(u.Key), u.ID
		}
		out.Uploads = append(out.Uploads, uploadItem{
			Key: encode(u.Key), UploadID: u.ID, Initiator: who, Owner: who, StorageClass: "STANDARD", Initiated: u.Created.Format(stamp),
			ChecksumAlgorithm: u.About.Checksum.Algorithm, ChecksumType: u.About.Checksum.Kind,
		})
	}
	return said(out), nil
}
