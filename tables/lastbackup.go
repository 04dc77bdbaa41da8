package tables

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"bothy/kv"
	"bothy/record"
)

// lastBackupDays is how long the last backup of a deleted table is there.
const lastBackupDays = 35

// bequeath makes the items of a deleted table, if it could be recovered, a backup, under the ID they have. Nobody can delete
// that one; tendLog does when its time is over.
func (t *table) bequeath(tx *kv.Tx) error {
	if t.Ended.IsZero() {
		return nil
	}
	h, err := t.count(tx)
	if err != nil {
		return err
	}
	b := &backup{Table: t.Name, Name: t.Name + "$DeletedTableBackup", Of: *t, Rows: t.ID, Created: t.Ended, Expires: t.Ended.AddDate(0, 0, lastBackupDays), Done: true, Items: h.items, Bytes: h.bytes}
	for at := t.Ended; ; at = at.Add(time.Millisecond) {
		b.ID = fmt.Sprintf("%014d-00000000", at.UnixMilli())
		err := backupRows.Insert(tx, t.at, b)
		if taken := (*record.ErrExists)(nil); !errors.As(err, &taken) {
			return err
		}
	}
}

// system tells whether a backup was made by the service.
func (b *backup) system() bool { return !b.Expires.IsZero() }

func (b *backup) kind() string {
	if b.system() {
		return "SYSTEM"
	}
	return "USER"
}

// dropLastBackup removes the last backup of a deleted table when its time is over; wait tells that it is not, or that the backup
// is being read.
func (s *Service) dropLastBackup(tx *kv.Tx, t *table) (wait bool, err error) {
	all, err := backupRows.All(tx, t.at, "", t.Name)
	i := slices.IndexFunc(all, func(b *backup) bool { return b.system() && b.Rows == t.ID })
	if err != nil || i < 0 {
		return false, err
	}
	b := all[i]
	if s.now().Before(b.Expires) || len(b.Users) > 0 {
		return true, nil
	}
	return false, errors.Join(s.clearLater(tx, t.at, b.Rows), backupRows.Delete(tx, t.at, b.Table, b.ID))
}
