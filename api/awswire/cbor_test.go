package awswire_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
	"pgregory.net/rapid"

	"slipway/api/awswire/wiretest"
	"slipway/internal/sigv4"
)

// postCBOR calls an operation of Pets as the SDK's rpc-v2-cbor clients do.
func postCBOR(t interface{ Fatal(...any) }, operation string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://slipway.test/service/PetService/operation/"+operation, bytes.NewReader(body))
	r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	r.Header.Set("Content-Type", "application/cbor")
	with := sigv4.Credentials{AccessKeyID: wiretest.AccessKey, Secret: wiretest.Secret}
	sigv4.Sign(r, body, with, wiretest.Region, "pets", time.Now())
	w := httptest.NewRecorder()
	newTestMux().ServeHTTP(w, r)
	if got := w.Header().Get("Smithy-Protocol"); got != "rpc-v2-cbor" {
		t.Fatal("the answer says it is of protocol", got)
	}
	return w
}

func decodeCBOR(t interface{ Fatal(...any) }, b []byte) cbor.Map {
	v, err := cbor.Decode(b)
	if err != nil {
		t.Fatal("the SDK's codec can not read the answer:", err)
	}
	return v.(cbor.Map)
}

// What the SDK's codec writes comes back as it was, through our reader and our writer.
func TestCBORIsTheSDKs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := cbor.Map{"Name": cbor.String(rapid.StringMatching(`[a-zà-ÿ]{1,8}`).Draw(t, "name"))}
		if rapid.Bool().Draw(t, "more") {
			sent["Age"] = cbor.Uint(rapid.Uint64Range(0, 40).Draw(t, "age"))
			sent["Weight"] = cbor.Float64(rapid.Float64().Draw(t, "weight"))
			sent["Chipped"] = cbor.Bool(rapid.Bool().Draw(t, "chipped"))
			sent["Photo"] = cbor.Slice(rapid.SliceOf(rapid.Byte()).Draw(t, "photo"))
			sent["Born"] = &cbor.Tag{ID: 1, Value: cbor.Float64(float64(rapid.Int64Range(-1e9, 4e12).Draw(t, "born")) / 1000)}
			sent["Friends"] = cbor.List{cbor.String("tom"), cbor.String("tim")}
			sent["Young"] = cbor.List{cbor.Map{"Name": cbor.String("tiny")}}
			sent["Notes"] = cbor.Map{"food": cbor.String(rapid.StringN(0, 4, 16).Draw(t, "food"))}
		}
		w := postCBOR(t, "AdoptPet", cbor.Encode(sent))
		if w.Code != 200 {
			t.Fatalf("%d %v", w.Code, decodeCBOR(t, w.Body.Bytes()))
		}
		got := decodeCBOR(t, w.Body.Bytes())
		if fmt.Sprint(plain(got)) != fmt.Sprint(plain(sent)) {
			t.Fatalf("sent %v\ngot  %v", plain(sent), plain(got))
		}
	})
}

// plain is a CBOR value that prints the same if it is the same.
func plain(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Map:
		m := map[string]any{}
		for key, value := range v {
			m[key] = plain(value)
		}
		return m
	case cbor.List:
		var l []any
		for _, value := range v {
			l = append(l, plain(value))
		}
		return l
	case *cbor.Tag:
		return []any{v.ID, plain(v.Value)}
	}
	return v
}

func TestCBORForms(t *testing.T) {
	for name, body := range map[string]string{
		"definite":              "\xa1\x64Name\x63rex",
		"indefinite map":        "\xbf\x64Name\x63rex\xff",
		"text in chunks":        "\xa1\x64Name\x7f\x61r\x62ex\xff",
		"long lengths":          "\xb9\x00\x01\x78\x04Name\x7a\x00\x00\x00\x03rex",
		"null is absent":        "\xa2\x64Name\x63rex\x63Age\xf6",
		"half float":            "\xa2\x64Name\x63rex\x66Weight\xf9\x3e\x00",
		"single float":          "\xa2\x64Name\x63rex\x66Weight\xfa\x3f\xc0\x00\x00",
		"integer for a float":   "\xa2\x64Name\x63rex\x66Weight\x01",
		"whole seconds":         "\xa2\x64Name\x63rex\x64Born\xc1\x1a\x5e\x5a\x53\x40",
		"__type is passed over": "\xa2\x64Name\x63rex\x66__type\x82\xc1\x01\xa1\x61a\x40",
	} {
		if w := postCBOR(t, "AdoptPet", []byte(body)); w.Code != 200 {
			t.Errorf("%s: %d %v", name, w.Code, plain(decodeCBOR(t, w.Body.Bytes())))
		}
	}
}

func TestCBORRefusals(t *testing.T) {
	for name, c := range map[string]struct{ body, text string }{
		"cut":                  {"\xa1\x64Name\x63re", "malformed CBOR: the body ends within a value, at byte 9, at 'name'"},
		"more after the end":   {"\xa1\x64Name\x63rex\x00", "malformed CBOR at byte 10: nothing may follow the value"},
		"not a map":            {"\x80", "an array found where a map is wanted"},
		"text for a number":    {"\xa2\x64Name\x63rex\x63Age\x61a", "a text string found where an integer is wanted, at 'age'"},
		"lying length":         {"\xa1\x64Name\x7b\xff\xff\xff\xff\xff\xff\xff\xff", "malformed CBOR: the body ends within a value, at byte 15, at 'name'"},
		"chunk in a chunk":     {"\xa1\x64Name\x7f\x7f\xff\xff", "malformed CBOR: a chunk of a string has chunks of its own, at 'name'"},
		"not UTF-8":            {"\xa1\x64Name\x61\xff", "the text is not valid UTF-8, at 'name'"},
		"reserved":             {"\xa1\x64Name\x1c", "malformed CBOR at byte 6: 0x1c begins no value, at 'name'"},
		"time without its tag": {"\xa2\x64Name\x63rex\x64Born\x01", "an integer found where a tag is wanted, at 'born'"},
		"unknown member":       {"\xa2\x64Name\x63rex\x63Eye\x01", `Unknown member "Eye"`},
		"constraint":           {"\xa1\x64Name\x63Rex", `1 validation error detected: Value 'Rex' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z\u00e0-\u00ff]+`},
	} {
		w := postCBOR(t, "AdoptPet", []byte(c.body))
		if w.Code != 400 {
			t.Errorf("%s: status %d", name, w.Code)
		}
		got := decodeCBOR(t, w.Body.Bytes())
		if text := fmt.Sprint(got["message"]); text != c.text {
			t.Errorf("%s:\ngot  %s\nwant %s", name, text, c.text)
		}
	}
}

func TestCBORFault(t *testing.T) {
	w := postCBOR(t, "DescribePet", cbor.Encode(cbor.Map{"Owner": cbor.String("kennel"), "Name": cbor.String("rex")}))
	got := fmt.Sprint(w.Code, w.Header().Get("X-Amzn-Query-Error"), plain(decodeCBOR(t, w.Body.Bytes())))
	if want := "404PetNotFound;Sendermap[__type:PetNotFoundException message:The pet moved movedTo:[farm zoo]]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCBORWithoutOutput(t *testing.T) {
	w := postCBOR(t, "ReleasePet", cbor.Encode(cbor.Map{"Owner": cbor.String("ann"), "Name": cbor.String("rex")}))
	if w.Code != 200 || w.Body.Len() > 0 {
		t.Errorf("%d with a body of %d bytes, want 200 and none", w.Code, w.Body.Len())
	}
}
