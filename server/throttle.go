package server

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"slipway/api/awswire"
	"slipway/oci"
)

// Throttle is how many times the calls that AWS allows an account an account may make here; 0: as
// many as it likes.
type Throttle float64

// DefaultThrottle is generous: machines of one's own are not shared with the world.
const DefaultThrottle Throttle = 10

// String is what Set reads.
func (t *Throttle) String() string {
	if *t == 0 {
		return "off"
	}
	return strconv.FormatFloat(float64(*t), 'g', -1, 64)
}

// Set reads a factor, or "off".
func (t *Throttle) Set(text string) error {
	if text == "off" {
		*t = 0
		return nil
	}
	factor, err := strconv.ParseFloat(text, 64)
	if err != nil || !(factor >= 0.01 && factor <= 1e6) {
		return fmt.Errorf("want a factor from 0.01 to 1000000, or off")
	}
	*t = Throttle(factor)
	return nil
}

// Type is the kind of value in a help text.
func (*Throttle) Type() string { return "factor" }

// throttle bounds how fast each account may call each group of operations: in a burst, and for as
// long as it likes. What one account does costs another nothing.
type throttle struct {
	limits map[operation]*limit
	others map[string]*limit // by service: of the operations that limits does not have
	rest   *limit

	mu     sync.Mutex
	recent map[bucket]time.Time
	older  map[bucket]time.Time
}

type operation struct{ service, name string }

// limit is a token bucket's size and how fast it is filled. Of a bucket it is enough to know when it
// will be full again: the generic cell rate algorithm.
type limit struct {
	every time.Duration // a token is added so often
	full  time.Duration // so long takes a bucket from empty to full
}

type bucket struct {
	account string
	limit   *limit
}

// maxBuckets bounds what is remembered: twice so many buckets. One that is forgotten counts as full,
// which the least used ones are.
const maxBuckets = 10_000

// newThrottle allows accounts factor times what AWS allows them.
func newThrottle(times Throttle) *throttle {
	factor := float64(times)
	t := &throttle{limits: map[operation]*limit{}, others: map[string]*limit{}}
	of := func(burst, rate float64) *limit {
		every := time.Duration(float64(time.Second) / (rate * factor))
		return &limit{every, time.Duration(max(1, burst*factor) * float64(every))}
	}
	for _, q := range quotas {
		made := of(q.burst, q.rate)
		for name := range strings.FieldsSeq(q.operations) {
			t.limits[operation{q.service, name}] = made
		}
		if q.operations == "" {
			t.others[q.service] = made
		}
	}
	t.rest = of(100, 20)
	return t
}

// call is wait for awswire.
func (t *throttle) call(who awswire.Caller, service, operation string) time.Duration {
	return t.wait(who.Account, service, operation)
}

// action is wait for oci, whose actions are those of policies: "ecr:PutImage".
func (t *throttle) action(who oci.Caller, action string) time.Duration {
	service, operation, _ := strings.Cut(action, ":")
	return t.wait(who.Account, service, operation)
}

// wait says how long an account must wait before an operation; 0: not at all, and then it counts.
func (t *throttle) wait(account, service, name string) time.Duration {
	return t.take(bucket{account, t.limitOf(service, name)}, time.Now())
}

func (t *throttle) limitOf(service, name string) *limit {
	if l, ok := t.limits[operation{service, name}]; ok {
		return l
	}
	if l, ok := t.others[service]; ok {
		return l
	}
	return t.rest
}

// take takes a token out of a bucket, or says when there will be one.
func (t *throttle) take(b bucket, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	full, known := t.recent[b] // when it will be full
	if !known {
		full = t.older[b]
	}
	if full.Before(now) {
		full = now
	}
	full = full.Add(b.limit.every)
	if wait := full.Sub(now) - b.limit.full; wait > 0 {
		return wait
	}
	if t.recent == nil || !known && len(t.recent) == maxBuckets {
		t.recent, t.older = map[bucket]time.Time{}, t.recent
	}
	t.recent[b] = full
	return 0
}

