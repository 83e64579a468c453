package accounts

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"slipway/accounts/policy"
)

// awsFiles are the policies that AWS gives to every account, a file each. Their documents are
// those of the AWS Managed Policy Reference, as far as Slipway has the services they speak of.
//
//go:embed awsmanaged/*.json
var awsFiles embed.FS

// awsPolicy is a policy of AWS's own: the same in every account, and nobody can change it.
type awsPolicy struct {
	Entity
	version PolicyVersion
	doc     *policy.Document
}

func (p *awsPolicy) attached() policy.Attached {
	return policy.Attached{Document: p.doc, Name: p.Name, Type: policy.SourceAWSManaged}
}

// awsPolicies are all of them, by ARN.
var awsPolicies = sync.OnceValue(func() map[string]*awsPolicy {
	all, err := readAWSPolicies(awsFiles)
	if err != nil {
		panic(err) // a file of this program is broken, which its tests find
	}
	return all
})

// readAWSPolicies reads every file there is.
func readAWSPolicies(files fs.FS) (map[string]*awsPolicy, error) {
	names, err := fs.Glob(files, "awsmanaged/*.json")
	if err != nil {
		return nil, err
	}
	all := make(map[string]*awsPolicy, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		p, err := parseAWSPolicy(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
		all[p.ARN()] = p
	}
	return all, nil
}

// awsFile is how a file is written.
type awsFile struct {
	Name        string
	ID          string // where it is known
	Path        string
	Description string
	Version     string // "v3": how often AWS has changed it
	Created     time.Time
	Updated     time.Time
	Document    json.RawMessage
}

func parseAWSPolicy(text []byte) (*awsPolicy, error) {
	var f awsFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(strings.TrimPrefix(f.Version, "v"))
	if err != nil {
		return nil, err
	}
	document, err := layOut(f.Document)
	if err != nil {
		return nil, err
	}
	doc, err := policy.Parse(document, policy.Identity)
	if err != nil {
		return nil, err
	}
	e := Entity{
		ID: f.ID, Account: awsOwner, Kind: KindPolicy, Name: f.Name, Path: f.Path, Description: f.Description,
		Created: f.Created, Updated: f.Updated,
	}
	if e.ID == "" {
		e.ID = awsPolicyID(e.ARN())
	}
	return &awsPolicy{e, PolicyVersion{Number: number, Document: document, Default: true, Created: f.Updated}, doc}, nil
}

// awsPolicyID makes the id of a policy whose id at AWS is not known. It stays what it is.
func awsPolicyID(arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return "ANPA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// layOut writes a document as AWS shows it, wherever it stands in its file.
func layOut(document []byte) (string, error) {
	var b bytes.Buffer
	err := json.Indent(&b, document, "", "  ")
	return b.String(), err
}
