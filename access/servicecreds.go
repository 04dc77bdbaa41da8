package access

import (
	"strconv"
	"time"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// serviceCredRow is a name and a password that a user has at one service only.
type serviceCredRow struct {
	UserID, ID string
	Service    string
	Name       string // at the service: it stays when the user is renamed
	Password   []byte // sealed
	Inactive   bool
	Created    time.Time
	Expires    time.Time // zero: never
}

func serviceCreds() *record.Table[serviceCredRow] {
	return &record.Table[serviceCredRow]{
		Name: "access.servicecred", Version: 1, Key: func(r *serviceCredRow) []any { return []any{r.UserID, r.ID} },
		Indexes: []record.Index[serviceCredRow]{{Name: "name", Unique: true, Keys: func(r *serviceCredRow) [][]any { return [][]any{{r.Service, r.Name}} }}},
	}
}

// maxServiceCreds is the quota of a user at one service.
const maxServiceCreds = 2

// keyService is the one service whose credentials are API keys: they have an alias and may expire.
const keyService = "bedrock.amazonaws.com"

// credService refuses a service that AWS makes no credentials for.
func credService(name string) error {
	switch name {
	case "codecommit.amazonaws.com", "cassandra.amazonaws.com", keyService:
		return nil
	}
	return &iam.ServiceNotSupportedException{Message: wire.Some("No such service " + name + " supports service specific credentials.")}
}

func noServiceCred(id string) error {
	return noSuchEntity("No such credential %s exists", id)
}

func (s *Service) mountServiceCreds(m *wire.Mux) {
	wire.Handle(m, iam.CreateServiceSpecificCredential, s.accessCreateServiceCred, s.createServiceCred)
	wire.Handle(m, iam.ListServiceSpecificCredentials, s.accessListServiceCreds, s.listServiceCreds)
	wire.Handle(m, iam.ResetServiceSpecificCredential, s.accessResetServiceCred, s.resetServiceCred)
	wire.Handle(m, iam.UpdateServiceSpecificCredential, s.accessUpdateServiceCred, s.updateServiceCred)
	wire.Handle(m, iam.DeleteServiceSpecificCredential, s.accessDeleteServiceCred, s.deleteServiceCred)
}

func (r *serviceCredRow) status(now time.Time) wire.Opt[string] {
	if !r.Expires.IsZero() && !now.Before(r.Expires) {
		return wire.Some("Expired")
	}
	return statusOf(r.Inactive)
}

func (r *serviceCredRow) expiry() wire.Opt[time.Time] {
	return wire.Opt[time.Time]{V: r.Expires, Set: !r.Expires.IsZero()}
}

// api is the credential with its password, as it is shown once.
func (r *serviceCredRow) api(user, password string, now time.Time) *iam.ServiceSpecificCredential {
	out := &iam.ServiceSpecificCredential{CreateDate: wire.Some(r.Created), ExpirationDate: r.expiry(), ServiceName: wire.Some(r.Service),
		ServiceSpecificCredentialId: wire.Some(r.ID), UserName: wire.Some(user), Status: r.status(now)}
	if r.Service == keyService {
		out.ServiceCredentialAlias, out.ServiceCredentialSecret = wire.Some(r.Name), wire.Some(password)
	} else {
		out.ServiceUserName, out.ServicePassword = wire.Some(r.Name), wire.Some(password)
	}
	return out
}

// redraw gives the credential a new password.
func (r *serviceCredRow) redraw(sealer *record.Sealer) (password string) {
	password = newSecret() + "="
	r.Password = sealer.Seal("access.servicecred.password/"+r.ID, []byte(password))
	return password
}

func (s *Service) accessCreateServiceCred(c *wire.Call, in *iam.CreateServiceSpecificCredentialInput) ([]wire.Access, error) {
	return s.onUser(c, "CreateServiceSpecificCredential", in.UserName.V, policy.Keys{"iam:servicespecificcredentialservicename": {in.ServiceName.V}})
}

func (s *Service) createServiceCred(c *wire.Call, in *iam.CreateServiceSpecificCredentialInput) (out *iam.CreateServiceSpecificCredentialOutput, err error) {
	if err := credService(in.ServiceName.V); err != nil {
		return nil, err
	}
	if in.CredentialAgeDays.Set && in.ServiceName.V != keyService {
		return nil, wire.Fail(400, "ValidationError", "CredentialAgeDays is for %s only.", keyService)
	}
	row := &serviceCredRow{ID: newID("ACCA", 17), Service: in.ServiceName.V, Created: c.Now.UTC().Truncate(time.Second)}
	if in.CredentialAgeDays.Set {
		row.Expires = row.Created.AddDate(0, 0, int(in.CredentialAgeDays.V))
	}
	password := row.redraw(s.cfg.Sealer)
	err = s.withUser(c, in.UserName, func(tx *kv.Tx, user *userRow) error {
		had, err := serviceCreds().All(tx, of(c.Account), "", user.ID)
		if err != nil {
			return err
		}
		there := 0
		for _, other := range had {
			if other.Service == row.Service {
				there++
			}
		}
		if there >= maxServiceCreds {
			return limitExceeded("Cannot exceed quota for ServiceSpecificCredentialsPerUser: %d", maxServiceCreds)
		}
		row.UserID = user.ID
		if row.Name, err = freeServiceName(tx, c.Account, row.Service, user.Name); err != nil {
			return err
		}
		out = &iam.CreateServiceSpecificCredentialOutput{ServiceSpecificCredential: row.api(user.Name, password, c.Now)}
		return serviceCreds().Insert(tx, of(c.Account), row)
	})
	return out, err
}

// freeServiceName is NAME-at-ACCOUNT, or NAME+1-at-ACCOUNT and so on where that is taken.
func freeServiceName(tx *kv.Tx, account, service, user string) (string, error) {
	for n := 0; ; n++ {
		name := user + "-at-" + account
		if n > 0 {
			name = user + "+" + strconv.Itoa(n) + "-at-" + account
		}
		_, err := serviceCreds().Find(tx, of(account), "name", service, name)
		if missing := or(err, nil); err != nil {
			return name, missing
		}
	}
}

func (s *Service) accessListServiceCreds(c *wire.Call, in *iam.ListServiceSpecificCredentialsInput) ([]wire.Access, error) {
	if in.AllUsers.V {
		return wire.One("iam:ListServiceSpecificCredentials", "arn:aws:iam::"+c.Account+":user/*", nil), nil
	}
	return s.onUser(c, "ListServiceSpecificCredentials", named(c, in.UserName), nil)
}

func (s *Service) listServiceCreds(c *wire.Call, in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	if in.AllUsers.V && in.UserName.Set {
		return nil, wire.Fail(400, "ValidationError", "UserName and AllUsers exclude each other.")
	}
	out := &iam.ListServiceSpecificCredentialsOutput{IsTruncated: wire.Some(false)}
	add := func(user *userRow, row *serviceCredRow) {
		if user != nil && (!in.ServiceName.Set || in.ServiceName.V == row.Service) {
			out.ServiceSpecificCredentials = append(out.ServiceSpecificCredentials, row.listed(user.Name, c.Now))
		}
	}
	if !in.AllUsers.V {
		return out, listHeld(s, c, in.UserName, serviceCreds(), add)
	}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		byID, err := userNames(tx, c.Account)
		if err != nil {
			return err
		}
		rows, next, err := listRows(tx, serviceCreds(), of(c.Account), in.Marker.V, in.MaxItems.Or(defaultItems), func(*serviceCredRow) bool { return true })
		for _, row := range rows {
			add(byID[row.UserID], row)
		}
		out.IsTruncated, out.Marker = wire.Some(next != ""), wire.NonEmpty(next)
		return err
	})
	return out, err
}

