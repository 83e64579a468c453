package lifecycle

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func daysAgo(n int) time.Time { return now.Add(-time.Duration(n) * 24 * time.Hour) }

func parse(t testing.TB, rules ...string) *Policy {
	t.Helper()
	p, err := Parse(`{"rules": [` + strings.Join(rules, ",") + `]}`)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// short is a rule in short: priority, selection and action.
func short(priority int, selection, action string) string {
	return fmt.Sprintf(`{"rulePriority": %d, "selection": {%s}, "action": {%s}}`, priority, selection, action)
}

const expire = `"type": "expire"`

func image(digest string, pushedDaysAgo int, tags ...string) Image {
	return Image{Digest: digest, Tags: tags, Pushed: daysAgo(pushedDaysAgo)}
}

func got(marks []Mark) string {
	var all []string
	for _, m := range marks {
		all = append(all, fmt.Sprintf("%s by %d", m.Image.Digest, m.Rule))
	}
	return strings.Join(all, ", ")
}

// The stories are those of the ECR User Guide, "Examples of lifecycle policies", and what follows
// from "Lifecycle policy evaluation rules".
func TestWhatGoes(t *testing.T) {
	archived := func(i Image, days int) Image { i.Archived = daysAgo(days); return i }
	pulled := func(i Image, days int) Image { i.Pulled = daysAgo(days); return i }
	for _, story := range []struct {
		name   string
		rules  []string
		images []Image
		want   string
	}{
		{"untagged after 14 days",
			[]string{short(1, `"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14`, expire)},
			[]Image{image("a", 14), image("b", 13), image("c", 99, "latest")}, "a by 1"},
		{"one untagged is kept",
			[]string{short(1, `"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1`, expire)},
			[]Image{image("a", 3), image("b", 2), image("c", 1)}, "a by 1, b by 1"},
		{"multiple rules: prod keeps one, and what has prod is not beta's",
			[]string{
				short(1, `"tagStatus": "tagged", "tagPrefixList": ["prod"], "countType": "imageCountMoreThan", "countNumber": 1`, expire),
				short(2, `"tagStatus": "tagged", "tagPrefixList": ["beta"], "countType": "imageCountMoreThan", "countNumber": 1`, expire)},
			[]Image{image("A", 3, "beta-1", "prod-1"), image("B", 2, "beta-2", "prod-2"), image("C", 1, "beta-3")}, "A by 1"},
		{"multiple rules, the other way around",
			[]string{
				short(1, `"tagStatus": "tagged", "tagPrefixList": ["beta"], "countType": "imageCountMoreThan", "countNumber": 1`, expire),
				short(2, `"tagStatus": "tagged", "tagPrefixList": ["prod"], "countType": "imageCountMoreThan", "countNumber": 1`, expire)},
			[]Image{image("A", 3, "beta-1", "prod-1"), image("B", 2, "beta-2", "prod-2"), image("C", 1, "beta-3")}, "A by 1, B by 1"},
		{"all tags of a list",
			[]string{short(1, `"tagStatus": "tagged", "tagPrefixList": ["alpha", "beta"], "countType": "sinceImagePushed", "countNumber": 5, "countUnit": "days"`, expire)},
			[]Image{image("A", 12, "alpha-1"), image("B", 11, "beta-1"), image("C", 10, "alpha-2", "beta-2"), image("D", 4, "alpha-3", "beta-3")}, "C by 1"},
		{"any comes last",
			[]string{
				short(9, `"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 2`, expire),
				short(1, `"tagStatus": "tagged", "tagPatternList": ["v*.0"], "countType": "sinceImagePushed", "countNumber": 100, "countUnit": "days"`, expire)},
			[]Image{image("a", 9, "v1.0"), image("b", 8), image("c", 7, "dev"), image("d", 6), image("e", 5)}, "b by 9, c by 9"},
		{"patterns",
			[]string{short(1, `"tagStatus": "tagged", "tagPatternList": ["*test*ed*"], "countType": "imageCountMoreThan", "countNumber": 1`, expire)},
			[]Image{image("a", 4, "test-ed"), image("b", 3, "is-tested-now"), image("c", 2, "edtest"), image("d", 1, "tested")}, "a by 1, b by 1"},
		{"a pattern without a star is the whole tag",
			[]string{short(1, `"tagStatus": "tagged", "tagPatternList": ["prod"], "countType": "sinceImagePushed", "countNumber": 1, "countUnit": "days"`, expire)},
			[]Image{image("a", 4, "prod"), image("b", 4, "prod1"), image("c", 4, "xprod")}, "a by 1"},
		{"what is pulled stays, and what never was is as old as its push",
			[]string{short(1, `"tagStatus": "any", "countType": "sinceImagePulled", "countNumber": 30, "countUnit": "days"`, expire)},
			[]Image{pulled(image("a", 99), 29), pulled(image("b", 99), 30), image("c", 40), image("d", 20)}, "b by 1, c by 1"},
		{"to the archive, and away from there",
			[]string{
				short(1, `"tagStatus": "any", "countType": "sinceImagePulled", "countNumber": 30, "countUnit": "days"`, `"type": "transition", "targetStorageClass": "archive"`),
				short(2, `"tagStatus": "any", "storageClass": "archive", "countType": "sinceImageTransitioned", "countNumber": 90, "countUnit": "days"`, expire)},
			[]Image{image("a", 40), archived(image("b", 400), 91), archived(image("c", 400), 89)}, "a by 1, b by 2"},
		{"images of one moment go in the order of their digests",
			[]string{short(1, `"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1`, expire)},
			[]Image{image("c", 1), image("a", 1), image("b", 1)}, "b by 1, c by 1"},
		{"nothing there", []string{short(1, `"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1`, expire)}, nil, ""},
	} {
		if marks := got(parse(t, story.rules...).Apply(story.images, now)); marks != story.want {
			t.Errorf("%s: %q goes, want %q", story.name, marks, story.want)
		}
	}
}

func TestPoliciesThatAreRefused(t *testing.T) {
	good := `"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1`
	for text, why := range map[string]string{
		``:                         "line 1",
		`{`:                        "line 1",
		`{"rules": []}`:            "0 rules",
		`{"rules": [{}]}`:          "rules[0]: rulePriority",
		`{"rules": [], "more": 1}`: `unknown field "more"`,
		`{"rules": [` + short(0, good, expire) + `]}`:                                                                                                "rulePriority must be",
		`{"rules": [` + short(1, good, expire) + `]} {}`:                                                                                             "something follows",
		`{"rules": [` + short(1, good, `"type": "keep"`) + `]}`:                                                                                      `action type is "keep"`,
		`{"rules": [` + short(1, good, `"type": "transition"`) + `]}`:                                                                                "targetStorageClass",
		`{"rules": [{"rulePriority": 1, "action": {"type": "expire"}}]}`:                                                                             "selection is missing",
		`{"rules": [{"rulePriority": 1, "selection": {` + good + `}}]}`:                                                                              "action is missing",
		`{"rules": [` + short(1, good, expire) + `,` + short(1, good, expire) + `]}`:                                                                 "rulePriority 1",
		`{"rules": [` + short(1, good, expire) + `,` + short(2, good, expire) + `]}`:                                                                 "must come last",
		`{"rules": [` + short(1, `"tagStatus": "some"`, expire) + `]}`:                                                                               `tagStatus is "some"`,
		`{"rules": [` + short(1, `"tagStatus": "tagged"`, expire) + `]}`:                                                                             "needs a tagPrefixList",
		`{"rules": [` + short(1, `"tagStatus": "any", "tagPrefixList": ["a"]`, expire) + `]}`:                                                        "not for any",
		`{"rules": [` + short(1, `"tagStatus": "tagged", "tagPrefixList": ["a"], "tagPatternList": ["b"]`, expire) + `]}`:                            "exclude each other",
		`{"rules": [` + short(1, `"tagStatus": "tagged", "tagPatternList": ["*a*b*c*d*"]`, expire) + `]}`:                                            "at most 4",
		`{"rules": [` + short(1, `"tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 1`, expire) + `]}`:                             "want days",
		`{"rules": [` + short(1, `"tagStatus": "any", "countType": "imageCountMoreThan", "countUnit": "days", "countNumber": 1`, expire) + `]}`:      "countUnit is not for",
		`{"rules": [` + short(1, `"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 0`, expire) + `]}`:                           "countNumber",
		`{"rules": [` + short(1, `"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 99999999`, expire) + `]}`: "at most 36500",
		`{"rules": [` + short(1, `"tagStatus": "any", "countType": "never", "countNumber": 1`, expire) + `]}`:                                        `countType is "never"`,
		`{"rules": [` + short(1, good+`, "storageClass": "cold"`, expire) + `]}`:                                                                     `storageClass is "cold"`,
		strings.Repeat(" ", MaxSize+1): "30721 characters",
	} {
		_, err := Parse(text)
		if !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), why) {
			t.Errorf("%.200s\n\t%v, want one that says %q", text, err, why)
		}
	}
}

