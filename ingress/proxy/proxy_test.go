package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slipway/ingress/proxy"
	"slipway/ingress/route"
)

func TestARequestReachesItsTarget(t *testing.T) {
	w := newWorld(t)
	target, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rw.Header().Set("X-Seen", fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Host, " ", string(body), " ", r.Header["X-Multi"], r.Header.Get("X-Private"), r.Header.Get("Te")))
		rw.Header().Set("X-From", r.Header.Get("X-Forwarded-For")+"|"+r.Header.Get("X-Forwarded-Proto")+"|"+r.Header.Get("X-Forwarded-Port"))
		rw.Header().Set("X-Trace", r.Header.Get("X-Amzn-Trace-Id"))
		rw.WriteHeader(http.StatusTeapot)
		io.WriteString(rw, "hello")
	})
	w.set(target)
	for _, body := range []io.Reader{strings.NewReader("sized"), io.MultiReader(strings.NewReader("chu"), strings.NewReader("nked"))} {
		r, err := http.NewRequest("POST", w.url("/a%2Fb?x=1&y=%20"), body)
		must(t, err)
		r.Host = "shop.example"
		r.Header = http.Header{"X-Multi": {"1", "2"}, "X-Private": {"no"}, "Connection": {"X-Private"}, "X-Forwarded-For": {"198.51.100.9"}, "X-Amzn-Trace-Id": {"Root=1-67891233-abcdef012345678912345678"}}
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		got, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusTeapot || string(got) != "hello" {
			t.Errorf("answered %d %q", res.StatusCode, got)
		}
		if seen := res.Header.Get("X-Seen"); !strings.HasPrefix(seen, "POST /a%2Fb?x=1&y=%20 shop.example ") || !strings.HasSuffix(seen, "ed [1 2]") {
			t.Errorf("the target saw %s", seen)
		}
		if from := res.Header.Get("X-From"); from != "198.51.100.9, 127.0.0.1|http|"+strconv.Itoa(w.port) {
			t.Errorf("forwarded: %s", from)
		}
		if trace := res.Header.Get("X-Trace"); !strings.HasPrefix(trace, "Self=1-") || !strings.HasSuffix(trace, ";Root=1-67891233-abcdef012345678912345678") {
			t.Errorf("traced: %s", trace)
		}
	}
}

func TestWithoutTargetsItIs503AndWithDeadOnes502(t *testing.T) {
	bothWays(t, testWithoutTargetsItIs503AndWithDeadOnes502)
}

func testWithoutTargetsItIs503AndWithDeadOnes502(t *testing.T, newWorld opening) {
	w := newWorld(t)
	if status, body := w.get("/"); status != 503 || !strings.Contains(body, "503 Service Temporarily Unavailable") {
		t.Errorf("without targets: %d %s", status, body)
	}
	w.set(proxy.Target{ID: "dead", Host: "127.0.0.1", Port: deadPort(t)})
	if status, _ := w.get("/"); status != 502 {
		t.Errorf("with a dead one: %d", status)
	}
	broken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer broken.Close()
	go func() {
		for {
			c, err := broken.Accept()
			if err != nil {
				return
			}
			bufio.NewReader(c).ReadString('\n')
			io.WriteString(c, "nonsense\r\n\r\n")
			c.Close()
		}
	}()
	w.set(targetOf(t, broken.Addr().String()))
	if status, _ := w.get("/"); status != 502 {
		t.Errorf("with one that talks nonsense: %d", status)
	}
}

func TestASilentTargetIs504(t *testing.T) { bothWays(t, testASilentTargetIs504) }

func testASilentTargetIs504(t *testing.T, newWorld opening) {
	w := newWorld(t, func(p *proxy.Plan) { p.Listeners[0].Idle = 50 * time.Millisecond })
	ended := make(chan struct{})
	target, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-ended })
	defer close(ended)
	w.set(target)
	if status, _ := w.get("/"); status != 504 {
		t.Errorf("status %d", status)
	}
}

