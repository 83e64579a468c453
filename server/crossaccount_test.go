package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	randomly "github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway/blob"
)

// neighbours are two accounts of one server: ours has the repository and the log group "shared".
type neighbours struct {
	*matrixWorld
	ours, theirs aws.Config // roots
	them         string     // the other account
}

func newNeighbours(t *testing.T) *neighbours {
	w := newMatrixWorld(t, "")
	n := &neighbours{w, w.config(w.roots[0].ID, w.roots[0].Secret, ""), w.config(w.roots[1].ID, w.roots[1].Secret, ""), w.accounts[1]}
	_, err := ecr.NewFromConfig(n.ours).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("shared")})
	must(t, err)
	return n
}

// letIn gives the repository a policy that allows an account actions, or none.
func (n *neighbours) letIn(actions ...string) {
	n.t.Helper()
	client, shared := ecr.NewFromConfig(n.ours), aws.String("shared")
	if len(actions) == 0 {
		_, err := client.DeleteRepositoryPolicy(n.t.Context(), &ecr.DeleteRepositoryPolicyInput{RepositoryName: shared})
		n.must(err)
		return
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + n.them + `:root"},"Action":["` + strings.Join(actions, `","`) + `"]}]}`
	_, err := client.SetRepositoryPolicy(n.t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: shared, PolicyText: &policy})
	n.must(err)
}

// registryOf is an account's registry as clients name it, and how they reach it and log in to it.
func (n *neighbours) registryOf(account string, as aws.Config) (image string, options []remote.Option) {
	n.t.Helper()
	login, err := ecr.NewFromConfig(as).GetAuthorizationToken(n.t.Context(), &ecr.GetAuthorizationTokenInput{})
	n.must(err)
	plain, err := base64.StdEncoding.DecodeString(*login.AuthorizationData[0].AuthorizationToken)
	n.must(err)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) { // what DNS does elsewhere
		return new(net.Dialer).DialContext(ctx, network, n.server.config.Advertise)
	}
	basic := &authn.Basic{Username: "AWS", Password: strings.TrimPrefix(string(plain), "AWS:")}
	return account + ".dkr.ecr.us-east-1.slipway.test/shared:v1", []remote.Option{
		remote.WithContext(n.t.Context()), remote.WithAuth(basic), remote.WithTransport(&http.Transport{DialContext: dial}),
	}
}

func (n *neighbours) pull(as aws.Config) error {
	n.t.Helper()
	text, options := n.registryOf(n.accounts[0], as)
	image, err := name.ParseReference(text, name.Insecure)
	n.must(err)
	got, err := remote.Image(image, options...)
	if err != nil {
		return err
	}
	layers, err := got.Layers()
	n.must(err)
	r, err := layers[0].Compressed()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

func (n *neighbours) push(as aws.Config) error {
	n.t.Helper()
	text, options := n.registryOf(n.accounts[0], as)
	image, err := name.ParseReference(text, name.Insecure)
	n.must(err)
	made, err := randomly.Image(1024, 1)
	n.must(err)
	return remote.Write(image, made, options...)
}

func denied(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "DENIED") && !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("answered %v, want a denial", err)
	}
}

// A repository's policy lets another account pull, and no more, for as long as it says so; and in that
// account, who has a policy of their own that allows it.
func TestPullingFromAnotherAccount(t *testing.T) {
	n := newNeighbours(t)
	must(t, n.push(n.ours))
	admin, nobody := n.user(1, "admin", allowAll), n.user(1, "nobody", strings.Replace(allowAll, `"Action":"*"`, `"Action":"ecr:GetAuthorizationToken"`, 1))

	denied(t, n.pull(admin))
	n.letIn("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability")
	must(t, n.pull(admin))
	must(t, n.pull(n.theirs))
	denied(t, n.pull(nobody))
	denied(t, n.push(admin))
	n.letIn()
	denied(t, n.pull(admin))
	must(t, n.pull(n.ours))
}

// The same by ECR's own calls, whose links lead to the right registry.
func TestAnotherAccountsImagesByTheAPI(t *testing.T) {
	n := newNeighbours(t)
	must(t, n.push(n.ours))
	ctx, theirs, registryID, shared := t.Context(), ecr.NewFromConfig(n.user(1, "admin", allowAll)), &n.accounts[0], aws.String("shared")
	digest := n.layer("layer")

	link := func() (string, error) {
		out, err := theirs.GetDownloadUrlForLayer(ctx, &ecr.GetDownloadUrlForLayerInput{RegistryId: registryID, RepositoryName: shared, LayerDigest: &digest})
		if err != nil {
			return "", err
		}
		return *out.DownloadUrl, nil
	}
	_, err := link()
	denied(t, err)
	n.letIn("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
	url, err := link()
	must(t, err)
	if status, body := fetch(t, url); status != 200 || body != "layer" {
		t.Errorf("the link leads to %d %s", status, body)
	}
	found, err := theirs.BatchGetImage(ctx, &ecr.BatchGetImageInput{RegistryId: registryID, RepositoryName: shared, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}}})
	must(t, err)
	if len(found.Images) != 1 || *found.Images[0].RegistryId != n.accounts[0] {
		t.Errorf("got %+v", found)
	}
	_, err = theirs.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RegistryId: registryID, RepositoryName: shared, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}}})
	denied(t, err)
	n.letIn()
	if status, _ := fetch(t, url); status != 403 { // what was allowed is asked again
		t.Errorf("the link of who is not allowed any more leads to %d", status)
	}
}

// layer pushes a blob to our repository, and returns its digest.
func (n *neighbours) layer(text string) string {
	n.t.Helper()
	client, shared := ecr.NewFromConfig(n.ours), aws.String("shared")
	begun, err := client.InitiateLayerUpload(n.t.Context(), &ecr.InitiateLayerUploadInput{RepositoryName: shared})
	n.must(err)
	_, err = client.UploadLayerPart(n.t.Context(), &ecr.UploadLayerPartInput{
		RepositoryName: shared, UploadId: begun.UploadId, PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(int64(len(text)) - 1), LayerPartBlob: []byte(text),
	})
	n.must(err)
	digest := string(blob.DigestOf([]byte(text)))
	_, err = client.CompleteLayerUpload(n.t.Context(), &ecr.CompleteLayerUploadInput{RepositoryName: shared, UploadId: begun.UploadId, LayerDigests: []string{digest}})
	n.must(err)
	return digest
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	must(t, err)
	defer res.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(res.Body)
	must(t, err)
	return res.StatusCode, body.String()
}

// What a policy of an account says of its log groups holds for other accounts.
func TestAnotherAccountsLogs(t *testing.T) {
	n := newNeighbours(t)
	group := aws.String("arn:aws:logs:us-east-1:" + n.accounts[0] + ":log-group:matrix-here")
	theirs := cloudwatchlogs.NewFromConfig(n.user(1, "admin", allowAll))
	read := func() error {
		_, err := theirs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupIdentifier: group})
		return err
	}
	denied(t, read())
	ours := cloudwatchlogs.NewFromConfig(n.ours)
	_, err := ours.PutResourcePolicy(t.Context(), &cloudwatchlogs.PutResourcePolicyInput{PolicyName: aws.String("read"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + n.them + `"},"Action":"logs:FilterLogEvents","Resource":"` + *group + `:*"}]}`)})
	must(t, err)
	denied(t, read()) // the policy called "deny" still does
	_, err = ours.DeleteResourcePolicy(t.Context(), &cloudwatchlogs.DeleteResourcePolicyInput{PolicyName: aws.String("deny")})
	must(t, err)
	must(t, read())
}
