package server

import (
	"testing"

	"slipway/internal/memorytest"
)

func TestMain(m *testing.M) { memorytest.Main(m) }