func TestOnlyWhatMayBeAskedTwiceIsAskedTwice(t *testing.T) {
	bothWays(t, testOnlyWhatMayBeAskedTwiceIsAskedTwice)
}

func testOnlyWhatMayBeAskedTwiceIsAskedTwice(t *testing.T, newWorld opening) {
	w := newWorld(t, func(p *proxy.Plan) { p.Groups[0].Check.Off = true })
	var asked atomic.Int32
	hangsUp, _ := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		panic(http.ErrAbortHandler)
	})
	good, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "good") })
	w.set(hangsUp, good)
	for range 6 {
		if status, body := w.get("/"); status != 200 || body != "good" {
			t.Errorf("a GET is answered %d %s", status, body)
		}
	}
	failed, before := 0, asked.Load()
	if before == 0 {
		t.Error("the target that hangs up was never asked")
	}
	for range 6 {
		res, err := w.client.Post(w.url("/"), "text/plain", strings.NewReader("once"))
		must(t, err)
		res.Body.Close()
		if res.StatusCode == 502 {
			failed++
		}
	}
	if failed == 0 || int(asked.Load()-before) != failed {
		t.Errorf("%d POSTs failed, and the target was asked %d times", failed, asked.Load()-before)
	}
}

func TestPostsPassOverWhatIsNotThere(t *testing.T) {
	w := newWorld(t, func(p *proxy.Plan) { p.Groups[0].Check.Off = true })
	good, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) { io.Copy(rw, r.Body) })
	w.set(good, proxy.Target{ID: "dead", Host: "127.0.0.1", Port: deadPort(t)})
	for range 6 {
		res, err := w.client.Post(w.url("/"), "text/plain", strings.NewReader("body"))
		must(t, err)
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 || string(body) != "body" {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	}
}

func TestUnhealthyTargetsGetNothingWhileOthersAreWell(t *testing.T) {
	bothWays(t, testUnhealthyTargetsGetNothingWhileOthersAreWell)
}

func testUnhealthyTargetsGetNothingWhileOthersAreWell(t *testing.T, newWorld opening) {
	w := newWorld(t)
	var ill atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if ill.Load() {
			rw.WriteHeader(500)
		}
		io.WriteString(rw, "moody")
	}))
	defer server.Close()
	good, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "good") })
	moody := targetOf(t, server.Listener.Addr().String())
	moody.ID = "a"
	w.set(moody, good)
	until(t, "both are well", func() bool {
		s := w.front.States(group)
		return s[1].Health == proxy.Healthy && s[0].Health == proxy.Healthy
	})
	ill.Store(true)
	ofMoody := func() proxy.State {
		for _, s := range w.front.States(group) {
			if s.ID == "a" {
				return s
			}
		}
		return proxy.State{}
	}
	until(t, "one is ill", func() bool { return ofMoody().Health == proxy.Unhealthy })
	if s := ofMoody(); s.Reason != proxy.ReasonMismatch || s.Text != "Health checks failed with these codes: [500]" {
		t.Errorf("it is %+v", s)
	}
	for range 5 {
		if _, body := w.get("/"); body != "good" {
			t.Errorf("%s answered", body)
		}
	}
	ill.Store(false)
	until(t, "it is well again", func() bool { return ofMoody().Health == proxy.Healthy })
	w.set(moody)
	ill.Store(true)
	until(t, "all are ill", func() bool { return ofMoody().Health == proxy.Unhealthy })
	if _, body := w.get("/"); body != "moody" {
		t.Errorf("with nobody well, %q answered", body)
	}
}

func TestADrainingTargetEndsWhatItHasAndGetsNothingNew(t *testing.T) {
	bothWays(t, testADrainingTargetEndsWhatItHasAndGetsNothingNew)
}

