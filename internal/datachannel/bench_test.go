package datachannel

import (
	"context"
	"sync"
	"testing"
)

func BenchmarkMessage(b *testing.B) {
	m := Message{Type: Output, Kind: Bytes, Payload: noise(16 << 10)}
	var buffer []byte
	b.SetBytes(int64(len(m.Payload)))
	for b.Loop() {
		buffer = m.Append(buffer[:0])
		if _, err := Parse(buffer); err != nil {
			b.Fatal(err)
		}
	}
}

// What is printed goes from one side to the other, and is acknowledged.
func BenchmarkChannel(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	ours, theirs := pair(never)
	server, client := Server(ours), Client(theirs)
	var running sync.WaitGroup
	running.Go(func() { server.Run(ctx) })
	running.Go(func() { client.Run(ctx) })
	running.Go(func() {
		for {
			m, err := client.Next()
			if err != nil || client.Done(ctx, m) != nil {
				return
			}
		}
	})
	payload := noise(16 << 10)
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := server.Send(ctx, Bytes, payload); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	running.Wait()
}
