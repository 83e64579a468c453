package awswire_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/api/awswire"
)

// Pets is a service that uses what today's services do not: HTTP bindings, CBOR, maps and blobs on
// every wire, faults with further members.

var pets = &awswire.API{
	Name:        "pets",
	ServiceID:   "Pets",
	Version:     "2026-01-01",
	Protocols:   []awswire.Protocol{awswire.RestJSON, awswire.CBOR, awswire.Query},
	Target:      "PetService",
	Namespace:   "https://pets.example/doc/",
	Style:       awswire.Coral,
	Invalid:     "ValidationException",
	ServerFault: "ServiceException",
	Rules: awswire.Rules{
		"Name":  {Min: new(int64(1)), Max: new(int64(8)), Pattern: `[a-z\u00e0-\u00ff]+`},
		"Names": {Max: new(int64(2)), Member: "Name"},
		"Notes": {Key: "Name", Value: "Note"},
		"Note":  {Max: new(int64(4)), Sensitive: true},
		"Age":   {Min: new(int64(0)), Max: new(int64(40))},
	},
	Operations: []string{"AdoptPet", "DescribePet", "GetPhoto", "GroomPet", "PutPhoto", "ReleasePet", "SearchPets", "WalkPet", "WatchPet"},
	Unserved:   []awswire.Path{{Operation: "WalkPet", Method: "POST", URI: "/pets/{Name}/walks"}},
}

var (
	describePet = awswire.NewOp[describePetInput, pet](pets, "DescribePet", "GET", "/owners/{Owner}/pets/{Name}", 200)
	searchPets  = awswire.NewOp[searchPetsInput, searchPetsOutput](pets, "SearchPets", "GET", "/owners/{Owner}/pets?find=Pets", 200)
	adoptPet    = awswire.NewOp[pet, pet](pets, "AdoptPet", "POST", "/pets", 201)
	releasePet  = awswire.NewOp[releasePetInput, awswire.None](pets, "ReleasePet", "DELETE", "/owners/{Owner}/pets/{Name}", 204)
	putPhoto    = awswire.NewOp[photo, photoOutput](pets, "PutPhoto", "PUT", "/photos/{Path+}", 200)
	getPhoto    = awswire.NewOp[getPhotoInput, photo](pets, "GetPhoto", "GET", "/photos/{Path+}", 200)
	watchPet    = awswire.NewOp[watchPetInput, watchPetOutput](pets, "WatchPet", "POST", "/watched/{Name}", 200)
)

type species string

func (species) Values() []string { return []string{"CAT", "DOG"} }

type pet struct {
	Name    string            `aws:"Name,required,rule=Name"`
	Age     *int32            `aws:"Age,rule=Age"`
	Weight  *float64          `aws:"Weight"`
	Species *species          `aws:"Species"`
	Chipped *bool             `aws:"Chipped"`
	Born    *time.Time        `aws:"Born"`
	Due     *time.Time        `aws:"Due,time=iso8601"`
	Photo   []byte            `aws:"Photo"`
	Friends []string          `aws:"Friends,rule=Names"`
	Young   []pet             `aws:"Young"`
	Notes   map[string]string `aws:"Notes,rule=Notes"`
}

type describePetInput struct {
	Owner string     `aws:"Owner,required,uri=Owner"`
	Name  string     `aws:"Name,required,rule=Name,uri=Name"`
	Since *time.Time `aws:"Since,querystring=since"`
	Only  []string   `aws:"Only,querystring=only"`
	Trace *string    `aws:"Trace,header=X-Trace"`
}

type releasePetInput struct {
	Owner string `aws:"Owner,required,uri=Owner"`
	Name  string `aws:"Name,required,uri=Name"`
}

type searchPetsInput struct {
	Owner   string            `aws:"Owner,required,uri=Owner"`
	Limit   *int32            `aws:"Limit,querystring=limit,rule=Age"`
	Filters map[string]string `aws:"Filters,headers=X-Filter-"`
}

type searchPetsOutput struct {
	Pets   []pet             `aws:"Pets"`
	Found  *int32            `aws:"Found,header=X-Found"`
	Status *int32            `aws:"Status,status"`
	Marks  map[string]string `aws:"Marks,headers=X-Mark-"`
}

