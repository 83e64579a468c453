package cluster

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"slipway/store"
)

// upsertScheduler writes a scheduler down, and tells when it was made.
func upsertScheduler(tx *store.Tx, s Scheduler) (created time.Time, err error) {
	fallback, err := json.Marshal(s.Fallback)
	if err != nil {
		return created, err
	}
	if s.Default {
		if _, err := tx.Exec(`update schedulers set chosen = 0 where account = $1 and cluster = $2`, s.Account, s.Cluster); err != nil {
			return created, err
		}
	}
	var at int64
	err = tx.Row(`
		insert into schedulers (account, cluster, name, deadline, fallback, chosen, created) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (account, cluster, name) do update set deadline = excluded.deadline, fallback = excluded.fallback, chosen = excluded.chosen
		returning created`,
		s.Account, s.Cluster, s.Name, s.Deadline.Milliseconds(), string(fallback), flag(s.Default), store.Micros(tx.Now)).Scan(&at)
	return store.Time(at), err
}

func readSchedulers(tx *store.Tx, account, cluster string) (all []Scheduler, err error) {
	err = tx.Each(`select name, deadline, fallback, chosen, created from schedulers where account = $1 and cluster = $2 order by name`, []any{account, cluster}, func(rows *sql.Rows) error {
		s := Scheduler{Account: account, Cluster: cluster}
		var deadline, chosen, created int64
		var fallback string
		if err := rows.Scan(&s.Name, &deadline, &fallback, &chosen, &created); err != nil {
			return err
		}
		s.Deadline, s.Default, s.Created = time.Duration(deadline)*time.Millisecond, chosen != 0, store.Time(created)
		if err := json.Unmarshal([]byte(fallback), &s.Fallback); err != nil {
			return fmt.Errorf("fallback of scheduler %s: %w", s.Name, err)
		}
		all = append(all, s)
		return nil
	})
	return all, err
}

// deleteAllSchedulers takes all schedulers of an account.
func deleteAllSchedulers(tx *store.Tx, account string) error {
	_, err := tx.Exec(`delete from schedulers where account = $1`, account)
	tx.Touch(schedulerTopic)
	return err
}

// deleteSchedulers takes its schedulers from a cluster.
func deleteSchedulers(tx *store.Tx, account, cluster string) error {
	_, err := tx.Exec(`delete from schedulers where account = $1 and cluster = $2`, account, cluster)
	tx.Touch(schedulerTopic)
	return err
}
