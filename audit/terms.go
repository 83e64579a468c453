package audit

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
)

// Attribute is what entries can be looked up by.
type Attribute int

// The attributes, those of AWS CloudTrail's LookupEvents. Values are compared to the letter.
const (
	ByNothing      Attribute = iota
	ByID                     // of the entry
	ByOperation              // "RunTask"
	ByReadOnly               // "true" or "false"
	ByPrincipal              // see Principal.Name
	ByResourceType           // "AWS::ECS::Cluster"
	ByResource               // an ARN, or the name in it
	ByService                // "ecs"
	ByAccessKey              // its id
)

// has tells whether an entry has a value of an attribute.
func (e *Entry) has(by Attribute, value string) bool {
	found := by == ByNothing || by == ByID && e.ID == value
	e.values(func(b Attribute, v string) { found = found || b == by && v == value })
	return found
}

// values tells what an entry can be looked up by, but for its id, which tells its time and so where it is.
func (e *Entry) values(tell func(Attribute, string)) {
	tell(ByOperation, e.Operation)
	tell(ByReadOnly, strconv.FormatBool(e.ReadOnly))
	tell(ByService, e.Service)
	if name := e.Principal.Name(); name != "" {
		tell(ByPrincipal, name)
	}
	if key := e.Principal.AccessKeyID; key != "" {
		tell(ByAccessKey, key)
	}
	for _, r := range e.Resources {
		tell(ByResource, r.ARN)
		tell(ByResource, nameOf(r.ARN))
		if r.Type != "" {
			tell(ByResourceType, r.Type)
		}
	}
}

// term is a hash of an attribute and its value. A chunk knows the terms of all its entries, so
// that a lookup unpacks only chunks that, but for collisions, have what it looks for.
type term uint32

func termOf(by Attribute, value string) term {
	h := fnv.New32a()
	h.Write([]byte{byte(by)})
	h.Write([]byte(value))
	return term(h.Sum32())
}

func (e *Entry) terms(tell func(term)) {
	e.values(func(by Attribute, value string) { tell(termOf(by, value)) })
}

// packTerms writes terms in order, four bytes each.
func packTerms(terms map[term]struct{}) []byte {
	b := make([]byte, 0, 4*len(terms))
	for _, t := range slices.Sorted(maps.Keys(terms)) {
		b = binary.BigEndian.AppendUint32(b, uint32(t))
	}
	return b
}

// hasTerm looks a term up in what packTerms wrote.
func hasTerm(packed []byte, t term) bool {
	low, high := 0, len(packed)/4
	for low < high {
		mid := (low + high) / 2
		switch at := term(binary.BigEndian.Uint32(packed[4*mid:])); {
		case at == t:
			return true
		case at < t:
			low = mid + 1
		default:
			high = mid
		}
	}
	return false
}
