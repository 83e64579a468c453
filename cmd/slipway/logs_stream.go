package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// stream is a log stream, or several of one group in one order, and how far it has been read. A
// page of it is all that is held at a time.
type stream struct {
	container string // whose it is; "": nobody asked for a container
	group     string // name or ARN
	name      string // "": all streams of the group that have the prefix
	prefix    string
	span      span
	required  bool // and so missing is an error: what a container has not begun yet is empty

	token *string
	last  time.Time // of the last line that was read
}

// logLine is an event of a stream.
type logLine struct {
	time            time.Time
	stream, message string
}

// next reads on. It is done when there is no more for now.
func (s *stream) next(ctx context.Context, c *client) (lines []logLine, done bool, err error) {
	if s.name == "" {
		lines, done, err = s.nextOfAll(ctx, c)
	} else {
		lines, done, err = s.nextOfOne(ctx, c)
	}
	if isAPIError(err, "ResourceNotFoundException") && !s.required {
		return nil, true, nil
	}
	if len(lines) > 0 {
		s.last = lines[len(lines)-1].time
	}
	return lines, done, err
}

func (s *stream) nextOfOne(ctx context.Context, c *client) (lines []logLine, done bool, err error) {
	in := &cloudwatchlogs.GetLogEventsInput{
		LogStreamName: &s.name, StartTime: s.span.since.millis(), EndTime: s.span.until.millis(),
		NextToken: s.token, StartFromHead: aws.Bool(true),
	}
	in.LogGroupName, in.LogGroupIdentifier = s.identify()
	page, err := c.logs.GetLogEvents(ctx, in)
	if err != nil {
		return nil, false, err
	}
	for _, e := range page.Events {
		lines = append(lines, logLine{time.UnixMilli(aws.ToInt64(e.Timestamp)), s.name, aws.ToString(e.Message)})
	}
	s.token = page.NextForwardToken
	return lines, len(lines) == 0, nil
}

func (s *stream) nextOfAll(ctx context.Context, c *client) (lines []logLine, done bool, err error) {
	in := &cloudwatchlogs.FilterLogEventsInput{StartTime: s.span.since.millis(), EndTime: s.span.until.millis(), NextToken: s.token}
	in.LogGroupName, in.LogGroupIdentifier = s.identify()
	if s.prefix != "" {
		in.LogStreamNamePrefix = &s.prefix
	}
	if in.EndTime != nil {
		*in.EndTime-- // here events of that time are meant as well
	}
	page, err := c.logs.FilterLogEvents(ctx, in)
	if err != nil {
		return nil, false, err
	}
	for _, e := range page.Events {
		lines = append(lines, logLine{time.UnixMilli(aws.ToInt64(e.Timestamp)), aws.ToString(e.LogStreamName), aws.ToString(e.Message)})
	}
	s.token = page.NextToken
	return lines, s.token == nil, nil
}

// identify is how the API wants the group to be named: another account's by its ARN.
func (s *stream) identify() (name, identifier *string) {
	if strings.HasPrefix(s.group, "arn:") {
		return nil, &s.group
	}
	return &s.group, nil
}

var errMoment = errors.New("want a time, as 2026-03-01T08:00:00Z, or how long ago, as 90s, 15m, 24h or 7d")

// span is the time from which and before which lines are asked for.
type span struct{ since, until moment }

// moment is a time that may be given as how long ago it was; zero if it was not given.
type moment struct{ time.Time }

func (m *moment) Type() string { return "time" }

func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.Format(time.RFC3339Nano)
}

func (m *moment) Set(text string) (err error) {
	if m.Time, err = time.Parse(time.RFC3339, text); err == nil {
		return nil
	}
	var ago sinceFlag
	if err := ago.Set(text); err != nil {
		return errMoment
	}
	m.Time = time.Now().Add(-ago.Duration)
	return nil
}

// millis is the moment as the API has it: milliseconds since 1970.
func (m *moment) millis() *int64 {
	if m.IsZero() {
		return nil
	}
	return aws.Int64(m.UnixMilli())
}
