package nodeapi

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"slipway/internal/errs"
)

// counting takes an answer, and knows in which order it came.
type counting struct {
	heads int
	bytes []byte
}

func (c *counting) Head(string) error {
	c.heads++
	return nil
}

func (c *counting) Write(p []byte) (int, error) {
	c.bytes = append(c.bytes, p...)
	return len(p), nil
}

// FuzzAnswer: whatever a node sends, an answer is one that ended, within its bounds, or it is an error.
func FuzzAnswer(f *testing.F) {
	end, err := json.Marshal(Outcome{Duration: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(appendPiece(appendPiece(nil, answerBytes, []byte("ahoy")), answerEnds, end))
	f.Add(appendPiece(appendPiece(appendPiece(nil, answerHead, []byte("text/plain")), answerBytes, nil), answerEnds, end))
	f.Add(appendPiece(nil, answerFails, []byte(`{"kind":"not-found","message":"x","cause":"no-sandbox"}`)))
	f.Add([]byte{answerBytes, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, sent []byte) {
		const most = 64
		for _, in := range []io.Reader{bytes.NewReader(sent), iotest.OneByteReader(bytes.NewReader(sent))} {
			p := newPieces(in)
			o, err := p.answer(nil, most)
			if err == nil && (len(o.Payload) > most || !bytes.Contains(sent, []byte{answerEnds})) {
				t.Errorf("answered %+v", o)
			}
			p.free()
		}
		to := &counting{}
		p := newPieces(bytes.NewReader(sent))
		defer p.free()
		if _, err := p.answer(to, most); err == nil && len(to.bytes) > len(sent) {
			t.Errorf("%d bytes came of %d", len(to.bytes), len(sent))
		}
	})
}

// FuzzInvocation: whatever comes as a call is one that is whole, or it is refused as malformed.
func FuzzInvocation(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02{}payload"), int64(13))
	f.Add([]byte("\x00\x00\x00\x0f{\"request\":\"id\"}"), int64(19))
	f.Add([]byte("\xff\xff\xff\xff"), int64(4))
	f.Add([]byte("\x00\x00\x00\x02{}"), int64(-1))
	f.Fuzz(func(t *testing.T, sent []byte, length int64) {
		i, _, err := readInvocation(&http.Request{Body: io.NopCloser(bytes.NewReader(sent)), ContentLength: length})
		switch {
		case err != nil && (!errors.Is(err, errMalformed) || errs.KindOf(err) != errs.Invalid):
			t.Errorf("refused with %v", err)
		case err == nil && !strings.HasSuffix(string(sent[:length]), string(i.Payload)):
			t.Errorf("the payload came as %q", i.Payload)
		case err == nil && int64(binary.BigEndian.Uint32(sent))+4+int64(len(i.Payload)) != length:
			t.Errorf("%d bytes are a payload of %d", length, len(i.Payload))
		}
	})
}
