package secrets

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"slipway/store"
)

// parameterColumns are those of a version v of a parameter p.
const parameterColumns = `p.id, p.account, p.name, p.tags, v.id, v.version, v.type, v.tier, v.data_type, v.description, v.pattern, v.labels, v.modified, v.modified_by`

// scanned is what a row or rows can be read by.
type scanned interface{ Scan(dest ...any) error }

func (c *Control) scanParameter(row scanned) (p Parameter, err error) {
	var name []byte
	var tags, labels string
	var modified int64
	err = row.Scan(&p.id, &p.Account, &name, &tags, &p.row, &p.Version, &p.Type, &p.Tier, &p.DataType, &p.Description, &p.Pattern, &labels, &modified, &p.ModifiedBy)
	if err != nil {
		return p, err
	}
	p.Name, p.Modified = string(name), store.Time(modified)
	p.ARN = c.ParameterARN(p.Account, p.Name)
	if err := errors.Join(json.Unmarshal([]byte(tags), &p.tags), json.Unmarshal([]byte(labels), &p.Labels)); err != nil {
		return p, fmt.Errorf("parameter %s: %w", p.Name, err)
	}
	return p, nil
}

// readSealed reads the value of a version as the database has it.
func readSealed(tx *store.Tx, p *Parameter) error {
	return tx.Row(`select sealed from secrets_parameter_versions where id = $1`, p.row).Scan(&p.sealed)
}

// findParameter reads the newest version of a parameter, whichever the reference selects.
func (c *Control) findParameter(tx *store.Tx, ref ParameterRef) (Parameter, error) {
	for _, name := range ref.names() {
		p, err := c.scanParameter(tx.Row(`select `+parameterColumns+` from secrets_parameters p
			join secrets_parameter_versions v on v.parameter = p.id and v.version = p.version
			where p.account = $1 and p.name = $2`, ref.Account, []byte(name)))
		if !errors.Is(err, store.ErrNoRows) {
			return p, err
		}
	}
	return Parameter{}, ref.missing()
}

// selectParameter reads the version that a reference selects.
func (c *Control) selectParameter(tx *store.Tx, ref ParameterRef) (Parameter, error) {
	p, err := c.findParameter(tx, ref)
	if err != nil || ref.Selector == "" {
		return p, err
	}
	return c.selectVersion(tx, p, ref.Selector)
}

// selectVersion reads the version of a parameter that has a number, or a label.
func (c *Control) selectVersion(tx *store.Tx, p Parameter, selector string) (Parameter, error) {
	if number, err := strconv.ParseInt(selector, 10, 64); err == nil {
		v, err := c.scanParameter(tx.Row(`select `+parameterColumns+` from secrets_parameters p
			join secrets_parameter_versions v on v.parameter = p.id
			where p.id = $1 and v.version = $2`, p.id, number))
		if errors.Is(err, store.ErrNoRows) {
			err = ParameterRef{Name: p.Name, Selector: selector}.missingVersion()
		}
		return v, err
	}
	versions, err := c.listVersions(tx, p, 0, 2*maxVersions)
	for _, v := range versions {
		for _, label := range v.Labels {
			if label == selector {
				return v, nil
			}
		}
	}
	if err == nil {
		err = ParameterRef{Name: p.Name, Selector: selector}.missingVersion()
	}
	return Parameter{}, err
}

// listVersions reads at most limit versions of a parameter after one, the oldest first.
func (c *Control) listVersions(tx *store.Tx, p Parameter, after int64, limit int) (versions []Parameter, err error) {
	err = tx.Each(`select `+parameterColumns+` from secrets_parameters p
		join secrets_parameter_versions v on v.parameter = p.id
		where p.id = $1 and v.version > $2 order by v.version limit $3`, []any{p.id, after, limit}, func(rows *sql.Rows) error {
		v, err := c.scanParameter(rows)
		versions = append(versions, v)
		return err
	})
	return versions, err
}

func insertParameter(tx *store.Tx, p Parameter) error {
	if p.tags == nil {
		p.tags = map[string]string{}
	}
	_, err := tx.Exec(`insert into secrets_parameters (id, account, name, version, tier, tags, created) values ($1, $2, $3, $4, $5, $6, $7)`,
		p.id, p.Account, []byte(p.Name), p.Version, p.Tier, jsonText(p.tags), store.Micros(p.Modified))
	return err
}

func updateParameter(tx *store.Tx, p Parameter) error {
	_, err := tx.Exec(`update secrets_parameters set version = $1, tier = $2 where id = $3`, p.Version, p.Tier, p.id)
	return err
}

func insertVersion(tx *store.Tx, p Parameter) error {
	_, err := tx.Exec(`insert into secrets_parameter_versions
		(id, parameter, version, type, tier, data_type, description, pattern, labels, sealed, modified, modified_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8, '[]', $9, $10, $11)`,
		p.row, p.id, p.Version, p.Type, p.Tier, p.DataType, p.Description, p.Pattern, p.sealed, store.Micros(p.Modified), p.ModifiedBy)
	return err
}

// setLabels gives a version its labels, if they are others than it has.
func setLabels(tx *store.Tx, v Parameter, labels []string) error {
	if jsonList(labels) == jsonList(v.Labels) {
		return nil
	}
	_, err := tx.Exec(`update secrets_parameter_versions set labels = $1 where id = $2`, jsonList(labels), v.row)
	return err
}