// Whatever the images are: each is marked once at most, by the first rule that has its tags, and of
// those that a count rule is about at least as many stay as it says.
func TestEnoughStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keepProd, keepAny := rapid.IntRange(1, 4).Draw(t, "prod"), rapid.IntRange(1, 4).Draw(t, "any")
		p, err := Parse(fmt.Sprintf(`{"rules": [%s, %s]}`,
			short(1, fmt.Sprintf(`"tagStatus": "tagged", "tagPrefixList": ["prod"], "countType": "imageCountMoreThan", "countNumber": %d`, keepProd), expire),
			short(2, fmt.Sprintf(`"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": %d`, keepAny), expire)))
		if err != nil {
			t.Fatal(err)
		}
		var images []Image
		prod := 0
		for i := range rapid.IntRange(0, 12).Draw(t, "images") {
			tags := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"prod", "prod-1", "dev"}), rapid.ID).Draw(t, "tags")
			images = append(images, image(fmt.Sprint(i), rapid.IntRange(0, 5).Draw(t, "age"), tags...))
			if strings.Contains(strings.Join(tags, " "), "prod") {
				prod++
			}
		}
		all := prod
		seen, byAny := map[string]bool{}, 0
		for _, m := range p.Apply(images, now) {
			if seen[m.Image.Digest] {
				t.Fatalf("%s is marked twice", m.Image.Digest)
			}
			seen[m.Image.Digest] = true
			isProd := strings.Contains(strings.Join(m.Image.Tags, " "), "prod")
			switch {
			case isProd && m.Rule == 2:
				t.Fatalf("%s, which is prod, is marked by the rule for the rest", m.Image.Digest)
			case isProd:
				prod--
			default:
				byAny++
			}
		}
		if prod < min(keepProd, all) {
			t.Fatalf("%d of %d prod images stay", prod, all)
		}
		if byAny > max(0, len(images)-keepAny) {
			t.Fatalf("%d of %d images go by a rule that keeps %d", byAny, len(images), keepAny)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(`{"rules": [` + short(1, `"tagStatus": "tagged", "tagPatternList": ["a*b"], "countType": "imageCountMoreThan", "countNumber": 1`, expire) + `]}`)
	f.Add(`{"rules": [{"rulePriority": 1, "selection": null, "action": {}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err == nil {
			p.Apply([]Image{image("a", 1, "ab"), image("b", 2)}, now)
		} else if !errors.Is(err, ErrPolicy) {
			t.Fatal(err)
		}
	})
}
