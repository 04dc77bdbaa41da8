package access

import (
	"time"

	"rsc.io/qr"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/otp"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// deviceRow is a virtual MFA device: an authenticator app that shares a secret with us.
type deviceRow struct {
	Serial, Path, Name string // the serial number is the ARN
	Seed               []byte // sealed
	UserID             string // whose it is; "" before it is enabled
	Enabled            time.Time
	LastStep           int64 // of the last code used: this and all before are used up
	Drift              int64 // how many steps the device's clock is ahead, as found when it was synchronized
	Created            time.Time
	tagSet
}

func devices() *record.Table[deviceRow] {
	return &record.Table[deviceRow]{
		Name: "access.mfadevice", Version: 1, Key: func(r *deviceRow) []any { return []any{r.Serial} },
		Indexes: []record.Index[deviceRow]{{Name: "user", Keys: func(r *deviceRow) [][]any {
			if r.UserID == "" {
				return nil
			}
			return [][]any{{r.UserID}}
		}}},
	}
}

const (
	maxDevices   = 8  // of a user
	pairWindow   = 3  // steps around now in which a new device's two codes may lie: people type them one after the other
	resyncWindow = 40 // of a device whose clock is wrong: twenty minutes
)

func seedPlace(serial string) string { return "access.mfadevice.seed/" + serial }

// match finds the step of a code that was not used before.
func (s *Service) match(r *deviceRow, code string, now time.Time) (step int64, ok bool, err error) {
	seed, err := s.cfg.Sealer.Open(seedPlace(r.Serial), r.Seed)
	if err != nil {
		return 0, false, err
	}
	step, ok = otp.Match(seed, code, now.Add(time.Duration(r.Drift)*otp.Step), otp.Window)
	return step, ok && step > r.LastStep, nil
}

func (s *Service) mountMFA(m *wire.Mux) {
	wire.Handle(m, iam.CreateVirtualMFADevice, accessCreateDevice, s.createDevice)
	wire.Handle(m, iam.DeleteVirtualMFADevice, s.accessDeleteDevice, s.deleteDevice)
	wire.Handle(m, iam.ListVirtualMFADevices, accessListVirtual, s.listVirtual)
	wire.Handle(m, iam.EnableMFADevice, s.accessEnableDevice, s.enableDevice)
	wire.Handle(m, iam.ResyncMFADevice, s.accessResyncDevice, s.resyncDevice)
	wire.Handle(m, iam.DeactivateMFADevice, s.accessDeactivateDevice, s.deactivateDevice)
	wire.Handle(m, iam.ListMFADevices, s.accessListDevices, s.listDevices)
	wire.Handle(m, iam.GetMFADevice, s.accessGetDevice, s.getDevice)
	wire.Handle(m, iam.TagMFADevice, s.accessTagDevice, s.tagDevice)
	wire.Handle(m, iam.UntagMFADevice, s.accessUntagDevice, s.untagDevice)
	wire.Handle(m, iam.ListMFADeviceTags, s.accessListDeviceTags, s.listDeviceTags)
}

func noDevice(serial string) error {
	return noSuchEntity("VirtualMFADevice with serial number %s doesn't exist.", serial)
}

// onDevice is the access of an operation on a device.
func (s *Service) onDevice(c *wire.Call, action, serial string, keys policy.Keys) ([]wire.Access, error) {
	var tags map[string]string
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := devices().Get(tx, of(c.Account), serial)
		if err == nil {
			tags = row.Tags
		}
		return or(err, nil)
	})
	return wire.One("iam:"+action, serial, withTags(keys, tags)), err
}

func accessCreateDevice(c *wire.Call, in *iam.CreateVirtualMFADeviceInput) ([]wire.Access, error) {
	return wire.One("iam:CreateVirtualMFADevice", deviceSerial(c.Account, in), requestTags(policy.Keys{}, in.Tags)), nil
}

func deviceSerial(account string, in *iam.CreateVirtualMFADeviceInput) string {
	return "arn:aws:iam::" + account + ":mfa" + pathOf(in.Path) + in.VirtualMFADeviceName.V
}

