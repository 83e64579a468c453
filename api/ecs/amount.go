package ecs

import (
	"fmt"
	"math"
	"regexp"
	"strconv"

	"slipway/api/awswire"
)

var (
	plainNumber = regexp.MustCompile(`^[0-9]{1,9}$`)
	vcpus       = regexp.MustCompile(`(?i)^([0-9]{0,6}\.?[0-9]{0,6}) ?vcpu$`)
	gigabytes   = regexp.MustCompile(`(?i)^([0-9]{0,6}\.?[0-9]{0,6}) ?gb$`)
)

// readCPU reads units of 1/1024 of a core: "256", "0.25 vCPU".
func readCPU(path string, text *string, fault awswire.FaultType) (int, error) {
	return readAmount(text, vcpus, fault, fmt.Sprintf("%s: Invalid 'cpu' setting for task: %%q is neither a number of units, such as 256, nor of vCPUs, such as 0.25 vCPU.", path))
}

// readMemory reads MiB: "512", "0.5 GB".
func readMemory(path string, text *string, fault awswire.FaultType) (int, error) {
	return readAmount(text, gigabytes, fault, fmt.Sprintf("%s: Invalid 'memory' setting for task: %%q is neither a number of MiB, such as 512, nor of gigabytes, such as 0.5 GB.", path))
}

func readAmount(text *string, in1024 *regexp.Regexp, fault awswire.FaultType, wrong string) (int, error) {
	if text == nil || *text == "" {
		return 0, nil
	}
	amount := *text
	factor := 1.0
	if m := in1024.FindStringSubmatch(amount); m != nil {
		amount, factor = m[1], 1024
	} else if !plainNumber.MatchString(amount) {
		return 0, fault.Newf(wrong, *text)
	}
	n, err := strconv.ParseFloat(amount, 64)
	if n *= factor; err != nil || n < 1 || n != math.Trunc(n) {
		return 0, fault.Newf(wrong, *text)
	}
	return int(n), nil
}

// amount is a limit as ECS writes it: a number in a text, and none for 0.
func amount(n int) *string {
	if n == 0 {
		return nil
	}
	return new(strconv.Itoa(n))
}

func number(n *int32) *int {
	if n == nil {
		return nil
	}
	return new(int(*n))
}

func number32(n *int) *int32 {
	if n == nil {
		return nil
	}
	return new(int32(*n))
}
