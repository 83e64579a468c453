package ecr_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
)

func TestAccountSettings(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		get := func(name string) (string, error) {
			out, err := k.GetAccountSetting(t.Context(), &awsecr.GetAccountSettingInput{Name: &name})
			if err != nil {
				return "", err
			}
			return *out.Name + " " + *out.Value, nil
		}
		put := func(name, value string) error {
			out, err := k.PutAccountSetting(t.Context(), &awsecr.PutAccountSettingInput{Name: &name, Value: &value})
			if err == nil && (*out.Name != name || *out.Value != value) {
				t.Errorf("put %s %s", *out.Name, *out.Value)
			}
			return err
		}
		var got []string
		for _, name := range []string{"REGISTRY_POLICY_SCOPE", "BLOB_MOUNTING", "BASIC_SCAN_TYPE_VERSION"} {
			value, err := get(name)
			check(t, err)
			got = append(got, value)
		}
		check(t, put("REGISTRY_POLICY_SCOPE", "V1"))
		value, err := get("REGISTRY_POLICY_SCOPE")
		check(t, err)
		wantSame(t, "settings", append(got, value), []string{"REGISTRY_POLICY_SCOPE V2", "BLOB_MOUNTING ENABLED", "BASIC_SCAN_TYPE_VERSION AWS_NATIVE", "REGISTRY_POLICY_SCOPE V1"})

		_, err = get("OTHER")
		wantFault(t, err, "InvalidParameterException", `Invalid parameter at 'name' failed to satisfy constraint: '"OTHER" is not the name of one'`)
		wantFault(t, put("BASIC_SCAN_TYPE_VERSION", "CLAIR"), "InvalidParameterException",
			`Invalid parameter at 'value' failed to satisfy constraint: 'BASIC_SCAN_TYPE_VERSION cannot be "CLAIR", want AWS_NATIVE'`)
	})
}

func TestPullTimeUpdateExclusions(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		scanner, ann := "arn:aws:iam::"+account+":role/scanner", "arn:aws:iam::"+account+":user/ann"
		for _, principal := range []string{scanner, ann} {
			made, err := k.RegisterPullTimeUpdateExclusion(t.Context(), &awsecr.RegisterPullTimeUpdateExclusionInput{PrincipalArn: &principal})
			check(t, err)
			if *made.PrincipalArn != principal || made.CreatedAt == nil {
				t.Errorf("made %+v", made)
			}
		}
		_, err := k.RegisterPullTimeUpdateExclusion(t.Context(), &awsecr.RegisterPullTimeUpdateExclusionInput{PrincipalArn: &ann})
		wantFault(t, err, "ExclusionAlreadyExistsException", "The pull time update exclusion for the principal '"+ann+"' already exists in the registry with id '123456789012'")

		var listed []string
		in := &awsecr.ListPullTimeUpdateExclusionsInput{MaxResults: aws.Int32(1)}
		for more := true; more; more = in.NextToken != nil {
			page, err := k.ListPullTimeUpdateExclusions(t.Context(), in)
			check(t, err)
			in.NextToken = page.NextToken
			listed = append(listed, page.PullTimeUpdateExclusions...)
		}
		wantSame(t, "listed", listed, []string{scanner, ann})
		gone, err := k.DeregisterPullTimeUpdateExclusion(t.Context(), &awsecr.DeregisterPullTimeUpdateExclusionInput{PrincipalArn: &ann})
		check(t, err)
		if *gone.PrincipalArn != ann {
			t.Errorf("taken away: %s", *gone.PrincipalArn)
		}
		_, err = k.DeregisterPullTimeUpdateExclusion(t.Context(), &awsecr.DeregisterPullTimeUpdateExclusionInput{PrincipalArn: &ann})
		wantFault(t, err, "ExclusionNotFoundException", "The pull time update exclusion for the principal '"+ann+"' does not exist in the registry with id '123456789012'")
	})
}

// The pulls of who is excluded leave no time behind.
func TestTheTimeOfTheLastPull(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "v1", "one")
		pull := func() {
			t.Helper()
			_, err := k.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{RepositoryName: aws.String("web"), ImageIds: ids(tagged("v1"))})
			check(t, err)
		}
		pulled := func() bool {
			t.Helper()
			out, err := k.DescribeImages(t.Context(), &awsecr.DescribeImagesInput{RepositoryName: aws.String("web")})
			check(t, err)
			return out.ImageDetails[0].LastRecordedPullTime != nil
		}
		_, err := k.room.ExcludePuller(t.Context(), account, "arn:aws:iam::"+account+":root")
		check(t, err)
		pull()
		k.once()
		if pulled() {
			t.Error("a pull that does not count was recorded")
		}
		check(t, k.room.IncludePuller(t.Context(), account, "arn:aws:iam::"+account+":root"))
		pull()
		k.once()
		if !pulled() {
			t.Error("a pull was not recorded")
		}
	})
}