// createDevice answers with the secret, which is never shown again.
func (s *Service) createDevice(c *wire.Call, in *iam.CreateVirtualMFADeviceInput) (*iam.CreateVirtualMFADeviceOutput, error) {
	seed := otp.NewSecret()
	row := &deviceRow{Serial: deviceSerial(c.Account, in), Path: pathOf(in.Path), Name: in.VirtualMFADeviceName.V, Created: c.Now.UTC().Truncate(time.Second)}
	row.Seed = s.cfg.Sealer.Seal(seedPlace(row.Serial), seed)
	if err := row.tag(in.Tags); err != nil {
		return nil, err
	}
	code, err := qr.Encode(otp.URL(seed, "Bothy", row.Name+"@"+c.Account), qr.M)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		return exists(devices().Insert(tx, of(c.Account), row), alreadyExists("MFADevice entity at the same path and name already exists."))
	}); err != nil {
		return nil, err
	}
	return &iam.CreateVirtualMFADeviceOutput{VirtualMFADevice: &iam.VirtualMFADevice{SerialNumber: wire.Some(row.Serial),
		Base32StringSeed: []byte(otp.Encode(seed)), QRCodePNG: code.PNG(), Tags: apiTags(row.Tags)}}, nil
}

func (s *Service) accessDeleteDevice(c *wire.Call, in *iam.DeleteVirtualMFADeviceInput) ([]wire.Access, error) {
	return s.onDevice(c, "DeleteVirtualMFADevice", in.SerialNumber.V, nil)
}

func (s *Service) deleteDevice(c *wire.Call, in *iam.DeleteVirtualMFADeviceInput) (*iam.DeleteVirtualMFADeviceOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := devices().Get(tx, of(c.Account), in.SerialNumber.V)
		if err != nil {
			return or(err, noDevice(in.SerialNumber.V))
		}
		if row.UserID != "" {
			return deleteConflict("MFA VirtualDevice " + row.Serial + " is still assigned to a user; deactivate it first.")
		}
		return devices().Delete(tx, of(c.Account), row.Serial)
	})
}

func accessListVirtual(c *wire.Call, _ *iam.ListVirtualMFADevicesInput) ([]wire.Access, error) {
	return wire.One("iam:ListVirtualMFADevices", "arn:aws:iam::"+c.Account+":mfa/*", nil), nil
}

func (s *Service) listVirtual(c *wire.Call, in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	out := &iam.ListVirtualMFADevicesOutput{}
	status := in.AssignmentStatus.Or("Any")
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, next, err := listRows(tx, devices(), of(c.Account), in.Marker.V, in.MaxItems.Or(defaultItems),
			func(r *deviceRow) bool { return status == "Any" || (status == "Assigned") == (r.UserID != "") })
		if err != nil {
			return err
		}
		byID, err := userNames(tx, c.Account)
		for _, row := range rows {
			d := iam.VirtualMFADevice{SerialNumber: wire.Some(row.Serial)}
			if user := byID[row.UserID]; user != nil {
				d.User, d.EnableDate = user.api(), wire.Some(row.Enabled)
			}
			out.VirtualMFADevices = append(out.VirtualMFADevices, d)
		}
		out.IsTruncated, out.Marker = wire.Some(next != ""), wire.NonEmpty(next)
		return err
	})
	return out, err
}

func (s *Service) accessEnableDevice(c *wire.Call, in *iam.EnableMFADeviceInput) ([]wire.Access, error) {
	return s.onUser(c, "EnableMFADevice", in.UserName.V, nil)
}