func testADrainingTargetEndsWhatItHasAndGetsNothingNew(t *testing.T, newWorld opening) {
	w := newWorld(t)
	began, goOn := make(chan struct{}), make(chan struct{})
	slow, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		close(began)
		<-goOn
		io.WriteString(rw, "slow")
	})
	fast, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "fast") })
	w.set(slow)
	answer := make(chan string)
	go func() {
		_, body := w.get("/")
		answer <- body
	}()
	<-began
	leaving := slow
	leaving.Until = time.Now().Add(time.Hour)
	w.set(leaving, fast)
	for range 4 {
		if _, body := w.get("/"); body != "fast" {
			t.Errorf("%q answered", body)
		}
	}
	close(goOn)
	if body := <-answer; body != "slow" {
		t.Errorf("what ran was answered %q", body)
	}
}

func TestWhatRunsBeyondTheDelayIsCut(t *testing.T) { bothWays(t, testWhatRunsBeyondTheDelayIsCut) }

func testWhatRunsBeyondTheDelayIsCut(t *testing.T, newWorld opening) {
	w := newWorld(t)
	began := make(chan struct{})
	target, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	})
	w.set(target)
	answer := make(chan int)
	go func() {
		status, _ := w.get("/")
		answer <- status
	}()
	<-began
	w.set()
	if status := <-answer; status != 502 && status != 503 {
		t.Errorf("status %d", status)
	}
}

func TestAnAnswerComesAsItIsMade(t *testing.T) {
	for name, sized := range map[string]bool{"of unknown length": false, "of known length": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			next := make(chan struct{})
			target, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
				if sized {
					rw.Header().Set("Content-Length", "6")
				}
				for _, piece := range []string{"one", "two"} {
					io.WriteString(rw, piece)
					rw.(http.Flusher).Flush()
					<-next
				}
			})
			w.set(target)
			res, err := http.Get(w.url("/"))
			must(t, err)
			defer res.Body.Close()
			var b [3]byte
			for _, want := range []string{"one", "two"} {
				if _, err := io.ReadFull(res.Body, b[:]); err != nil || string(b[:]) != want {
					t.Errorf("read %s, %v", b, err)
				}
				next <- struct{}{}
			}
		})
	}
}

func TestLargeBodiesPassWhole(t *testing.T) {
	w := newWorld(t)
	target, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("sized") {
			rw.Header().Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
		}
		io.Copy(rw, r.Body)
	})
	w.set(target)
	body := strings.Repeat("0123456789abcdef", 200_000)
	for _, path := range []string{"/", "/?sized"} {
		res, err := w.client.Post(w.url(path), "text/plain", strings.NewReader(body))
		must(t, err)
		got, err := io.ReadAll(res.Body)
		must(t, err)
		res.Body.Close()
		if string(got) != body {
			t.Errorf("%s: %d bytes of %d came back", path, len(got), len(body))
		}
	}
}

func TestHeadAndNoContent(t *testing.T) {
	w := newWorld(t)
	target, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == "HEAD" {
			rw.Header().Set("Content-Length", "12345")
			return
		}
		rw.WriteHeader(204)
	})
	w.set(target)
	for range 2 {
		res, err := http.Head(w.url("/"))
		must(t, err)
		if res.ContentLength != 12345 {
			t.Errorf("length %d", res.ContentLength)
		}
		if status, body := w.get("/"); status != 204 || body != "" {
			t.Errorf("%d %q", status, body)
		}
	}
}

func TestACutAnswerIsSeenToBeCut(t *testing.T) {
	w := newWorld(t)
	target, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sized" {
			rw.Header().Set("Content-Length", "100000")
		}
		io.WriteString(rw, "some")
		rw.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	w.set(target)
	for _, path := range []string{"/sized", "/chunked"} {
		res, err := http.Get(w.url(path))
		must(t, err)
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%s seems to be whole", path)
		}
		res.Body.Close()
	}
}

