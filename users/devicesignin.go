package users

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"math/big"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// How a device proves itself in a sign-in: after the password, and instead of a second factor where the pool trusts devices so far.

// nameDevice notes the device that the client names. One that the pool does not know of the user is refused, in words by which clients
// forget it and answer again without: so nothing that the answer used up must stay used up.
func (a *attempt) nameDevice(tx *kv.Tx, u *user, way *progress) error {
	key := a.given["DEVICE_KEY"]
	if key == "" || a.pool.Settings.DeviceConfiguration == nil || way.has(devicePasswordVerifier) {
		return nil
	}
	if _, err := deviceOf(tx, a.Account, u, key); err != nil {
		return err
	}
	way.Device = key
	return nil
}

// trusts tells whether the device, once proved, stands for a second factor.
func (p *pool) trusts(d *device) bool {
	c := p.Settings.DeviceConfiguration
	return c != nil && c.ChallengeRequiredOnNewDevice.V && d.Remembered
}

// needTrustedDevice asks a trusted device for its proof before a second factor is asked for.
func (s *Service) needTrustedDevice(tx *kv.Tx, a *attempt, u *user, way progress) (string, error) {
	ask, err := s.needDevice(tx, a, u, way)
	if err != nil || ask == "" {
		return ask, err
	}
	d, err := deviceOf(tx, a.Account, u, way.Device)
	if err != nil || !a.pool.trusts(d) {
		return "", err
	}
	return ask, nil
}

// provedTrusted tells whether a device was proved that stands for a second factor; it may have been forgotten since.
func provedTrusted(tx *kv.Tx, a *attempt, u *user, way progress) (bool, error) {
	if !way.has(devicePasswordVerifier) {
		return false, nil
	}
	d, err := devices.Get(tx, inPool(a.Account, u.Pool), u.Pool, u.Sub, way.Device)
	if absent(err) {
		return false, nil
	}
	return err == nil && a.pool.trusts(d), err
}

// needDevice asks the device for its proof that the client named.
func (s *Service) needDevice(_ *kv.Tx, a *attempt, _ *user, way progress) (string, error) {
	if way.Device == "" || way.has(devicePasswordVerifier) || a.pool.Settings.DeviceConfiguration == nil {
		return "", nil
	}
	return deviceSRPAuth, nil
}

// turn is a sign-in that waits for a device to begin its proof. Clients of all ages begin it without a session, or with an old one, so
// that what was proved before is kept here: for one beginning, by that client, on that device.
type turn struct {
	Pool, Sub, Device string
	Client            string
	Way               progress
	Against           []byte // digest of the sealed credential that led here
	Expires           time.Time
}

var turns = record.Table[turn]{
	Name: "users.deviceturn", Version: 1, Key: func(t *turn) []any { return []any{t.Pool, t.Sub, t.Device} },
	Expires: func(t *turn) time.Time { return t.Expires },
}

func (s *Service) askDevice(a *attempt, v *verdict) (*step, error) {
	t := &turn{a.pool.ID, v.user.Sub, v.way.Device, a.client.ID, v.way, digest(v.user.Credential), a.Now.Add(challengeLife)}
	err := s.update(a, func(tx *kv.Tx) error { return turns.Put(tx, inPool(a.Account, a.pool.ID), t) })
	return &step{name: v.ask, params: map[string]string{"DEVICE_KEY": t.Device, "USERNAME": v.user.Name}}, err
}

// takeTurn takes the turn of a device that begins its proof: it serves once.
func (s *Service) takeTurn(a *attempt, key string) (u *user, t *turn, d *device, err error) {
	err = s.update(a, func(tx *kv.Tx) error {
		scope := inPool(a.Account, a.pool.ID)
		if u, err = s.person(tx, a.Account, a.client, a.pool, a.given["USERNAME"]); err != nil {
			return err
		}
		t, err = turns.Get(tx, scope, a.pool.ID, u.Sub, key)
		if ignoreAbsent(err) != nil {
			return err
		}
		if err != nil || t.Client != a.client.ID || !a.Now.Before(t.Expires) || !bytes.Equal(t.Against, digest(u.Credential)) {
			return wire.Because(notAuthorized("Invalid session for the user, session is expired."), "no sign-in of the user waits for device %s, or the password changed since", key)
		}
		if err := turns.Delete(tx, scope, t.Pool, t.Sub, t.Device); err != nil {
			return err
		}
		d, err = deviceOf(tx, a.Account, u, key)
		return err
	})
	return u, t, d, err
}

