package users

import (
	"encoding/base64"
	"math/big"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// device is a device of a user, known by a secret that it made for itself: the pool keeps what proves that the device has it, as it
// keeps passwords.
type device struct {
	Pool, Sub, Key string
	Credential     []byte // sealed: the verifier at full width, then the salt
	Name           string `json:",omitempty"`
	IP             string `json:",omitempty"` // it was last used from
	Remembered     bool   `json:",omitempty"`
	Created        time.Time
	Modified       time.Time
	Authenticated  time.Time
}

var devices = record.Table[device]{Name: "users.device", Version: 1, Key: func(d *device) []any { return []any{d.Pool, d.Sub, d.Key} }}

func (s *Service) mountDevices(m *wire.Mux) {
	wire.HandlePublic(m, cognitoidp.ConfirmDevice, s.confirmDevice)
	wire.HandlePublic(m, cognitoidp.ListDevices, s.listDevices)
	wire.HandlePublic(m, cognitoidp.GetDevice, s.getDevice)
	wire.HandlePublic(m, cognitoidp.ForgetDevice, s.forgetDevice)
	wire.HandlePublic(m, cognitoidp.UpdateDeviceStatus, s.updateDeviceStatus)
	onPool(m, cognitoidp.AdminListDevices, func(in *cognitoidp.AdminListDevicesInput) string { return in.UserPoolId.V }, s.adminListDevices)
	onPool(m, cognitoidp.AdminGetDevice, func(in *cognitoidp.AdminGetDeviceInput) string { return in.UserPoolId.V }, s.adminGetDevice)
	onPool(m, cognitoidp.AdminForgetDevice, func(in *cognitoidp.AdminForgetDeviceInput) string { return in.UserPoolId.V }, s.adminForgetDevice)
	onPool(m, cognitoidp.AdminUpdateDeviceStatus, func(in *cognitoidp.AdminUpdateDeviceStatusInput) string { return in.UserPoolId.V }, s.adminUpdateDeviceStatus)
}

// noDevice is in the words by which clients forget what they know of a device.
func noDevice() error { return notFound("Device does not exist.") }

func deviceOf(tx *kv.Tx, account string, u *user, key string) (*device, error) {
	d, err := devices.Get(tx, inPool(account, u.Pool), u.Pool, u.Sub, key)
	if absent(err) {
		return nil, wire.Because(noDevice(), "%s has no device %s", u.Name, key)
	}
	return d, err
}

// deviceGroup is what devices of the pool put in the place of a pool id when they prove themselves.
func deviceGroup(poolID string) string { return "-" + realmOf(poolID) }

func newDeviceKey(poolID string) string { return regionOf(poolID) + "_" + wire.NewUUID() }

func devicePlace(account, poolID, sub, key string) string {
	return "users.device/" + account + "/" + poolID + "/" + sub + "/" + key
}

// longestSalt is in bytes; clients make sixteen, and one for the sign.
const longestSalt = 64

// deviceCredential reads what a device sends to be known by.
func deviceCredential(in *cognitoidp.DeviceSecretVerifierConfigType) (credential, error) {
	if in == nil {
		return credential{}, invalid("Missing required parameter DeviceSecretVerifierConfig")
	}
	salt, err := base64.StdEncoding.DecodeString(in.Salt.V)
	if err != nil || len(salt) == 0 || len(salt) > longestSalt {
		return credential{}, invalid("Salt is not valid.")
	}
	b, err := base64.StdEncoding.DecodeString(in.PasswordVerifier.V)
	verifier := new(big.Int).SetBytes(b)
	if err != nil || verifier.Cmp(big.NewInt(1)) <= 0 || verifier.Cmp(new(big.Int).Sub(prime, big.NewInt(1))) >= 0 {
		return credential{}, invalid("PasswordVerifier is not valid.")
	}
	return credential{salt, verifier}, nil
}

func (s *Service) sealDevice(account string, d *device, c credential) []byte {
	b := append(c.verifier.FillBytes(make([]byte, primeBytes)), c.salt...)
	return s.cfg.Sealer.Seal(devicePlace(account, d.Pool, d.Sub, d.Key), b)
}

func (s *Service) openDevice(account string, d *device) (credential, error) {
	b, err := s.cfg.Sealer.Open(devicePlace(account, d.Pool, d.Sub, d.Key), d.Credential)
	if err != nil {
		return credential{}, err
	}
	return credential{b[primeBytes:], new(big.Int).SetBytes(b[:primeBytes])}, nil
}

// confirmDevice makes the device known whose key was given to the sign-in behind the token, once.
func (s *Service) confirmDevice(c *wire.Call, in *cognitoidp.ConfirmDeviceInput) (*cognitoidp.ConfirmDeviceOutput, error) {
	cred, err := deviceCredential(in.DeviceSecretVerifierConfig)
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ConfirmDeviceOutput{}
	return out, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error {
		scope, u := inPool(c.Account, b.pool.ID), b.user
		ses, err := sessions.Get(tx, scope, u.Pool, u.Sub, b.origin)
		if err != nil {
			return err
		}
		track := b.pool.Settings.DeviceConfiguration
		if track == nil || ses.Device != in.DeviceKey.V {
			return wire.Because(noDevice(), "the key was not given to this sign-in")
		}
		if ses.Tied {
			return &cognitoidp.DeviceKeyExistsException{Message: wire.Some("The device is already confirmed.")}
		}
		d := &device{Pool: u.Pool, Sub: u.Sub, Key: ses.Device, Name: in.DeviceName.V, IP: c.SourceIP, Created: c.Now, Modified: c.Now, Authenticated: c.Now}
		d.Remembered = !track.DeviceOnlyRememberedOnUserPrompt.V
		d.Credential = s.sealDevice(c.Account, d, cred)
		out.UserConfirmationNecessary = wire.Some(!d.Remembered)
		if err := devices.Insert(tx, scope, d); err != nil {
			return err
		}
		ses.Tied = true
		return sessions.Put(tx, scope, ses)
	})
}