func (r *serviceCredRow) listed(user string, now time.Time) iam.ServiceSpecificCredentialMetadata {
	out := iam.ServiceSpecificCredentialMetadata{UserName: wire.Some(user), Status: r.status(now), CreateDate: wire.Some(r.Created),
		ExpirationDate: r.expiry(), ServiceSpecificCredentialId: wire.Some(r.ID), ServiceName: wire.Some(r.Service)}
	if r.Service == keyService {
		out.ServiceCredentialAlias = wire.Some(r.Name)
	} else {
		out.ServiceUserName = wire.Some(r.Name)
	}
	return out
}

func (s *Service) accessResetServiceCred(c *wire.Call, in *iam.ResetServiceSpecificCredentialInput) ([]wire.Access, error) {
	return s.onUser(c, "ResetServiceSpecificCredential", named(c, in.UserName), nil)
}

func (s *Service) resetServiceCred(c *wire.Call, in *iam.ResetServiceSpecificCredentialInput) (out *iam.ResetServiceSpecificCredentialOutput, err error) {
	id := in.ServiceSpecificCredentialId.V
	err = s.withUser(c, in.UserName, func(tx *kv.Tx, user *userRow) error {
		row, err := serviceCreds().Get(tx, of(c.Account), user.ID, id)
		if err != nil {
			return or(err, noServiceCred(id))
		}
		password := row.redraw(s.cfg.Sealer)
		out = &iam.ResetServiceSpecificCredentialOutput{ServiceSpecificCredential: row.api(user.Name, password, c.Now)}
		return serviceCreds().Put(tx, of(c.Account), row)
	})
	return out, err
}

func (s *Service) accessUpdateServiceCred(c *wire.Call, in *iam.UpdateServiceSpecificCredentialInput) ([]wire.Access, error) {
	return s.onUser(c, "UpdateServiceSpecificCredential", named(c, in.UserName), nil)
}

func (s *Service) updateServiceCred(c *wire.Call, in *iam.UpdateServiceSpecificCredentialInput) (*iam.UpdateServiceSpecificCredentialOutput, error) {
	id := in.ServiceSpecificCredentialId.V
	return nil, changeHeld(s, c, in.UserName, serviceCreds(), id, noServiceCred(id), func(r *serviceCredRow) (err error) {
		r.Inactive, err = inactive(in.Status.V)
		return err
	})
}

func (s *Service) accessDeleteServiceCred(c *wire.Call, in *iam.DeleteServiceSpecificCredentialInput) ([]wire.Access, error) {
	return s.onUser(c, "DeleteServiceSpecificCredential", named(c, in.UserName), nil)
}

func (s *Service) deleteServiceCred(c *wire.Call, in *iam.DeleteServiceSpecificCredentialInput) (*iam.DeleteServiceSpecificCredentialOutput, error) {
	id := in.ServiceSpecificCredentialId.V
	return nil, s.withUser(c, in.UserName, func(tx *kv.Tx, user *userRow) error {
		return or(serviceCreds().Delete(tx, of(c.Account), user.ID, id), noServiceCred(id))
	})
}
