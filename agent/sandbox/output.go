package sandbox

import (
	"bytes"
	"os"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// output is a file that processes of a sandbox print into, and how far it has been read. A journal's lock is over it.
type output struct {
	file    *os.File
	stream  string // whose lines they are, as telemetry has it
	at      int64  // bytes that are read
	partial []byte // a line whose end has not come
	freed   int64  // bytes at the start that the disk has back
}

func openOutput(stream, file string) (*output, error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &output{file: f, stream: stream}, nil
}

// read gives the lines that have come since the last time. Of more than most bytes those in the middle are skipped, unread.
func (o *output) read(most int64, line func([]byte), skip func(bytes int64)) {
	size := o.grown()
	if size <= o.at {
		return
	}
	if size-o.at > most {
		skipped := size - most - o.at
		skip(skipped + int64(len(o.partial)))
		o.partial = o.partial[:0]
		o.at += skipped
	}
	buffer := make([]byte, min(size-o.at, 64<<10))
	for o.at < size {
		n, err := o.file.ReadAt(buffer[:min(int64(len(buffer)), size-o.at)], o.at)
		o.at += int64(n)
		o.split(buffer[:n], line)
		if err != nil && n == 0 {
			break
		}
	}
	o.free()
}

// grown is the size of the file.
func (o *output) grown() int64 {
	var at unix.Stat_t
	if unix.Fstat(int(o.file.Fd()), &at) != nil {
		return 0
	}
	return at.Size
}

// split finds the lines of a text. One that is longer than an event may be is several.
func (o *output) split(text []byte, line func([]byte)) {
	for {
		begin, rest, ended := bytes.Cut(text, []byte{'\n'})
		o.partial = append(o.partial, begin...)
		for len(o.partial) > mostEvent {
			cut := runeEnd(o.partial, mostEvent)
			line(o.partial[:cut])
			o.partial = append(o.partial[:0], o.partial[cut:]...)
		}
		if !ended {
			return
		}
		line(o.partial)
		o.partial = o.partial[:0]
		text = rest
	}
}

// runeEnd is where to cut text so that no rune is cut.
func runeEnd(text []byte, most int) int {
	for cut := most; cut > most-utf8.UTFMax; cut-- {
		if utf8.RuneStart(text[cut]) {
			return cut
		}
	}
	return most
}

// finish gives a line whose end has not come as it is.
func (o *output) finish(line func([]byte)) {
	if len(o.partial) > 0 {
		line(o.partial)
		o.partial = o.partial[:0]
	}
}

// free gives the disk back what is read, now and then.
func (o *output) free() {
	const least = 1 << 20
	if o.at-o.freed < least {
		return
	}
	end := o.at &^ 4095
	if unix.Fallocate(int(o.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, o.freed, end-o.freed) == nil {
		o.freed = end
	}
}
