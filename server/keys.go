package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"slipway/seal"
)

// MasterKey is where an operator has the master key come from: the environment, where it is taken
// out, or a command; or nil, which is the file in the data folder.
func MasterKey(command string) (seal.Source, error) {
	source, found, err := seal.TakeEnv()
	switch {
	case err != nil:
		return nil, err
	case found && command != "":
		return nil, fmt.Errorf("the master key is given twice: by %s and by a command", seal.EnvName)
	case found:
		return source, nil
	case command == "":
		return nil, nil
	}
	return seal.NewCommand(command)
}

// openKeys opens the keys that secrets in the database are sealed under.
func (s *Server) openKeys(ctx context.Context) (err error) {
	source := s.config.MasterKey
	if source == nil {
		source = seal.NewFile(filepath.Join(s.config.Data, "master.key"))
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	folder, err := filepath.Abs(s.config.Data)
	if err != nil {
		return err
	}
	if s.keys, err = seal.Open(ctx, s.db, source, host+":"+folder); err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	return nil
}

// rotate replaces the keys, and says what to do next where that is not enough.
func (s *Server) rotate(ctx context.Context, r seal.Rotation, say func(string)) error {
	err := s.keys.Rotate(ctx, r, say)
	if hint := s.rotationHint(err); hint != "" {
		return &RotationError{err.Error(), hint}
	}
	return err
}

func (s *Server) rotationHint(err error) string {
	switch {
	case errors.Is(err, seal.ErrOthers):
		return "give the new master key to those servers, as a file master.key in their data folders or by their commands; they take it up as they run. Then: slipway keys rotate --finish"
	case errors.Is(err, seal.ErrBehind):
		return s.behindHint()
	case errors.Is(err, seal.ErrNoNew):
		return "give the new one with --new-key-command or --new-key-env"
	}
	return ""
}

// behindHint says how this server's source comes to give the new master key.
func (s *Server) behindHint() string {
	switch s.config.MasterKey.(type) {
	case nil:
		return "put the new master key into master.key in the data folder, then: slipway keys rotate --finish"
	case *seal.Command:
		return "have the command print the new master key, or start this server again with a --master-key-command that does; then: slipway keys rotate --finish"
	}
	return "start this server again with the new master key in " + seal.EnvName + "; until then either opens the data. Then: slipway keys rotate --finish"
}

// RotationError is a rotation that an operator has to do something for.
type RotationError struct {
	Text string `json:"error"`
	Hint string `json:"hint,omitempty"`
}

func (e *RotationError) Error() string { return e.Text }

// What is said of keys on the control socket, in the words of package seal.
type (
	Rotation   = seal.Rotation
	KeysReport = seal.Report
	DataKey    = seal.KeyReport
)

// RotationTo is a rotation to a master key, given as base64.
func RotationTo(text string) (Rotation, error) {
	master, err := seal.ParseMaster(text)
	return Rotation{New: &master}, err
}

// RotationByCommand is a rotation to the master key that a command prints.
func RotationByCommand(ctx context.Context, line string) (Rotation, error) {
	command, err := seal.NewCommand(line)
	if err != nil {
		return Rotation{}, err
	}
	master, err := command.Master(ctx, nil)
	return Rotation{New: &master}, err
}
