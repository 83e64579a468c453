package server

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"pgregory.net/rapid"
)

const otherAccount = "210987654321"

func TestABucketOfTokens(t *testing.T) {
	th := newThrottle(1)
	now := time.Now()
	call := func(account, name string) time.Duration {
		return th.take(bucket{account, th.limitOf("ecs", name)}, now)
	}
	for i := range 20 { // the burst, by whichever operation of the group
		if wait := call(account, []string{"CreateCluster", "DeleteCluster"}[i%2]); wait != 0 {
			t.Fatalf("call %d waits %v", i, wait)
		}
	}
	for range 3 { // who is refused is not refused for longer
		if wait := call(account, "CreateCluster"); wait != time.Second {
			t.Errorf("after the burst a caller waits %v, want 1 s", wait)
		}
	}
	if wait := call(account, "ListClusters"); wait != 0 {
		t.Errorf("another group waits %v", wait)
	}
	if wait := call(otherAccount, "CreateCluster"); wait != 0 {
		t.Errorf("another account waits %v", wait)
	}
	now = now.Add(1500 * time.Millisecond)
	if first, second := call(account, "CreateCluster"), call(account, "CreateCluster"); first != 0 || second != 500*time.Millisecond {
		t.Errorf("a second and a half later: %v, then %v", first, second)
	}
	now = now.Add(time.Hour) // a bucket does not overflow
	for range 20 {
		call(account, "CreateCluster")
	}
	if call(account, "CreateCluster") == 0 {
		t.Error("a bucket holds more than its size")
	}
}

// In any time, an account makes no more calls than a full bucket and what came into it since, and no
// caller who waits as long as they were told is refused again.
func TestThrottleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		factor := rapid.SampledFrom([]Throttle{0.01, 1, 10}).Draw(t, "factor")
		th := newThrottle(factor)
		l := th.limitOf("ecs", rapid.SampledFrom([]string{"RunTask", "CreateCluster", "Unheard"}).Draw(t, "operation"))
		size := float64(l.full) / float64(l.every)
		start := time.Unix(1e9, 0)
		now, done := start, 0
		for range rapid.IntRange(1, 300).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, int(2*l.every)).Draw(t, "pause")))
			wait := th.take(bucket{account, l}, now)
			if wait > 0 {
				if now = now.Add(wait); th.take(bucket{account, l}, now) != 0 {
					t.Fatalf("waited %v, and was refused", wait)
				}
			}
			done++
			if most := size + float64(now.Sub(start))/float64(l.every); float64(done) > most+1e-6 {
				t.Fatalf("%d calls in %v, of a bucket of %v filled every %v", done, now.Sub(start), size, l.every)
			}
		}
	})
}

func TestManyAccountsAreRememberedInBoundedSpace(t *testing.T) {
	th := newThrottle(1)
	for i := range 5 * maxBuckets {
		th.wait(fmt.Sprintf("%012d", i), "ecs", "CreateCluster")
		th.wait(account, "ecs", "CreateCluster") // one that keeps calling stays remembered
	}
	if n := len(th.recent) + len(th.older); n > 2*maxBuckets {
		t.Errorf("%d buckets are remembered", n)
	}
	if th.wait(account, "ecs", "CreateCluster") == 0 {
		t.Error("the noisiest account is forgotten")
	}
}

// Every operation that is named has one bucket, and every service that we serve has its groups.
func TestQuotas(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range quotas {
		if q.burst < q.rate || q.rate <= 0 {
			t.Errorf("%s %s: a burst of %v and %v a second", q.service, q.operations, q.burst, q.rate)
		}
		for name := range strings.FieldsSeq(q.operations) {
			if seen[q.service+name] {
				t.Errorf("%s:%s has two buckets", q.service, name)
			}
			seen[q.service+name] = true
		}
	}
}

func TestThrottleFlag(t *testing.T) {
	for text, want := range map[string]Throttle{"10": 10, "0.5": 0.5, "1": 1, "off": 0} {
		var got Throttle
		if err := got.Set(text); err != nil || got != want || got.String() != text {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "on", "NaN", "Inf", "1e9", "1e-9"} {
		if got := Throttle(3); got.Set(text) == nil || got != 3 {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}

func ecsClient(t *testing.T, s *Server, retryer aws.Retryer) *ecs.Client {
	t.Helper()
	c, err := ReadCredentials(s.config.Data)
	if err != nil {
		t.Fatal(err)
	}
	return ecs.New(ecs.Options{
		BaseEndpoint: aws.String(c.Endpoint), Region: c.Region, Retryer: retryer,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
	})
}

// A genuine client takes the refusal for what it is, tries again, and gets through.
func TestTheSDKSlowsDown(t *testing.T) {
	s := open(t, func(c *Config) { c.Throttle = 0.5 }) // 25 in a burst, 10 a second
	run(t, s)
	hasty, refused := ecsClient(t, s, aws.NopRetryer{}), error(nil)
	for range 100 {
		if _, err := hasty.ListClusters(t.Context(), &ecs.ListClustersInput{}); err != nil {
			refused = err
		}
	}
	if retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(refused) != aws.TrueTernary || !strings.Contains(refused.Error(), "ThrottlingException: Rate exceeded") {
		t.Errorf("refused with %v", refused)
	}
	patient := ecsClient(t, s, retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 1000, 20*time.Millisecond, unlimited{}
	}))
	for range 5 {
		if _, err := patient.ListClusters(t.Context(), &ecs.ListClustersInput{}); err != nil {
			t.Error(err)
		}
	}
}

// unlimited lets a client retry as often as it likes.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

func TestNobodyIsLimitedWithoutAThrottle(t *testing.T) {
	s := open(t, func(c *Config) { c.Throttle = 0 })
	run(t, s)
	client := ecsClient(t, s, aws.NopRetryer{})
	for range 600 {
		if _, err := client.ListClusters(t.Context(), &ecs.ListClustersInput{}); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkThrottle(b *testing.B) {
	th := newThrottle(1e6)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			th.wait(account, "ecs", "RunTask")
		}
	})
}
