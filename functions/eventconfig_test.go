package functions

import (
	"fmt"
	"testing"
	"time"

	"slipway/store"
)

func TestEventConfigs(t *testing.T) {
	onBench(t, func(b *bench) {
		web, sink := b.function("web", 1), b.function("sink", 0)
		live := b.alias(web, "live", "1")
		rulesOf := func(qualifier string, want rules) {
			t.Helper()
			check(t, b.db.View(b.Context(), func(tx *store.Tx) error {
				got, err := b.eventRules(tx, b.ARN(web), qualifier)
				if got != want {
					t.Errorf("rules of %q: %+v, want %+v", qualifier, got, want)
				}
				return err
			}))
		}
		_, err := b.EventConfigOf(b.Context(), web)
		says(t, err, ErrNoSetting, "The function "+b.ARN(web)+":$LATEST doesn't have an EventInvokeConfig")
		rulesOf("", usualRules)
		_, err = b.SetEventConfig(b.Context(), web, false, func(e *EventConfig) { e.Retries = new(0) })
		says(t, err, ErrNoSetting, "doesn't have an EventInvokeConfig")
		_, err = b.SetEventConfig(b.Context(), web, true, func(e *EventConfig) { e.Retries, e.OnFailure = new(0), b.ARN(sink) })
		check(t, err)
		_, err = b.SetEventConfig(b.Context(), web, false, func(e *EventConfig) { e.MaxAge = new(90) })
		check(t, err)
		rulesOf("", rules{Retries: 0, MaxAge: 90 * time.Second, OnFailure: b.ARN(sink)})
		rulesOf(Latest, rules{Retries: 0, MaxAge: 90 * time.Second, OnFailure: b.ARN(sink)})
		rulesOf("live", usualRules) // an alias has its own, or the usual ones
		_, err = b.SetEventConfig(b.Context(), live, true, func(e *EventConfig) { e.Retries = new(1) })
		check(t, err)
		rulesOf("live", rules{Retries: 1, MaxAge: usualRules.MaxAge})
		e, err := b.SetEventConfig(b.Context(), web.at(Latest), true, func(e *EventConfig) { e.MaxAge = new(60) })
		if err != nil || e.Retries != nil || e.OnFailure != "" {
			t.Errorf("set anew: %+v, %v", e, err)
		}
		list, err := b.EventConfigs(b.Context(), web)
		if err != nil || len(list) != 2 || list[0].Qualifier != "" || list[1].Qualifier != "live" || *list[0].MaxAge != 60 {
			t.Errorf("listed %+v, %v", list, err)
		}
		check(t, b.DeleteEventConfig(b.Context(), web))
		says(t, b.DeleteEventConfig(b.Context(), web), ErrNoSetting, "doesn't have an EventInvokeConfig")
		check(t, b.DeleteAlias(b.Context(), live))
		rulesOf("live", usualRules)
	})
}

func TestDestinationsThatAreRefused(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 0)
		for to, sentence := range map[string]string{
			"arn:aws:sqs:us-east-1:123456789012:queue":             "The destination arn:aws:sqs:us-east-1:123456789012:queue is not supported by Slipway",
			"arn:aws:sns:us-east-1:123456789012:topic":             "is not supported by Slipway",
			"arn:aws:events:us-east-1:123456789012:event-bus/b":    "is not supported by Slipway",
			"arn:aws:lambda:us-east-1:123456789012:function:gone":  "The destination ARN arn:aws:lambda:us-east-1:123456789012:function:gone is invalid.",
			"arn:aws:lambda:us-east-1:123456789012:function:web:1": "You can't specify the function as a destination for itself.",
			"arn:aws:lambda:us-east-1:999999999999:function:web":   "is invalid.",
			"arn:aws:lambda:eu-west-1:123456789012:function:web":   "is invalid.",
			"kafka://topic": "The destination kafka://topic is not supported by Slipway",
		} {
			for i := range 2 {
				_, err := b.SetEventConfig(b.Context(), web, true, func(e *EventConfig) { *[]*string{&e.OnSuccess, &e.OnFailure}[i] = to })
				says(t, err, ErrInput, sentence)
			}
		}
		_, err := b.SetEventConfig(b.Context(), web.at("3"), true, func(e *EventConfig) { e.Retries = new(1) })
		says(t, err, ErrNoFunction, "The function doesn't exist.")
		_, err = b.EventConfigs(b.Context(), Ref{owner, "gone", ""})
		says(t, err, ErrNoFunction, "The function doesn't exist.")
	})
}

func TestTags(t *testing.T) {
	onBench(t, func(b *bench) {
		web := b.function("web", 1)
		check(t, b.Tag(b.Context(), web, map[string]string{"team": "sea", "tier": "1"}, nil))
		before, err := b.Version(b.Context(), web)
		check(t, err)
		check(t, b.Tag(b.Context(), web, map[string]string{"team": "sky"}, []string{"tier", "none"}))
		after, err := b.Version(b.Context(), web)
		check(t, err)
		if tags, err := b.Tags(b.Context(), web); err != nil || fmt.Sprint(tags) != "map[team:sky]" || before.Revision == after.Revision {
			t.Errorf("%v, %v; revision %s, then %s", tags, err, before.Revision, after.Revision)
		}
		many := map[string]string{}
		for i := range maxTags {
			many[fmt.Sprint("k", i)] = ""
		}
		for sentence, add := range map[string]map[string]string{
			"Number of tags exceeds resource tag limit.":                   many,
			"begins with aws:":                                             {"AWS:x": ""},
			"must have 1 to 128 characters":                                {"": ""},
			"The tag slipway:staleness is wrong: no such staleness policy": {StalenessTag: "sometimes"},
		} {
			says(t, b.Tag(b.Context(), web, add, nil), ErrInput, sentence)
		}
		says(t, b.Tag(b.Context(), web.at("1"), nil, nil), ErrInput, "Tags on function aliases and versions are not supported. Please specify a function ARN.")
		_, err = b.Tags(b.Context(), Ref{owner, "gone", ""})
		says(t, err, ErrNoFunction, "Function not found")
		if tags, err := b.DecidingTags(b.Context(), Ref{owner, "gone", ""}); len(tags) != 0 || err != nil {
			t.Errorf("who decides reads %v, %v", tags, err)
		}
		target, err := b.Resolve(b.Context(), owner, "web", "")
		check(t, err)
		check(t, b.Tag(b.Context(), web, map[string]string{StalenessTag: "strict"}, nil))
		if now, err := b.Resolve(b.Context(), owner, "web", ""); err != nil || now.Stale == target.Stale {
			t.Errorf("calls go by %v, %v", now.Stale, err)
		}
	})
}