func TestRulesRedirectsAndFixedAnswers(t *testing.T) {
	rule := func(path string, a proxy.Action) proxy.Rule {
		m, err := route.Compile([]route.Spec{{Field: route.FieldPath, Values: []string{path}}})
		must(t, err)
		return proxy.Rule{Match: m, Action: a}
	}
	w := newWorld(t, func(p *proxy.Plan) {
		p.Listeners[0].Rules = []proxy.Rule{
			rule("/old*", proxy.Action{Redirect: &route.Redirect{Protocol: "HTTPS", Host: "#{host}", Port: "443", Path: "/#{path}", Query: "#{query}", Status: 301}}),
			rule("/fixed", proxy.Action{Fixed: &proxy.Fixed{Status: 404, Type: "text/plain", Body: "gone"}}),
			rule("/none", forward("nobody")),
		}
		p.Listeners[0].Default = proxy.Action{Fixed: &proxy.Fixed{Status: 200}}
	})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(w.url("/old/a?b=c"))
	must(t, err)
	res.Body.Close()
	if got := res.Header.Get("Location"); res.StatusCode != 301 || got != "https://127.0.0.1/old/a?b=c" {
		t.Errorf("%d to %s", res.StatusCode, got)
	}
	for path, want := range map[string]string{"/fixed": "404 gone", "/": "200 ", "/none": "503"} {
		status, body := w.get(path)
		if got := fmt.Sprint(status, " ", body); !strings.HasPrefix(got, want) {
			t.Errorf("%s is answered %s", path, got)
		}
	}
}

func TestTwoLoadBalancersShareAPort(t *testing.T) {
	w := newWorld(t, func(p *proxy.Plan) {
		other := p.Listeners[0]
		p.Listeners[0].Default = proxy.Action{Fixed: &proxy.Fixed{Status: 201}}
		other.Host, other.Default = "other.elb.localhost", proxy.Action{Fixed: &proxy.Fixed{Status: 202}}
		p.Listeners = append(p.Listeners, other)
	})
	for host, want := range map[string]int{"web.elb.localhost": 201, "OTHER.elb.localhost:80": 202, "shop.example": 201} {
		r, err := http.NewRequest("GET", w.url("/"), nil)
		must(t, err)
		r.Host = host
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s is answered %d", host, res.StatusCode)
		}
	}
}

func TestAClientSticksToItsTarget(t *testing.T) {
	w := newWorld(t, func(p *proxy.Plan) { p.Groups[0].Sticky, p.Groups[0].Check.Off = time.Hour, true })
	name := func(s string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			http.SetCookie(rw, &http.Cookie{Name: "own", Value: "kept"})
			io.WriteString(rw, s)
		}
	}
	a, _ := serve(t, name("a"))
	b, _ := serve(t, name("b"))
	w.set(a, b)
	jar := newJar()
	client := &http.Client{Jar: jar}
	seen := map[string]int{}
	for range 8 {
		res, err := client.Get(w.url("/"))
		must(t, err)
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		seen[string(body)]++
	}
	u, _ := url.Parse(w.url("/"))
	if len(seen) != 1 || len(jar.Cookies(u)) != 2 {
		t.Errorf("answered by %v, with cookies %v", seen, jar.Cookies(u))
	}
}

func TestWeights(t *testing.T) { bothWays(t, testWeights) }

func testWeights(t *testing.T, newWorld opening) {
	w := newWorld(t, func(p *proxy.Plan) {
		p.Listeners[0].Default = proxy.Action{Forward: []proxy.Share{{Group: group, Weight: 1}, {Group: "other", Weight: 3}, {Group: "none", Weight: 0}}}
		p.Groups = append(p.Groups, proxy.Group{ID: "other", Check: proxy.Check{Off: true}})
	})
	a, _ := serve(t, func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "a") })
	b, _ := serve(t, func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "b") })
	w.plan.Groups[1].Targets = []proxy.Target{b}
	w.set(a)
	seen := map[string]int{}
	for range 400 {
		_, body := w.get("/")
		seen[body]++
	}
	if seen["a"] < 40 || seen["b"] < 200 {
		t.Errorf("answered by %v", seen)
	}
}

func TestTheTargetWithTheLeastToDoIsAskedNext(t *testing.T) {
	bothWays(t, testTheTargetWithTheLeastToDoIsAskedNext)
}

