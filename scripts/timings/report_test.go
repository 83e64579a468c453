package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const stream = `{"Action":"start","Package":"good"}
{"Action":"run","Package":"good","Test":"TestQuiet"}
{"Action":"output","Package":"good","Test":"TestQuiet","Output":"=== RUN   TestQuiet\n"}
{"Action":"output","Package":"good","Test":"TestQuiet","Output":"    a_test.go:1: nobody asks\n"}
{"Action":"output","Package":"good","Test":"TestQuiet","Output":"--- PASS: TestQuiet (0.50s)\n"}
{"Action":"pass","Package":"good","Test":"TestQuiet","Elapsed":0.5}
{"Action":"output","Package":"good","Output":"PASS\n"}
{"Action":"output","Package":"good","Output":"ok  \tgood\t1.500s\n"}
{"Action":"output","Package":"bad","Test":"TestParts/first","Output":"    b_test.go:2: what was wrong\n"}
{"Action":"output","Package":"bad","Test":"TestParts/first","Output":"    --- FAIL: TestParts/first (2.00s)\n"}
{"Action":"fail","Package":"bad","Test":"TestParts/first","Elapsed":2}
{"Action":"output","Package":"bad","Test":"TestParts","Output":"--- FAIL: TestParts (3.00s)\n"}
{"Action":"fail","Package":"bad","Test":"TestParts","Elapsed":3}
{"Action":"output","Package":"bad","Test":"TestStuck","Output":"    b_test.go:9: on its way\n"}
{"Action":"output","Package":"bad","Output":"panic: test timed out after 1m0s\n"}
{"Action":"output","Package":"bad","Output":"FAIL\tbad\t60.000s\n"}
{"Action":"pass","Package":"good","Elapsed":1.5}
{"Action":"fail","Package":"bad","Elapsed":60}
{"ImportPath":"worse","Action":"build-output","Output":"worse/c.go:1:1: syntax error\n"}
{"Action":"output","Package":"none","Output":"?   \tnone\t[no test files]\n"}
{"Action":"skip","Package":"none","Elapsed":0}
go says something
`
	const want = `    b_test.go:2: what was wrong
    --- FAIL: TestParts/first (2.00s)
--- FAIL: TestParts (3.00s)
ok  	good	1.500s
    b_test.go:9: on its way
panic: test timed out after 1m0s
FAIL	bad	60.000s
worse/c.go:1:1: syntax error
?   	none	[no test files]
go says something

The slowest packages:
    60.0 s  bad
     1.5 s  good
     0.0 s  none

The slowest tests:
     3.0 s  bad TestParts
     0.5 s  good TestQuiet
`
	var got bytes.Buffer
	r := newReport(&got)
	if err := r.read(strings.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	r.slowest()
	if got.String() != want {
		t.Errorf("it prints\n%s\nwant\n%s", &got, want)
	}
}
