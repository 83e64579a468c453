package lambda

import (
	"encoding/base64"

	"slipway/api/awswire"
	"slipway/functions"
)

func (d *door) invokeStreaming(c ctx, in *InvokeWithResponseStreamInput, to awswire.Stream[InvokeWithResponseStreamOutput]) error {
	i, err := d.call(c, in.FunctionName, in.Qualifier, in.ClientContext, in.TenantId)
	if err != nil {
		return err
	}
	i.Payload, i.Tail = in.Payload, awswire.Or(in.LogType, LogTypeNone) == LogTypeTail
	if awswire.Or(in.InvocationType, ResponseStreamingInvocationTypeRequestResponse) == ResponseStreamingInvocationTypeDryRun {
		i.Type = functions.DryRun
		if _, err := d.calls.Invoke(c, i); err != nil {
			return callFault(c, err)
		}
		return to.Send(&InvokeWithResponseStreamOutput{StatusCode: new(int32(204))})
	}
	chunks := &chunks{c: c, to: to}
	i.Stream, i.Began = chunks, func(version, release string) { chunks.version, chunks.release = version, release }
	answer, err := d.calls.Invoke(c, i)
	if err != nil {
		return callFault(c, err)
	}
	return chunks.complete(&answer)
}

// chunks gives a function's answer to its caller as it comes. It is a nodeapi.AnswerWriter.
type chunks struct {
	c                ctx
	to               awswire.Stream[InvokeWithResponseStreamOutput]
	version, release string // that run
	out              InvokeWithResponseStreamOutput
	event            InvokeWithResponseStreamResponseEvent
	chunk            InvokeResponseStreamUpdate
}

// Head begins the answer.
func (s *chunks) Head(string) error {
	awswire.SetHeader(s.c, headerRelease, s.release)
	return s.to.Send(&InvokeWithResponseStreamOutput{ExecutedVersion: some(s.version)})
}

// Write sends a piece of the answer.
func (s *chunks) Write(b []byte) (int, error) {
	s.chunk.Payload = b
	s.event.PayloadChunk = &s.chunk
	s.out.EventStream = &s.event
	if err := s.to.Send(&s.out); err != nil {
		return 0, err
	}
	return len(b), nil
}

// complete says how the call ended. An answer that did not come piece by piece is one piece.
func (s *chunks) complete(a *functions.Answer) error {
	awswire.SetHeader(s.c, headerRelease, a.Release) // where nothing has been sent yet
	s.out.ExecutedVersion = some(a.Version)
	done := &InvokeWithResponseStreamCompleteEvent{}
	if a.Error != nil {
		done.ErrorCode, done.ErrorDetails = some(a.Error.Type), some(string(a.Payload))
	} else if len(a.Payload) > 0 {
		if _, err := s.Write(a.Payload); err != nil {
			return err
		}
	}
	if a.Tail != nil {
		done.LogResult = new(base64.StdEncoding.EncodeToString(a.Tail))
	}
	s.out.EventStream = &InvokeWithResponseStreamResponseEvent{InvokeComplete: done}
	return s.to.Send(&s.out)
}