type photo struct {
	Path  string  `aws:"Path,required,uri=Path"`
	Bytes []byte  `aws:"Bytes,payload"`
	Title *string `aws:"Title,header=X-Title"`
}

type getPhotoInput struct {
	Path string `aws:"Path,required,uri=Path"`
}

type watchPetInput struct {
	Name string `aws:"Name,required,uri=Name"`
	Food []byte `aws:"Food,payload"`
}

type watchPetOutput struct {
	Events *watchPetEvent `aws:"Events,events"`
	Camera *string        `aws:"Camera,header=X-Camera"`
	Kind   *string        `aws:"Kind,header=Content-Type"`
	Status *int32         `aws:"Status,status"`
}

type watchPetEvent struct {
	Seen *watchPetSeen `aws:"Seen"`
	Gone *watchPetGone `aws:"Gone"`
}

type watchPetSeen struct {
	Picture []byte `aws:"Picture,eventpayload"`
}

type watchPetGone struct {
	Where *string `aws:"Where"`
}

type photoOutput struct {
	Pet *pet `aws:"Pet,payload"`
}

var (
	errNoPet    = errors.New("no such pet")
	petNotFound = awswire.FaultType{Shape: "PetNotFoundException", Code: "PetNotFound", Status: 404}
	petIsAway   = awswire.FaultType{Shape: "PetIsAwayException", Member: "Message", Status: 502, Typed: true}
)

func petDoor() *awswire.Service {
	return awswire.NewService(pets, awswire.Faults{{Cause: errNoPet, Fault: petNotFound}},
		describePet.Handle(describe, awswire.Any),
		searchPets.Handle(search, awswire.Any),
		adoptPet.Handle(func(_ context.Context, in *pet) (*pet, error) { return in, nil }, awswire.Any),
		releasePet.Handle(func(context.Context, *releasePetInput) (*awswire.None, error) { return nil, nil }, awswire.Any),
		putPhoto.Handle(func(_ context.Context, in *photo) (*photoOutput, error) {
			return &photoOutput{&pet{Name: in.Path, Photo: in.Bytes}}, nil
		}, awswire.Any),
		watchPet.HandleStream(watch, awswire.Any),
		getPhoto.Handle(func(_ context.Context, in *getPhotoInput) (*photo, error) {
			return &photo{Path: in.Path, Bytes: []byte("GIF89a"), Title: new("Rex at " + in.Path)}, nil
		}, awswire.Any),
	)
}

func describe(_ context.Context, in *describePetInput) (*pet, error) {
	switch in.Owner {
	case "nobody":
		return nil, fmt.Errorf("%w: %s", errNoPet, in.Name)
	case "void":
		return nil, petIsAway.New("The pet is away")
	case "kennel":
		return nil, petNotFound.New("The pet moved").With("movedTo", []string{"farm", "zoo"})
	}
	out := &pet{Name: in.Owner + "'s " + in.Name, Friends: in.Only, Born: in.Since}
	if in.Trace != nil {
		out.Notes = map[string]string{"trace": *in.Trace}
	}
	return out, nil
}

func search(_ context.Context, in *searchPetsInput) (*searchPetsOutput, error) {
	return &searchPetsOutput{Pets: []pet{}, Found: in.Limit, Status: new(int32(202)), Marks: in.Filters}, nil
}

// watch shows what the pet is fed, byte by byte, and where it went.
func watch(_ context.Context, in *watchPetInput, to awswire.Stream[watchPetOutput]) error {
	if in.Name == "nobody" {
		return fmt.Errorf("%w: %s", errNoPet, in.Name)
	}
	if err := to.Send(&watchPetOutput{Camera: new("porch"), Kind: new("image/gif"), Status: new(int32(206))}); err != nil {
		return err
	}
	for i := range in.Food {
		if err := to.Send(&watchPetOutput{Events: &watchPetEvent{Seen: &watchPetSeen{in.Food[i : i+1]}}}); err != nil {
			return err
		}
	}
	switch in.Name {
	case "shy":
		return petNotFound.New("The pet ran away")
	case "bold":
		panic("the pet bit")
	}
	return to.Send(&watchPetOutput{Events: &watchPetEvent{Gone: &watchPetGone{Where: new("kitchen")}}})
}
