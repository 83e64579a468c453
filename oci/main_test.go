package oci_test

import (
	"testing"

	"slipway/internal/memorytest"
)

func TestMain(m *testing.M) { memorytest.Main(m) }
