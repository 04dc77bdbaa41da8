package users

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/users/pages"
	"bothy/wire"
)

// allClients is the client id of what holds for every client that has nothing of its own.
const allClients = "ALL"

// customization is how pages of the first kind look: a style sheet of few words, and a logo.
type customization struct {
	Pool, Client      string
	CSS               string
	Logo              string // asset
	Created, Modified time.Time
}

var customizations = record.Table[customization]{
	Name: "users.customization", Version: 1, Key: func(u *customization) []any { return []any{u.Pool, u.Client} },
}

func (s *Service) mountCustomization(m *wire.Mux) {
	onPool(m, cognitoidp.SetUICustomization, func(in *cognitoidp.SetUICustomizationInput) string { return in.UserPoolId.V }, s.setUICustomization)
	onPool(m, cognitoidp.GetUICustomization, func(in *cognitoidp.GetUICustomizationInput) string { return in.UserPoolId.V }, s.getUICustomization)
}

// setUICustomization sets style sheet and logo. What is left out stays.
func (s *Service) setUICustomization(c *wire.Call, in *cognitoidp.SetUICustomizationInput) (*cognitoidp.SetUICustomizationOutput, error) {
	if err := pages.CheckCSS(in.CSS.V); err != nil {
		return nil, invalid("CSS is invalid: %v.", err)
	}
	if len(in.ImageFile) > 0 && !isLogo(in.ImageFile) {
		return nil, invalid("The image must be a PNG or JPEG file.")
	}
	out := &cognitoidp.SetUICustomizationOutput{}
	return out, s.update(c, func(tx *kv.Tx) error {
		d, err := customizable(tx, c.Account, in.UserPoolId.V, in.ClientId.Or(allClients))
		if err != nil {
			return err
		}
		u, err := customizations.Get(tx, inPool(c.Account, d.Pool), d.Pool, in.ClientId.Or(allClients))
		if absent(err) {
			u, err = &customization{Pool: d.Pool, Client: in.ClientId.Or(allClients), Created: c.Now}, nil
		}
		if err != nil {
			return err
		}
		if in.CSS.Set {
			u.CSS = in.CSS.V
		}
		if len(in.ImageFile) > 0 {
			if u.Logo, err = keepAsset(tx, c.Account, d.Pool, in.ImageFile); err != nil {
				return err
			}
		}
		u.Modified = c.Now
		out.UICustomization = u.shown(d)
		return customizations.Put(tx, inPool(c.Account, d.Pool), u)
	})
}

func isLogo(b []byte) bool {
	kind := http.DetectContentType(b)
	return kind == "image/png" || kind == "image/jpeg"
}

// customizable is the domain of a pool whose pages are to look otherwise; the client must be there, or be ALL.
func customizable(tx *kv.Tx, account, poolID, clientID string) (*domain, error) {
	_, err := poolByID(tx, account, poolID)
	if err == nil && clientID != allClients {
		_, _, err = clientOf(tx, account, poolID, clientID)
	}
	if err != nil {
		return nil, err
	}
	d, err := mainDomain(tx, account, poolID)
	if err == nil && d == nil {
		return nil, invalid("There has to be an existing domain associated with this user pool.")
	}
	return d, err
}

func (u *customization) shown(d *domain) *cognitoidp.UICustomizationType {
	t := &cognitoidp.UICustomizationType{
		UserPoolId: wire.Some(u.Pool), ClientId: wire.Some(u.Client), CSS: wire.NonEmpty(u.CSS), CSSVersion: wire.Some(u.Modified.UTC().Format("20060102150405")),
		CreationDate: wire.Some(u.Created), LastModifiedDate: wire.Some(u.Modified),
	}
	if u.Logo != "" {
		t.ImageUrl = wire.Some("https://" + d.publicHost() + assetPath + u.Logo)
	}
	return t
}

// customizationOf is what holds for a client: its own, else that of all, else nothing.
func customizationOf(tx *kv.Tx, account, poolID, clientID string) (*customization, error) {
	u, err := customizations.Get(tx, inPool(account, poolID), poolID, clientID)
	if absent(err) {
		u, err = customizations.Get(tx, inPool(account, poolID), poolID, allClients)
	}
	if absent(err) {
		return nil, nil
	}
	return u, err
}

func (s *Service) getUICustomization(c *wire.Call, in *cognitoidp.GetUICustomizationInput) (*cognitoidp.GetUICustomizationOutput, error) {
	out := &cognitoidp.GetUICustomizationOutput{UICustomization: &cognitoidp.UICustomizationType{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		d, err := customizable(tx, c.Account, in.UserPoolId.V, in.ClientId.Or(allClients))
		if err != nil {
			return err
		}
		u, err := customizationOf(tx, c.Account, d.Pool, in.ClientId.Or(allClients))
		if u != nil {
			out.UICustomization = u.shown(d)
		}
		return err
	})
}

// undress removes what a client's pages had of their own.
func undress(tx *kv.Tx, account, poolID, clientID string) error {
	in := inPool(account, poolID)
	if err := ignoreAbsent(customizations.Delete(tx, in, poolID, clientID)); err != nil {
		return err
	}
	if err := dropBranding(tx, account, poolID, clientID); err != nil {
		return err
	}
	all, err := termsTable.All(tx, in, "client", poolID, clientID)
	for _, t := range all {
		if err := termsTable.Delete(tx, in, poolID, t.ID); err != nil {
			return err
		}
	}
	return err
}

// asset is a part of an image, named by its content: it never changes, and goes with the pool.
type asset struct {
	Pool, ID string
	Part     int64
	Bytes    []byte
}

var assets = record.Table[asset]{Name: "users.asset", Version: 1, Key: func(a *asset) []any { return []any{a.Pool, a.ID, a.Part} }}

const (
	assetPath  = "/assets/"
	assetBytes = 512 << 10 // of one row
)

// keepAsset stores an image and returns its name.
func keepAsset(tx *kv.Tx, account, poolID string, body []byte) (string, error) {
	id := pages.AssetName(body)
	for part := 0; part*assetBytes < len(body); part++ {
		piece := body[part*assetBytes : min(len(body), (part+1)*assetBytes)]
		if err := assets.Put(tx, inPool(account, poolID), &asset{poolID, id, int64(part), piece}); err != nil {
			return "", err
		}
	}
	return id, nil
}

// assetOf reads an image, nil when there is none of the name.
func assetOf(tx *kv.Tx, account, poolID, id string) ([]byte, error) {
	parts, err := assets.All(tx, inPool(account, poolID), "", poolID, id)
	var body bytes.Buffer
	for _, p := range parts {
		body.Write(p.Bytes)
	}
	return body.Bytes(), err
}

// extension is the ending of an asset's name.
func extension(id string) string { return id[strings.LastIndexByte(id, '.')+1:] }
