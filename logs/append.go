package logs

import (
	"context"
	"fmt"

	"slipway/store"
)

// Append keeps a piece of a container's output, once however often it comes: bytes offset to next
// of the output, made into events. It returns the byte to go on from, which is next if the piece
// was kept, or was kept before. A piece that begins anywhere else than where the stream has got to
// is not kept.
//
// The stream is made if it is not there, and then begins where the piece does; a piece without
// events only does that. Without its group Append returns ErrNoGroup, unless it may create it.
// It returns ErrName, ErrOffset or ErrEvent for a piece that can never be kept.
func (c *Control) Append(ctx context.Context, account, group, stream string, offset, next int64, events []Event, createGroup bool) (goOn int64, err error) {
	if err := checkPiece(group, stream, offset, next, events); err != nil {
		return 0, err
	}
	blocks := c.codec.cut(events)
	err = c.write(ctx, &write{weight: totalWeight(events), apply: func(tx *store.Tx) error {
		t, err := openStream(tx, account, group, stream, offset, createGroup)
		if err != nil {
			return err
		}
		goOn = t.source
		if offset != t.source || next == t.source {
			return nil
		}
		goOn, t.source = next, next
		if len(blocks) == 0 {
			return updateSource(tx, &t)
		}
		return c.add(tx, &t, blocks)
	}})
	return goOn, err
}

func checkPiece(group, stream string, offset, next int64, events []Event) error {
	if err := checkGroupName(group); err != nil {
		return err
	}
	if err := checkStreamName(stream); err != nil {
		return err
	}
	if offset < 0 || next < offset || next == offset && len(events) > 0 {
		return fmt.Errorf("%w: bytes %d to %d with %d events", ErrOffset, offset, next, len(events))
	}
	return checkEvents(events)
}

// openStream finds a stream, or makes it and, if it may, its group.
func openStream(tx *store.Tx, account, group, stream string, source int64, createGroup bool) (target, error) {
	t, err := lookUp(tx, account, group, stream)
	if err == nil && t.stream != 0 {
		return t, nil
	}
	if err != nil {
		if !createGroup || !isNoGroup(err) {
			return t, err
		}
		if _, err := insertGroup(tx, account, group, nil); err != nil {
			return t, err
		}
		if t, err = lookUp(tx, account, group, stream); err != nil {
			return t, err
		}
	}
	if _, err := insertStream(tx, t.group, stream, source); err != nil {
		return t, err
	}
	return findStream(tx, account, group, stream)
}