func (s *Service) enableDevice(c *wire.Call, in *iam.EnableMFADeviceInput) (*iam.EnableMFADeviceOutput, error) {
	return nil, s.paired(c, in.UserName, in.SerialNumber.V, func(tx *kv.Tx, user *userRow, row *deviceRow) error {
		owned, err := devices().All(tx, of(c.Account), "user", user.ID)
		switch {
		case err != nil:
			return err
		case row.UserID != "":
			return alreadyExists("MFA Device is already in use.")
		case len(owned) >= maxDevices:
			return limitExceeded("Cannot exceed quota for MFADevicesPerUser: %d", maxDevices)
		}
		row.UserID, row.Enabled = user.ID, c.Now.UTC().Truncate(time.Second)
		step, ok, err := s.matchPair(row, in.AuthenticationCode1.V, in.AuthenticationCode2.V, c.Now, pairWindow)
		if err != nil || !ok {
			return either(err, wrongCodes(row.Serial))
		}
		row.LastStep, row.Drift = step, 0
		return nil
	})
}

// paired runs f on a user and a device, tries bounded as those of codes are.
func (s *Service) paired(c *wire.Call, name wire.Opt[string], serial string, f func(*kv.Tx, *userRow, *deviceRow) error) error {
	if _, err := read(s, c, devices(), noDevice(serial), serial); err != nil {
		return err
	}
	if err := s.begin(c, c.Account, codeSubject(serial)); err != nil {
		return lockedAs(err, limitExceeded("Too many wrong codes; try again later."))
	}
	return change(s, c, devices(), noDevice(serial), func(tx *kv.Tx, row *deviceRow) error {
		user, err := heldUser(tx, c, name)
		if err != nil {
			return err
		}
		if err := f(tx, user, row); err != nil {
			return err
		}
		return forget(tx, c.Account, codeSubject(serial))
	}, serial)
}

// codeSubject counts wrong codes of a user, or of a device that is being paired.
func codeSubject(whose string) string { return "code/" + whose }

func (s *Service) matchPair(r *deviceRow, first, second string, now time.Time, window int) (step int64, ok bool, err error) {
	seed, err := s.cfg.Sealer.Open(seedPlace(r.Serial), r.Seed)
	if err != nil {
		return 0, false, err
	}
	step, ok = otp.MatchPair(seed, first, second, now, window)
	return step, ok && step > r.LastStep, nil
}

func wrongCodes(serial string) error {
	return &iam.InvalidAuthenticationCodeException{Message: wire.Some("Authentication code for device " + serial + " is not valid.")}
}

func (s *Service) accessResyncDevice(c *wire.Call, in *iam.ResyncMFADeviceInput) ([]wire.Access, error) {
	return s.onUser(c, "ResyncMFADevice", in.UserName.V, nil)
}

func (s *Service) resyncDevice(c *wire.Call, in *iam.ResyncMFADeviceInput) (*iam.ResyncMFADeviceOutput, error) {
	return nil, s.paired(c, in.UserName, in.SerialNumber.V, func(_ *kv.Tx, user *userRow, row *deviceRow) error {
		if row.UserID != user.ID {
			return wire.Because(noDevice(row.Serial), "the device is not %s's", user.Name)
		}
		step, ok, err := s.matchPair(row, in.AuthenticationCode1.V, in.AuthenticationCode2.V, c.Now, resyncWindow)
		if err != nil || !ok {
			return either(err, wrongCodes(row.Serial))
		}
		row.LastStep, row.Drift = step, step-otp.StepAt(c.Now)
		return nil
	})
}

func (s *Service) accessDeactivateDevice(c *wire.Call, in *iam.DeactivateMFADeviceInput) ([]wire.Access, error) {
	return s.onUser(c, "DeactivateMFADevice", named(c, in.UserName), nil)
}

func (s *Service) deactivateDevice(c *wire.Call, in *iam.DeactivateMFADeviceInput) (*iam.DeactivateMFADeviceOutput, error) {
	serial := in.SerialNumber.V
	return nil, change(s, c, devices(), noDevice(serial), func(tx *kv.Tx, row *deviceRow) error {
		user, err := heldUser(tx, c, in.UserName)
		if err != nil {
			return err
		}
		if row.UserID != user.ID {
			return wire.Because(noSuchEntity("MFA Device invalid for user."), "the device is not %s's", user.Name)
		}
		row.UserID, row.Enabled = "", time.Time{}
		return nil
	}, serial)
}

