package main

import (
	"context"
	"fmt"

	"slipway/cluster"
	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/nodeapi"
	"slipway/store"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

// fleet is a control plane with machines that are rows.
type fleet struct {
	*cluster.Control
	db  *store.DB
	web taskdef.Ref // a task of 10 units of cpu and 10 MiB
	big taskdef.Ref // one that fits nowhere
}

func newFleet(ctx context.Context, url string, machines int) (*fleet, error) {
	db, err := store.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	f := &fleet{db: db}
	if err := f.fill(ctx, machines); err != nil {
		db.Close()
		return nil, err
	}
	return f, nil
}

func (f *fleet) fill(ctx context.Context, machines int) (err error) {
	if err := events.Migrate(ctx, f.db); err != nil {
		return err
	}
	f.Control, err = cluster.New(ctx, f.db, cluster.Config{Account: account, Region: region, Registry: "127.0.0.1:4600", Images: noImages{}})
	if err != nil {
		return err
	}
	if f.web, err = f.register(ctx, "web", 10); err != nil {
		return err
	}
	if f.big, err = f.register(ctx, "big", 1<<20); err != nil {
		return err
	}
	return f.db.Update(ctx, func(tx *store.Tx) error { return addMachines(tx, machines) })
}

func (f *fleet) register(ctx context.Context, family string, memory int) (taskdef.Ref, error) {
	d, err := f.Register(ctx, account, "bench", family, taskdef.Spec{Containers: []taskdef.Container{
		{Name: "web", Image: "example.com/web:1", Essential: true, CPU: 10, Memory: &memory},
	}}, nil)
	return d.Ref, err
}

func machineID(n int) string { return fmt.Sprintf("%032x", n) }

// addMachines has machines in three zones, each with room for 6,400 tasks.
func addMachines(tx *store.Tx, machines int) error {
	var rows, books [][]any
	for n := range machines {
		attributes := fmt.Sprintf(`{"ecs.os-type":"linux","ecs.cpu-architecture":"x86_64","zone":"%c"}`, 'a'+n%3)
		rows = append(rows, []any{machineID(n), account, "default", "ACTIVE", store.Micros(tx.Now) + int64(n), "1.0", "fake 1", 64_000, 64_000, "[22]", attributes, 1, "session", store.Micros(tx.Now), store.Micros(tx.Now)})
		books = append(books, []any{machineID(n), account, 0, 0, 0})
	}
	if _, err := tx.ExecRows(`insert into instances (id, account, cluster, status, registered, version, engine, cpu, memory, ports, attributes, joins, session, seen, changed) values`,
		`(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, ``, rows); err != nil {
		return err
	}
	_, err := tx.ExecRows(`insert into books (node, account, changes, held_cpu, held_memory) values`, `(?, ?, ?, ?, ?)`, ``, books)
	return err
}

// noImages is a registry without images.
type noImages struct{}

func (noImages) Find(context.Context, string, string) (cluster.Image, error) {
	return cluster.Image{}, nil
}

func (noImages) Login(context.Context, string, cluster.Image) (nodeapi.Login, error) {
	return nodeapi.Login{}, nil
}
