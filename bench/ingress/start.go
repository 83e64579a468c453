package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"slipway/server"
)

func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func at(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func median(list []result) result {
	slices.SortFunc(list, func(a, b result) int { return int(a.rate - b.rate) })
	return list[len(list)/2]
}

// common is the head of both configurations.
const common = `
daemon off; pid DIR/pid; error_log DIR/error.log crit; worker_processes auto;
events { worker_connections 4096; }
http {
	access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; client_body_temp_path DIR/body; proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi; uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
`

// asTarget sends files, asPeer is a reverse proxy that keeps its connections to the target.
const (
	asTarget = common + `
	server { listen 127.0.0.1:TARGET; root DIR/files; }
}
`
	asPeer = common + `
	upstream target { server 127.0.0.1:TARGET; keepalive 256; keepalive_requests 100000000; }
	server {
		listen 127.0.0.1:PEER;
		location / {
			proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection "";
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Port $server_port;
		}
	}
}
`
)

// makeFiles makes what the target sends.
func makeFiles(dir string) error {
	files := filepath.Join(dir, "files")
	if err := os.MkdirAll(files, 0o755); err != nil {
		return err
	}
	for name, size := range map[string]int{"1KiB": 1 << 10, "1MiB": 1 << 20} {
		if err := os.WriteFile(filepath.Join(files, name), make([]byte, size), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// startNginx starts an nginx that is to answer on a port, and returns its process.
func startNginx(dir, configuration string, target, peer, port int) (pid int, stop func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, nil, err
	}
	if err := makeFiles(dir); err != nil {
		return 0, nil, err
	}
	text := strings.NewReplacer("DIR", dir, "TARGET", fmt.Sprint(target), "PEER", fmt.Sprint(peer)).Replace(configuration)
	name := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		return 0, nil, err
	}
	cmd := exec.Command("nginx", "-c", name, "-p", dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	stop = func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	}
	if err := answers("http://" + at(port) + "/1KiB"); err != nil {
		stop()
		return 0, nil, err
	}
	return cmd.Process.Pid, stop, nil
}

// answers waits until an address answers 200.
func answers(url string) error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(url)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("%s", res.Status)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not answer: %w", url, err)
		}
	}
}

// startSlipway starts a control plane with a load balancer in front of the target.
func startSlipway(ctx context.Context, data string, port, target int) (stop func(), err error) {
	s, err := server.Open(ctx, server.Config{Data: data, Listen: "127.0.0.1:0", Admin: "off", Region: "us-east-1"})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = func() {
		cancel()
		<-ended
		s.Close()
	}
	c, err := server.ReadCredentials(data)
	if err != nil {
		return stop, err
	}
	client := elb.New(elb.Options{Region: c.Region, BaseEndpoint: &c.Endpoint, Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, "")})
	if err := balance(ctx, client, int32(port), int32(target)); err != nil {
		return stop, err
	}
	return stop, answers("http://" + at(port) + "/1KiB")
}

func balance(ctx context.Context, c *elb.Client, port, target int32) error {
	lb, err := c.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("bench")})
	if err != nil {
		return err
	}
	g, err := c.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("bench"), Protocol: types.ProtocolEnumHttp, Port: &target, TargetType: types.TargetTypeEnumIp, HealthCheckPath: aws.String("/1KiB")})
	if err != nil {
		return err
	}
	group := g.TargetGroups[0].TargetGroupArn
	if _, err := c.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: group, Targets: []types.TargetDescription{{Id: aws.String("127.0.0.1")}}}); err != nil {
		return err
	}
	_, err = c.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Protocol: types.ProtocolEnumHttp, Port: &port,
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: group}},
	})
	return err
}
