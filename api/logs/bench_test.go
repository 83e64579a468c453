package logs_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// BenchmarkMillion is a million lines put and downloaded again by the SDK, byte-equal, with every
// request signed and verified.
func BenchmarkMillion(b *testing.B) {
	const million, batch = 1_000_000, 8_000
	client, _ := app(b)
	for run := 0; b.Loop(); run++ {
		stream := fmt.Sprint("c", run)
		_, err := client.CreateLogStream(b.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("/app"), LogStreamName: &stream})
		must(b, err)
		start, in, out := time.Now(), sha256.New(), sha256.New()
		for i := 0; i < million; i += batch {
			events := make([]types.InputLogEvent, batch)
			for j := range events {
				events[j].Timestamp = aws.Int64(start.UnixMilli() + int64(i+j)/1000)
				events[j].Message = aws.String(fmt.Sprintf(`10.0.0.%d - - "GET /items/%d HTTP/1.1" 200 %d "curl/7.88.1" 0.%03d`, i&255, (i+j)*7919, j, j%997))
				fmt.Fprintln(in, *events[j].Timestamp, *events[j].Message)
			}
			_, err := client.PutLogEvents(b.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("/app"), LogStreamName: &stream, LogEvents: events})
			must(b, err)
		}
		put := time.Now()
		var token *string
		for lines := 0; lines < million; {
			page, err := client.GetLogEvents(b.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/app"), LogStreamName: &stream, StartFromHead: aws.Bool(true), NextToken: token})
			must(b, err)
			for _, e := range page.Events {
				fmt.Fprintln(out, *e.Timestamp, *e.Message)
			}
			token = page.NextForwardToken
			if lines += len(page.Events); len(page.Events) == 0 {
				b.Fatalf("%d lines came out", lines)
			}
		}
		if string(in.Sum(nil)) != string(out.Sum(nil)) {
			b.Fatal("other bytes came out than went in")
		}
		b.ReportMetric(put.Sub(start).Seconds(), "s-in")
		b.ReportMetric(time.Since(put).Seconds(), "s-out")
	}
}
