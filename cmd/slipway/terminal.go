package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"slipway/internal/datachannel"
)

// makeRaw has a terminal pass on every key as it is, until restore. Source: cfmakeraw, termios(3).
func makeRaw(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	raw := *before
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &raw); err != nil {
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }, nil // it may be gone
}

func sizeOf(f *os.File) (datachannel.TerminalSize, error) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return datachannel.TerminalSize{}, err
	}
	return datachannel.TerminalSize{Cols: uint32(size.Col), Rows: uint32(size.Row)}, nil
}

// watchSize tells at once, and whenever the size of the terminal changes, until stop.
func watchSize() (changed <-chan os.Signal, stop func()) {
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGWINCH
	signal.Notify(signals, syscall.SIGWINCH)
	return signals, func() {
		signal.Stop(signals)
		close(signals)
	}
}
