package lifecycle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"slipway/internal/errs"
)

// ErrPolicy says that a text is no lifecycle policy, and why.
var ErrPolicy = errs.New(errs.Invalid, "invalid lifecycle policy")

// Bounds of a policy.
const (
	MaxSize  = 30_720 // characters
	maxRules = 50
	maxStars = 4
)

// Policy is a lifecycle policy, checked. Its rules are in the order of their priority.
type Policy struct{ rules []rule }

type rule struct {
	priority int
	status   status
	patterns []pattern
	archived bool // about images in the archive
	count    count
	number   int
	age      time.Duration
	action   Action
}

type status string

const (
	tagged   status = "tagged"
	untagged status = "untagged"
	anyTags  status = "any"
)

type count string

const (
	moreThan      count = "imageCountMoreThan"
	sincePushed   count = "sinceImagePushed"
	sincePulled   count = "sinceImagePulled"
	sinceArchived count = "sinceImageTransitioned"
)

type document struct {
	Rules []documentRule `json:"rules"`
}

type documentRule struct {
	RulePriority *int   `json:"rulePriority"`
	Description  string `json:"description"`
	Selection    *struct {
		TagStatus      status   `json:"tagStatus"`
		TagPrefixList  []string `json:"tagPrefixList"`
		TagPatternList []string `json:"tagPatternList"`
		StorageClass   string   `json:"storageClass"`
		CountType      count    `json:"countType"`
		CountUnit      string   `json:"countUnit"`
		CountNumber    *int     `json:"countNumber"`
	} `json:"selection"`
	Action *struct {
		Type               string `json:"type"`
		TargetStorageClass string `json:"targetStorageClass"`
	} `json:"action"`
}

// Parse reads a policy, or returns an ErrPolicy that says where and what is wrong.
func Parse(text string) (*Policy, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%w: it has %d characters, at most %d are allowed", ErrPolicy, len(text), MaxSize)
	}
	var d document
	in := json.NewDecoder(strings.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&d); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrPolicy, wording(err, text, in.InputOffset()))
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows the document", ErrPolicy)
	}
	return d.check()
}

func wording(err error, text string, at int64) string {
	line := 1 + bytes.Count([]byte(text[:at]), []byte{'\n'})
	return fmt.Sprintf("line %d: %s", line, strings.TrimPrefix(err.Error(), "json: "))
}

func (d *document) check() (*Policy, error) {
	if len(d.Rules) == 0 || len(d.Rules) > maxRules {
		return nil, fmt.Errorf("%w: it has %d rules, want 1 to %d", ErrPolicy, len(d.Rules), maxRules)
	}
	p := &Policy{}
	for i := range d.Rules {
		r, err := d.Rules[i].check()
		if err != nil {
			return nil, fmt.Errorf("%w: rules[%d]: %w", ErrPolicy, i, err)
		}
		p.rules = append(p.rules, r)
	}
	slices.SortFunc(p.rules, func(a, b rule) int { return a.priority - b.priority })
	return p, p.checkOrder()
}

// checkOrder wants priorities that tell rules apart, and rules for any tags after all others of their storage.
func (p *Policy) checkOrder() error {
	last := map[bool]int{}
	for i, r := range p.rules {
		if i > 0 && p.rules[i-1].priority == r.priority {
			return fmt.Errorf("%w: two rules have the rulePriority %d", ErrPolicy, r.priority)
		}
		if before, ok := last[r.archived]; ok {
			return fmt.Errorf("%w: the rule with tagStatus any must come last, and rulePriority %d is before %d", ErrPolicy, before, r.priority)
		}
		if r.status == anyTags {
			last[r.archived] = r.priority
		}
	}
	return nil
}