// shown is the device as the API shows it.
func (d *device) shown() cognitoidp.DeviceType {
	status := "not_remembered"
	if d.Remembered {
		status = "remembered"
	}
	attribute := func(name, v string) cognitoidp.AttributeType {
		return cognitoidp.AttributeType{Name: wire.Some(name), Value: wire.Some(v)}
	}
	return cognitoidp.DeviceType{
		DeviceKey: wire.Some(d.Key), DeviceCreateDate: wire.Some(d.Created), DeviceLastModifiedDate: wire.Some(d.Modified), DeviceLastAuthenticatedDate: wire.Some(d.Authenticated),
		DeviceAttributes: []cognitoidp.AttributeType{
			attribute("device_status", "valid"), attribute("device_name", d.Name), attribute("dev:device_remembered_status", status), attribute("last_ip_used", d.IP),
		},
	}
}

// devicePage is a page of the user's devices.
func devicePage(tx *kv.Tx, account string, u *user, after wire.Opt[string], limit wire.Opt[int32]) ([]cognitoidp.DeviceType, wire.Opt[string], error) {
	pg := page(after, limit)
	pg.Prefix = []any{u.Pool, u.Sub}
	rows, next, err := devices.List(tx, inPool(account, u.Pool), pg)
	out := []cognitoidp.DeviceType{}
	for _, d := range rows {
		out = append(out, d.shown())
	}
	return out, wire.NonEmpty(next), badToken(err)
}

func (s *Service) listDevices(c *wire.Call, in *cognitoidp.ListDevicesInput) (*cognitoidp.ListDevicesOutput, error) {
	out := &cognitoidp.ListDevicesOutput{}
	return out, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) (err error) {
		out.Devices, out.PaginationToken, err = devicePage(tx, c.Account, b.user, in.PaginationToken, in.Limit)
		return err
	})
}

