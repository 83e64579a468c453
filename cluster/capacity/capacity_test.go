package capacity

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDivide(t *testing.T) {
	for _, c := range []struct {
		shares []Share
		count  int
		want   []int
	}{
		{[]Share{{"a", 0, 0}}, 3, []int{3}},
		{[]Share{{"a", 0, 1}, {"b", 0, 1}}, 4, []int{2, 2}},
		{[]Share{{"a", 0, 1}, {"b", 0, 3}}, 8, []int{2, 6}},
		{[]Share{{"a", 2, 1}, {"b", 0, 3}}, 6, []int{3, 3}},
		{[]Share{{"a", 5, 0}, {"b", 0, 1}}, 3, []int{3, 0}},
		{[]Share{{"a", 5, 0}, {"b", 0, 1}}, 9, []int{5, 4}},
		{[]Share{{"a", 0, 0}, {"b", 0, 1}, {"c", 0, 0}}, 4, []int{0, 4, 0}},
		{[]Share{{"a", 0, 1}, {"b", 0, 1}}, 0, []int{0, 0}},
	} {
		for _, at := range []float64{0, 0.3, 0.999999999} {
			if got := Divide(c.shares, c.count, at); !slices.Equal(got, c.want) {
				t.Errorf("%d tasks by %v from %g are %v, want %v", c.count, c.shares, at, got, c.want)
			}
		}
	}
}

// Whatever the shares, all tasks are given out, the base comes first, and of the rest each provider gets its part by
// weight, rounded up or down.
func TestDivideGivesEachItsPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := []Share{{"a", rapid.IntRange(0, 5).Draw(t, "base"), rapid.IntRange(0, 1000).Draw(t, "weight")}}
		for _, name := range []string{"b", "c", "d"}[:rapid.IntRange(0, 3).Draw(t, "more")] {
			shares = append(shares, Share{name, 0, rapid.IntRange(0, 1000).Draw(t, "weight")})
		}
		count := rapid.IntRange(0, 1000).Draw(t, "count")
		at := rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "at")
		weights := 0
		for _, s := range shares {
			weights += s.Weight
		}
		if len(shares) > 1 && weights == 0 {
			t.Skip("no such shares are taken")
		}
		parts := Divide(shares, count, at)
		sum, base := 0, min(shares[0].Base, count)
		for i, s := range shares {
			sum += parts[i]
			of := 0
			if i == 0 {
				of = base
			}
			if weights == 0 {
				continue
			}
			if exact := float64(count-base) * float64(s.Weight) / float64(weights); math.Abs(float64(parts[i]-of)-exact) > 1+1e-6 {
				t.Fatalf("%s gets %d, and its part is %d and %g", s.Provider, parts[i], of, exact)
			}
			if s.Weight == 0 && parts[i] != of {
				t.Fatalf("%s has no weight and gets %d", s.Provider, parts[i])
			}
		}
		if sum != count {
			t.Fatalf("%v are not %d", parts, count)
		}
	})
}

// One task at a time, each provider gets its part in the long run too.
func TestDivideOneByOne(t *testing.T) {
	got := []int{0, 0}
	for k := range 400 {
		for i, n := range Divide([]Share{{"a", 0, 1}, {"b", 0, 3}}, 1, float64(k)/400) {
			got[i] += n
		}
	}
	if !slices.Equal(got, []int{100, 300}) {
		t.Errorf("400 tasks one by one are %v, want 100 and 300", got)
	}
	if Rounding("token") != Rounding("token") || Rounding("token") == Rounding("another") {
		t.Error("the same token is to be divided the same way, and another one by itself")
	}
}

// A service that gets its tasks one by one has them as its shares say, after each of them as nearly as it can be.
func TestAllot(t *testing.T) {
	for _, c := range []struct {
		shares []Share
		has    map[string]int
		count  int
		want   []int
	}{
		{[]Share{{"a", 0, 0}}, nil, 3, []int{3}},
		{[]Share{{"a", 0, 1}, {"b", 0, 3}}, nil, 8, []int{2, 6}},
		{[]Share{{"a", 2, 1}, {"b", 0, 1}}, nil, 6, []int{4, 2}},
		{[]Share{{"a", 2, 0}, {"b", 0, 1}}, map[string]int{"a": 1}, 3, []int{1, 2}},
		{[]Share{{"a", 0, 1}, {"b", 0, 1}}, map[string]int{"a": 3}, 3, []int{0, 3}},
		{[]Share{{"a", 0, 1}, {"b", 0, 1}}, map[string]int{"a": 3}, 5, []int{1, 4}},
	} {
		if got := Allot(c.shares, c.has, c.count); !slices.Equal(got, c.want) {
			t.Errorf("%d more tasks by %v, which have %v, are %v, want %v", c.count, c.shares, c.has, got, c.want)
		}
	}
	has, shares := map[string]int{}, []Share{{"a", 1, 1}, {"b", 0, 2}}
	for n := range 31 {
		for i, more := range Allot(shares, has, 1) {
			has[shares[i].Provider] += more
		}
		if exact := float64(n) / 3; math.Abs(float64(has["a"]-1)-exact) > 1 {
			t.Fatalf("after %d tasks: %v", n+1, has)
		}
	}
}