func (d *documentRule) check() (r rule, err error) {
	switch {
	case d.RulePriority == nil || *d.RulePriority < 1:
		return r, fmt.Errorf("rulePriority must be a number from 1 on")
	case d.Selection == nil:
		return r, fmt.Errorf("selection is missing")
	case d.Action == nil:
		return r, fmt.Errorf("action is missing")
	}
	r.priority = *d.RulePriority
	for _, check := range []func(*rule) error{d.checkTags, d.checkStorage, d.checkCount, d.checkAction} {
		if err := check(&r); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (d *documentRule) checkTags(r *rule) error {
	s := d.Selection
	lists := len(s.TagPrefixList) + len(s.TagPatternList)
	switch r.status = s.TagStatus; {
	case s.TagStatus != tagged && s.TagStatus != untagged && s.TagStatus != anyTags:
		return fmt.Errorf("tagStatus is %q, want tagged, untagged or any", s.TagStatus)
	case s.TagStatus != tagged && lists > 0:
		return fmt.Errorf("tagPrefixList and tagPatternList are for tagStatus tagged, not for %s", s.TagStatus)
	case s.TagStatus == tagged && lists == 0:
		return fmt.Errorf("tagStatus tagged needs a tagPrefixList or a tagPatternList")
	case len(s.TagPrefixList) > 0 && len(s.TagPatternList) > 0:
		return fmt.Errorf("tagPrefixList and tagPatternList exclude each other")
	}
	for _, prefix := range s.TagPrefixList {
		if prefix == "" || strings.Contains(prefix, "*") {
			return fmt.Errorf("tagPrefixList has %q, want the beginning of a tag", prefix)
		}
		r.patterns = append(r.patterns, pattern{prefix, ""})
	}
	for _, text := range s.TagPatternList {
		if text == "" || strings.Count(text, "*") > maxStars {
			return fmt.Errorf("tagPatternList has %q, want a tag with at most %d *", text, maxStars)
		}
		r.patterns = append(r.patterns, strings.Split(text, "*"))
	}
	return nil
}

func (d *documentRule) checkStorage(r *rule) error {
	switch d.Selection.StorageClass {
	case "", "standard":
		r.archived = d.Selection.CountType == sinceArchived
	case "archive":
		r.archived = true
	default:
		return fmt.Errorf("storageClass is %q, want standard or archive", d.Selection.StorageClass)
	}
	if d.Selection.CountType == sinceArchived && d.Selection.StorageClass != "archive" {
		return fmt.Errorf("%s is for storageClass archive", sinceArchived)
	}
	return nil
}

func (d *documentRule) checkCount(r *rule) error {
	s := d.Selection
	if s.CountNumber == nil || *s.CountNumber < 1 {
		return fmt.Errorf("countNumber must be a number from 1 on")
	}
	r.count, r.number = s.CountType, *s.CountNumber
	switch s.CountType {
	case moreThan:
		if s.CountUnit != "" {
			return fmt.Errorf("countUnit is not for %s", moreThan)
		}
	case sincePushed, sincePulled, sinceArchived:
		if s.CountUnit != "days" {
			return fmt.Errorf("countUnit is %q, want days", s.CountUnit)
		}
		if r.number > maxDays {
			return fmt.Errorf("countNumber is %d, want at most %d days", r.number, maxDays)
		}
		r.age = time.Duration(r.number) * 24 * time.Hour
	default:
		return fmt.Errorf("countType is %q, want %s, %s, %s or %s", s.CountType, moreThan, sincePushed, sincePulled, sinceArchived)
	}
	return nil
}

// maxDays keeps an age within what a Duration can hold.
const maxDays = 36_500

func (d *documentRule) checkAction(r *rule) error {
	switch d.Action.Type {
	case "expire":
		r.action = Expire
		if d.Action.TargetStorageClass != "" {
			return fmt.Errorf("targetStorageClass is not for expire")
		}
	case "transition":
		r.action = Archive
		if d.Action.TargetStorageClass != "archive" {
			return fmt.Errorf("targetStorageClass is %q, want archive", d.Action.TargetStorageClass)
		}
		if r.archived {
			return fmt.Errorf("what is in the archive cannot be moved there")
		}
	default:
		return fmt.Errorf("action type is %q, want expire or transition", d.Action.Type)
	}
	return nil
}