// offerDeviceSRP answers DEVICE_SRP_AUTH, as offerSRP does for passwords.
func (s *Service) offerDeviceSRP(a *attempt) (*step, error) {
	key, err := a.parameter("DEVICE_KEY")
	if err != nil {
		return nil, err
	}
	public, err := a.srpPublic()
	if err != nil {
		return nil, err
	}
	u, t, d, err := s.takeTurn(a, key)
	if err != nil {
		return nil, err
	}
	cred, err := s.openDevice(a.Account, d)
	if err != nil {
		return nil, err
	}
	var x exchange
	var ours *big.Int
	s.cores.spend(func() { x, ours = newExchange(public, cred.verifier) })
	block, err := s.sealChallenge(a.Account, challenge{
		Kind: devicePasswordVerifier, Pool: a.pool.ID, Client: a.client.ID, Sub: u.Sub, Name: u.Name, As: a.given["USERNAME"], Device: key,
		Expires: a.Now.Add(challengeLife), Way: t.Way, Secret: x.secret, Public: x.client.Bytes(), Scramb: x.scramb.Bytes(), Against: t.Against,
	})
	return &step{name: devicePasswordVerifier, params: map[string]string{
		"DEVICE_KEY": key, "USERNAME": u.Name, "SRP_B": ours.Text(16), "SALT": new(big.Int).SetBytes(cred.salt).Text(16),
		"SECRET_BLOCK": base64.StdEncoding.EncodeToString(block),
	}}, err
}

// checkDeviceSRP takes the device's proof.
func (s *Service) checkDeviceSRP(a *attempt) (*step, error) {
	ch, block, err := s.claimed(a, devicePasswordVerifier)
	if err != nil {
		return nil, err
	}
	if a.given["DEVICE_KEY"] != ch.Device {
		return nil, wire.Because(notAuthorized("Invalid session for the user, session is expired."), "the challenge was made for device %s", ch.Device)
	}
	right, err := s.provesDevice(a, ch, block)
	if err != nil {
		return nil, err
	}
	v, err := s.judgeDevice(a, ch, block, right)
	if err != nil {
		return nil, err
	}
	return s.settle(a, v)
}

// provesDevice computes what the proof should be and compares. What is kept of a device never changes: it can only be forgotten.
func (s *Service) provesDevice(a *attempt, ch challenge, block []byte) (bool, error) {
	var d *device
	err := s.view(a, func(tx *kv.Tx) (err error) {
		d, err = deviceOf(tx, a.Account, &user{Pool: a.pool.ID, Sub: ch.Sub, Name: ch.Name}, ch.Device)
		return err
	})
	if err != nil {
		return false, err
	}
	cred, err := s.openDevice(a.Account, d)
	if err != nil {
		return false, err
	}
	x := exchange{ch.Secret, new(big.Int).SetBytes(ch.Public), new(big.Int).SetBytes(ch.Scramb)}
	var key []byte
	s.cores.spend(func() { key = x.key(cred.verifier) })
	want := claim(key, deviceGroup(a.pool.ID), ch.Device, block, a.given["TIMESTAMP"])
	got, err := base64.StdEncoding.DecodeString(a.given["PASSWORD_CLAIM_SIGNATURE"])
	return err == nil && hmac.Equal(got, want), nil
}

// judgeDevice decides on a device's proof in one transaction, as judge does for passwords: a wrong one uses the challenge up and counts.
func (s *Service) judgeDevice(a *attempt, ch challenge, block []byte, right bool) (v *verdict, err error) {
	err = s.update(a, func(tx *kv.Tx) error {
		u, err := s.waiting(tx, a, ch, block)
		if err != nil {
			return err
		}
		if _, err := spend(tx, a.Account, a.pool.ID, block, ch.Expires); err != nil { // waiting knows that it is fresh
			return err
		}
		d, err := deviceOf(tx, a.Account, u, ch.Device)
		if err != nil {
			return err
		}
		if !right {
			if err := a.failedSecond(tx, ch); err != nil {
				return err
			}
			return keep(wire.Because(wrongPassword(), "the proof does not match the secret of device %s", ch.Device))
		}
		d.Authenticated, d.IP = a.Now, a.SourceIP
		if err := devices.Put(tx, inPool(a.Account, a.pool.ID), d); err != nil {
			return err
		}
		v, err = s.pass(tx, a, u, ch.Way, devicePasswordVerifier)
		return err
	})
	return v, err
}

// bind notes in the session which device it is on: the one that was proved, or a new key for one that is still to be confirmed.
func (g *grant) bind(tx *kv.Tx, c *wire.Call, way progress) error {
	switch {
	case g.pool.Settings.DeviceConfiguration == nil:
		return nil
	case way.has(devicePasswordVerifier):
		g.session.Device, g.session.Tied = way.Device, true
	default:
		g.session.Device, g.newDevice = newDeviceKey(g.pool.ID), true
	}
	return sessions.Put(tx, inPool(c.Account, g.pool.ID), g.session)
}

// onDevice tells whether a session may be renewed by who names the device: on a confirmed device only by its key, for as long as the
// device is not forgotten. Clients that never confirmed theirs name none.
func (ses *session) onDevice(tx *kv.Tx, account, named string) (bool, error) {
	if ses.Device == "" {
		return true, nil
	}
	if !ses.Tied {
		return named == "" || named == ses.Device, nil
	}
	_, err := devices.Get(tx, inPool(account, ses.Pool), ses.Pool, ses.Sub, ses.Device)
	if absent(err) {
		return false, nil
	}
	return err == nil && named == ses.Device, err
}