func (s *Service) adminListDevices(c *wire.Call, in *cognitoidp.AdminListDevicesInput) (*cognitoidp.AdminListDevicesOutput, error) {
	out := &cognitoidp.AdminListDevicesOutput{}
	return out, s.onUser(c, in.UserPoolId.V, in.Username.V, func(tx *kv.Tx, u *user) (err error) {
		out.Devices, out.PaginationToken, err = devicePage(tx, c.Account, u, in.PaginationToken, in.Limit)
		return err
	})
}

// onUser runs fn in a transaction with a user that an operator names.
func (s *Service) onUser(c *wire.Call, poolID, name string, fn func(tx *kv.Tx, u *user) error) error {
	return s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, poolID)
		if err != nil {
			return err
		}
		u, err := named(tx, c.Account, p, name)
		if err != nil {
			return err
		}
		return fn(tx, u)
	})
}

func (s *Service) getDevice(c *wire.Call, in *cognitoidp.GetDeviceInput) (*cognitoidp.GetDeviceOutput, error) {
	out := &cognitoidp.GetDeviceOutput{}
	return out, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) (err error) {
		out.Device, err = oneShown(tx, c.Account, b.user, in.DeviceKey.V)
		return err
	})
}

func (s *Service) adminGetDevice(c *wire.Call, in *cognitoidp.AdminGetDeviceInput) (*cognitoidp.AdminGetDeviceOutput, error) {
	out := &cognitoidp.AdminGetDeviceOutput{}
	return out, s.onUser(c, in.UserPoolId.V, in.Username.V, func(tx *kv.Tx, u *user) (err error) {
		out.Device, err = oneShown(tx, c.Account, u, in.DeviceKey.V)
		return err
	})
}

func oneShown(tx *kv.Tx, account string, u *user, key string) (*cognitoidp.DeviceType, error) {
	d, err := deviceOf(tx, account, u, key)
	if err != nil {
		return nil, err
	}
	shown := d.shown()
	return &shown, nil
}

func (s *Service) forgetDevice(c *wire.Call, in *cognitoidp.ForgetDeviceInput) (*cognitoidp.ForgetDeviceOutput, error) {
	return nil, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error { return forget(tx, c.Account, b.user, in.DeviceKey.V) })
}

func (s *Service) adminForgetDevice(c *wire.Call, in *cognitoidp.AdminForgetDeviceInput) (*cognitoidp.AdminForgetDeviceOutput, error) {
	return nil, s.onUser(c, in.UserPoolId.V, in.Username.V, func(tx *kv.Tx, u *user) error { return forget(tx, c.Account, u, in.DeviceKey.V) })
}

// forget removes a device. Sign-ins on it cannot be renewed any more.
func forget(tx *kv.Tx, account string, u *user, key string) error {
	d, err := deviceOf(tx, account, u, key)
	if err != nil {
		return err
	}
	return devices.Delete(tx, inPool(account, u.Pool), d.Pool, d.Sub, d.Key)
}

func (s *Service) updateDeviceStatus(c *wire.Call, in *cognitoidp.UpdateDeviceStatusInput) (*cognitoidp.UpdateDeviceStatusOutput, error) {
	return nil, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error {
		return setRemembered(tx, c, b.user, in.DeviceKey.V, in.DeviceRememberedStatus)
	})
}

func (s *Service) adminUpdateDeviceStatus(c *wire.Call, in *cognitoidp.AdminUpdateDeviceStatusInput) (*cognitoidp.AdminUpdateDeviceStatusOutput, error) {
	return nil, s.onUser(c, in.UserPoolId.V, in.Username.V, func(tx *kv.Tx, u *user) error {
		return setRemembered(tx, c, u, in.DeviceKey.V, in.DeviceRememberedStatus)
	})
}

func setRemembered(tx *kv.Tx, c *wire.Call, u *user, key string, status wire.Opt[string]) error {
	d, err := deviceOf(tx, c.Account, u, key)
	if err != nil {
		return err
	}
	if status.Set {
		d.Remembered = status.V == "remembered"
	}
	d.Modified = c.Now
	return devices.Put(tx, inPool(c.Account, u.Pool), d)
}
