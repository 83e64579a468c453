package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slipway/internal/durable"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/internal/lockfile"
)

// ErrDataInUse says that another process works on the data folder.
var ErrDataInUse = errs.New(errs.Conflict, "the data folder is in use by another slipway")

// DefaultDataDir is /var/lib/slipway for root and a folder of the user's own otherwise.
func DefaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/slipway"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "slipway")
	}
	return filepath.Join(os.Getenv("HOME"), ".local/share/slipway")
}

// openDataDir makes the folder, for its owner alone, and locks it until the returned file is closed
// or the process ends.
func openDataDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := lockfile.Hold(filepath.Join(dir, "lock"), fmt.Sprintf("process %d", os.Getpid()))
	var held *lockfile.HeldError
	if errors.As(err, &held) {
		return nil, fmt.Errorf("%w: %s is held by %s", ErrDataInUse, dir, held.Holder)
	}
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return lock, nil
}

const idFile = "server-id"

// serverID tells servers over one database apart. It stays what it is for as long as the folder does.
func serverID(dir string) (string, error) {
	file := filepath.Join(dir, idFile)
	text, err := os.ReadFile(file)
	if id := strings.TrimSpace(string(text)); err == nil && len(id) == 32 {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("name of this server: %w", err)
	}
	id := ids.Hex(16)
	return id, durable.WriteFile(file, []byte(id+"\n"))
}

// Credentials is what a client needs to reach this Slipway as the root of its first account.
type Credentials struct {
	Endpoint        string `json:"endpoint"` // "http://127.0.0.1:4600"
	Region          string `json:"region"`
	AccountID       string `json:"accountId"`
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
}

const credentialsFile = "credentials.json"

// ReadCredentials reads the credentials that a server keeps in its data folder, readable by its owner alone.
func ReadCredentials(dir string) (Credentials, error) {
	var c Credentials
	path := filepath.Join(dir, credentialsFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, fmt.Errorf("the data folder %s holds no credentials", dir)
	case err != nil:
		return c, fmt.Errorf("read credentials: %w", err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("read credentials %s: %w", path, err)
	}
	return c, nil
}

func writeCredentials(dir string, c Credentials) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, credentialsFile), append(text, '\n'))
}