// quotas are AWS's, of operations that share a bucket: calls in a burst, and calls a second.
var quotas = []struct {
	service, operations string
	burst, rate         float64
}{
	// Source: Amazon ECS API Reference, "Request throttling for the Amazon ECS API".
	{"ecs", "CreateCluster DeleteCluster PutClusterCapacityProviders UpdateCluster UpdateClusterSettings", 20, 1},
	{"ecs", "DescribeClusters ListClusters", 50, 20},
	{"ecs", "DeregisterTaskDefinition RegisterTaskDefinition", 20, 1},
	{"ecs", "DescribeTaskDefinition ListTaskDefinitions ListTaskDefinitionFamilies", 50, 20},
	{"ecs", "DeleteTaskDefinitions", 5, 1},
	{"ecs", "CreateCapacityProvider DeleteCapacityProvider UpdateCapacityProvider", 10, 1},
	{"ecs", "DescribeCapacityProviders", 50, 20},
	{"ecs", "TagResource UntagResource", 20, 10},
	{"ecs", "ListTagsForResource", 50, 20},
	{"ecs", "DeleteAccountSetting PutAccountSetting PutAccountSettingDefault", 10, 1},
	{"ecs", "ListAccountSettings", 50, 20},
	{"ecs", "DeleteAttributes DeregisterContainerInstance ExecuteCommand PutAttributes RunTask StartTask StopTask UpdateContainerAgent UpdateContainerInstancesState", 100, 40},
	{"ecs", "DescribeContainerInstances DescribeTasks ListAttributes ListContainerInstances ListTasks", 100, 20},
	{"ecs", "CreateService DeleteService UpdateService", 50, 5},
	{"ecs", "DescribeServices ListServices", 100, 20},
	{"ecs", "DescribeServiceDeployments ListServiceDeployments", 50, 20},
	{"ecs", "DescribeServiceRevisions", 50, 20},
	{"ecs", "GetTaskProtection UpdateTaskProtection", 200, 80},
	{"ecs", "ListServicesByNamespace", 10, 1},

	// Source: Amazon ECR User Guide, "Amazon ECR service quotas". Docker's pushes and pulls count too.
	{"ecr", "BatchCheckLayerAvailability", 1000, 1000},
	{"ecr", "BatchGetImage", 2000, 2000},
	{"ecr", "CompleteLayerUpload", 100, 100},
	{"ecr", "GetAuthorizationToken", 500, 500},
	{"ecr", "GetDownloadUrlForLayer", 3000, 3000},
	{"ecr", "InitiateLayerUpload", 100, 100},
	{"ecr", "PutImage", 10, 10},
	{"ecr", "UploadLayerPart", 500, 500},

	// Source: Amazon CloudWatch Logs User Guide, "CloudWatch Logs quotas".
	{"logs", "CreateLogGroup", 10, 10},
	{"logs", "CreateLogStream", 50, 50},
	{"logs", "DeleteLogGroup", 10, 10},
	{"logs", "DeleteLogStream", 15, 15},
	{"logs", "DescribeLogGroups", 10, 10},
	{"logs", "DescribeLogStreams", 25, 25},
	{"logs", "FilterLogEvents", 25, 25},
	{"logs", "GetLogEvents", 25, 25},
	{"logs", "PutLogEvents", 5000, 5000},
	{"logs", "PutRetentionPolicy", 5, 5},
	{"logs", "DeleteRetentionPolicy", 5, 5},
	{"logs", "ListTagsForResource", 5, 5},
	{"logs", "TagResource", 5, 5},
	{"logs", "UntagResource", 5, 5},
	{"logs", "", 5, 5},

	// Source: S3 User Guide, "Best practices design patterns": at least so many reads a second for each prefix.
	{"s3", "", 5500, 5500},

	// Source: AWS Lambda Developer Guide, "Lambda quotas": ten calls a second for each that may run at a time, and the rates
	// of the control plane.
	{"lambda", "Invoke InvokeAsync InvokeWithResponseStream", 10_000, 10_000},
	{"lambda", "GetFunction", 100, 100},
	{"lambda", "GetPolicy", 15, 15},
	{"lambda", "", 15, 15},

	// Source: AWS Secrets Manager User Guide, "AWS Secrets Manager quotas".
	{"secretsmanager", "DescribeSecret GetSecretValue", 10_000, 10_000},
	{"secretsmanager", "DeleteResourcePolicy GetResourcePolicy PutResourcePolicy ValidateResourcePolicy", 50, 50},
	{"secretsmanager", "PutSecretValue UpdateSecret UpdateSecretVersionStage", 50, 50},
	{"secretsmanager", "TagResource UntagResource", 50, 50},
	{"secretsmanager", "BatchGetSecretValue", 100, 100},
	{"secretsmanager", "CreateSecret", 50, 50},
	{"secretsmanager", "DeleteSecret", 50, 50},
	{"secretsmanager", "GetRandomPassword", 50, 50},
	{"secretsmanager", "ListSecretVersionIds", 50, 50},
	{"secretsmanager", "ListSecrets", 100, 100},
	{"secretsmanager", "RestoreSecret", 50, 50},

	// Source: AWS General Reference, "AWS Systems Manager endpoints and quotas": the standard throughput.
	{"ssm", "GetParameter GetParameters PutParameter", 40, 40},

	// Source: AWS CloudTrail User Guide, "Quotas in AWS CloudTrail".
	{"cloudtrail", "LookupEvents", 2, 2},
	{"cloudtrail", "", 10, 10},

	// Source: IAM User Guide, "IAM and AWS STS quotas".
	{"sts", "", 600, 600},
}