func testTheTargetWithTheLeastToDoIsAskedNext(t *testing.T, newWorld opening) {
	w := newWorld(t, func(p *proxy.Plan) { p.Groups[0].Least = true })
	goOn := make(chan struct{})
	began := make(chan struct{}, 1)
	busy, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-goOn
	})
	w.set(busy)
	done := make(chan int)
	go func() {
		status, _ := w.get("/")
		done <- status
	}()
	<-began
	free, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "free") })
	w.set(busy, free)
	until(t, "both are well", func() bool { return w.health(0) == proxy.Healthy && w.health(1) == proxy.Healthy })
	for range 5 {
		if _, body := w.get("/"); body != "free" {
			t.Errorf("%q answered", body)
		}
	}
	close(goOn)
	if status := <-done; status != 200 {
		t.Errorf("status %d", status)
	}
}

func TestStopLetsRequestsEnd(t *testing.T) { bothWays(t, testStopLetsRequestsEnd) }

func testStopLetsRequestsEnd(t *testing.T, newWorld opening) {
	w := newWorld(t)
	began, goOn := make(chan struct{}), make(chan struct{})
	target, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		close(began)
		<-goOn
		io.WriteString(rw, "done")
	})
	w.set(target)
	answer := make(chan string)
	go func() {
		_, body := w.get("/")
		answer <- body
	}()
	<-began
	ended := make(chan struct{})
	go func() { w.end(); close(ended) }()
	close(goOn)
	if body := <-answer; body != "done" {
		t.Errorf("answered %q", body)
	}
	<-ended
	if _, err := http.Get(w.url("/")); err == nil {
		t.Error("it still answers")
	}
}

func TestNobodyAnswersAClientThatIsGone(t *testing.T) {
	bothWays(t, testNobodyAnswersAClientThatIsGone)
}

func testNobodyAnswersAClientThatIsGone(t *testing.T, newWorld opening) {
	w := newWorld(t, func(p *proxy.Plan) { p.Groups[0].Check.Off = true })
	began, gone := make(chan struct{}), make(chan struct{})
	target, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(gone)
	})
	w.set(target)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", w.url("/"), nil)
	must(t, err)
	failed := make(chan error)
	go func() {
		_, err := w.client.Do(r)
		failed <- err
	}()
	<-began
	if n := w.front.States(group)[0].Running; n != 1 {
		t.Errorf("%d requests run", n)
	}
	cancel()
	if <-failed == nil {
		t.Error("it was answered")
	}
	<-gone
	until(t, "nothing runs", func() bool { return w.front.States(group)[0].Running == 0 })
}

func TestALongRequestIsAnsweredAndCountedOnce(t *testing.T) {
	bothWays(t, testALongRequestIsAnsweredAndCountedOnce)
}

func testALongRequestIsAnsweredAndCountedOnce(t *testing.T, newWorld opening) {
	w := newWorld(t, func(p *proxy.Plan) { p.Groups[0].Check.Off = true })
	var asked atomic.Int32
	target, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		time.Sleep(time.Second) // longer than a request may take that net/http has nothing to do with
		io.Copy(rw, r.Body)
	})
	w.set(target)
	for range 2 {
		answer := make(chan string)
		go func() {
			res, err := w.client.Post(w.url("/"), "text/plain", strings.NewReader("body"))
			must(t, err)
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			answer <- fmt.Sprint(res.StatusCode, " ", string(body))
		}()
		before := asked.Load()
		until(t, "the target is asked", func() bool { return asked.Load() > before })
		for n := 0; n != -1; {
			select {
			case got := <-answer:
				if got != "200 body" {
					t.Errorf("answered %s", got)
				}
				n = -1
			case <-time.After(20 * time.Millisecond):
				if s := w.front.States(group)[0]; s.Running > 2 {
					t.Errorf("%d requests run", s.Running)
				}
			}
		}
		until(t, "nothing runs", func() bool { return w.front.States(group)[0].Running == 0 })
	}
	if asked.Load() != 2 {
		t.Errorf("the target was asked %d times", asked.Load())
	}
}