func (s *Service) accessListDevices(c *wire.Call, in *iam.ListMFADevicesInput) ([]wire.Access, error) {
	return s.onUser(c, "ListMFADevices", named(c, in.UserName), nil)
}

func (s *Service) listDevices(c *wire.Call, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	out := &iam.ListMFADevicesOutput{IsTruncated: wire.Some(false)} // there are few
	if named(c, in.UserName) == "" && c.Principal != nil && c.Principal.Kind == wire.Root {
		return out, nil
	}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		user, err := heldUser(tx, c, in.UserName)
		if err != nil {
			return err
		}
		rows, err := devices().All(tx, of(c.Account), "user", user.ID)
		for _, row := range rows {
			out.MFADevices = append(out.MFADevices, iam.MFADevice{UserName: wire.Some(user.Name), SerialNumber: wire.Some(row.Serial), EnableDate: wire.Some(row.Enabled)})
		}
		return err
	})
	return out, err
}

func (s *Service) accessGetDevice(c *wire.Call, in *iam.GetMFADeviceInput) ([]wire.Access, error) {
	return s.onUser(c, "GetMFADevice", named(c, in.UserName), nil)
}

// getDevice shows an enabled device, to whoever may see its user.
func (s *Service) getDevice(c *wire.Call, in *iam.GetMFADeviceInput) (*iam.GetMFADeviceOutput, error) {
	serial := in.SerialNumber.V
	var out *iam.GetMFADeviceOutput
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := devices().Get(tx, of(c.Account), serial)
		if err != nil {
			return or(err, noDevice(serial))
		}
		user, err := heldUser(tx, c, in.UserName)
		if err != nil {
			return err
		}
		if row.UserID != user.ID {
			return wire.Because(noDevice(serial), "the device is not %s's", user.Name)
		}
		out = &iam.GetMFADeviceOutput{UserName: wire.Some(user.Name), SerialNumber: wire.Some(serial), EnableDate: wire.Some(row.Enabled)}
		return nil
	})
	return out, err
}

func (s *Service) accessTagDevice(c *wire.Call, in *iam.TagMFADeviceInput) ([]wire.Access, error) {
	return s.onDevice(c, "TagMFADevice", in.SerialNumber.V, requestTags(policy.Keys{}, in.Tags))
}

func (s *Service) tagDevice(c *wire.Call, in *iam.TagMFADeviceInput) (*iam.TagMFADeviceOutput, error) {
	return nil, change(s, c, devices(), noDevice(in.SerialNumber.V), func(_ *kv.Tx, r *deviceRow) error { return r.tag(in.Tags) }, in.SerialNumber.V)
}

func (s *Service) accessUntagDevice(c *wire.Call, in *iam.UntagMFADeviceInput) ([]wire.Access, error) {
	return s.onDevice(c, "UntagMFADevice", in.SerialNumber.V, policy.Keys{"aws:tagkeys": in.TagKeys})
}

func (s *Service) untagDevice(c *wire.Call, in *iam.UntagMFADeviceInput) (*iam.UntagMFADeviceOutput, error) {
	return nil, change(s, c, devices(), noDevice(in.SerialNumber.V), func(_ *kv.Tx, r *deviceRow) error { return r.untag(in.TagKeys) }, in.SerialNumber.V)
}

func (s *Service) accessListDeviceTags(c *wire.Call, in *iam.ListMFADeviceTagsInput) ([]wire.Access, error) {
	return s.onDevice(c, "ListMFADeviceTags", in.SerialNumber.V, nil)
}

func (s *Service) listDeviceTags(c *wire.Call, in *iam.ListMFADeviceTagsInput) (*iam.ListMFADeviceTagsOutput, error) {
	row, err := read(s, c, devices(), noDevice(in.SerialNumber.V), in.SerialNumber.V)
	if err != nil {
		return nil, err
	}
	tags, next, err := tagPage(row.Tags, in.Marker, in.MaxItems)
	return &iam.ListMFADeviceTagsOutput{Tags: tags, IsTruncated: wire.Some(next.Set), Marker: next}, err
}
