package users

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// branding is how pages of the second kind look for a client: AWS's settings document, and images.
type branding struct {
	Pool, ID, Client  string
	Provided          bool // use the usual look, whatever the settings say
	Settings          json.RawMessage
	Assets            []brandingAsset
	Created, Modified time.Time
}

// brandingAsset is an image in its place. Asset names the bytes.
type brandingAsset struct {
	Category, Mode, Extension, Resource string
	Asset                               string
}

var brandings = record.Table[branding]{
	Name: "users.branding", Version: 1, Key: func(b *branding) []any { return []any{b.Pool, b.ID} },
	Indexes: []record.Index[branding]{{Name: "client", Unique: true, Keys: func(b *branding) [][]any { return [][]any{{b.Pool, b.Client}} }}},
}

func (s *Service) mountBranding(m *wire.Mux) {
	onPool(m, cognitoidp.CreateManagedLoginBranding, func(in *cognitoidp.CreateManagedLoginBrandingInput) string { return in.UserPoolId.V }, s.createManagedLoginBranding)
	onPool(m, cognitoidp.DescribeManagedLoginBranding, func(in *cognitoidp.DescribeManagedLoginBrandingInput) string { return in.UserPoolId.V }, s.describeManagedLoginBranding)
	onPool(m, cognitoidp.DescribeManagedLoginBrandingByClient, func(in *cognitoidp.DescribeManagedLoginBrandingByClientInput) string { return in.UserPoolId.V }, s.describeManagedLoginBrandingByClient)
	onPool(m, cognitoidp.UpdateManagedLoginBranding, func(in *cognitoidp.UpdateManagedLoginBrandingInput) string { return in.UserPoolId.V }, s.updateManagedLoginBranding)
	onPool(m, cognitoidp.DeleteManagedLoginBranding, func(in *cognitoidp.DeleteManagedLoginBrandingInput) string { return in.UserPoolId.V }, s.deleteManagedLoginBranding)
}

func (s *Service) createManagedLoginBranding(c *wire.Call, in *cognitoidp.CreateManagedLoginBrandingInput) (*cognitoidp.CreateManagedLoginBrandingOutput, error) {
	out := &cognitoidp.CreateManagedLoginBrandingOutput{}
	return out, s.update(c, func(tx *kv.Tx) error {
		if _, _, err := clientOf(tx, c.Account, in.UserPoolId.V, in.ClientId.V); err != nil {
			return err
		}
		b := &branding{Pool: in.UserPoolId.V, ID: wire.NewUUID(), Client: in.ClientId.V, Created: c.Now}
		if err := b.set(tx, c, in.UseCognitoProvidedValues.V, in.Settings, in.Assets); err != nil {
			return err
		}
		err := brandings.Insert(tx, inPool(c.Account, b.Pool), b)
		if taken := (*record.ErrExists)(nil); errors.As(err, &taken) {
			return &cognitoidp.ManagedLoginBrandingExistsException{Message: wire.Some("The client has a branding style already.")}
		}
		if err == nil {
			out.ManagedLoginBranding, err = b.shown(tx, c.Account)
		}
		return err
	})
}

// set changes what is given of a style; images replace those of the same place.
func (b *branding) set(tx *kv.Tx, c *wire.Call, provided bool, settings wire.Document, images []cognitoidp.AssetType) error {
	if provided && (len(settings) > 0 || len(images) > 0) {
		return invalid("UseCognitoProvidedValues can not be given together with Settings or Assets.")
	}
	if len(settings) > 0 {
		if object := (map[string]any)(nil); json.Unmarshal(settings, &object) != nil || len(settings) > assetBytes {
			return invalid("Settings must be a JSON object of at most %d bytes.", assetBytes)
		}
		b.Settings = json.RawMessage(settings)
	}
	for _, image := range images {
		if err := b.setImage(tx, c.Account, image); err != nil {
			return err
		}
	}
	b.Provided, b.Modified = provided, c.Now
	return nil
}

func (b *branding) setImage(tx *kv.Tx, account string, image cognitoidp.AssetType) error {
	a := brandingAsset{Category: image.Category.V, Mode: image.ColorMode.V, Extension: image.Extension.V, Resource: image.ResourceId.V}
	b.Assets = slices.DeleteFunc(b.Assets, func(o brandingAsset) bool { o.Asset, o.Extension = "", a.Extension; return o == a })
	if len(image.Bytes) == 0 {
		return invalid("The asset %s has no bytes.", a.Category)
	}
	id, err := keepAsset(tx, account, b.Pool, image.Bytes)
	if err != nil {
		return err
	}
	if a.Asset = id; !a.genuine() {
		return invalid("The bytes of the asset %s are no %s image.", a.Category, a.Extension)
	}
	b.Assets = append(b.Assets, a)
	return nil
}

// genuine tells whether the bytes are what the extension says: what is served as an image must be one.
func (a *brandingAsset) genuine() bool {
	return extension(a.Asset) == map[string]string{"ICO": "ico", "JPEG": "jpg", "PNG": "png", "SVG": "svg", "WEBP": "webp"}[a.Extension]
}

func (b *branding) shown(tx *kv.Tx, account string) (*cognitoidp.ManagedLoginBrandingType, error) {
	t := &cognitoidp.ManagedLoginBrandingType{
		ManagedLoginBrandingId: wire.Some(b.ID), UserPoolId: wire.Some(b.Pool), UseCognitoProvidedValues: wire.Some(b.Provided), Settings: wire.Document(b.Settings),
		CreationDate: wire.Some(b.Created), LastModifiedDate: wire.Some(b.Modified), Assets: []cognitoidp.AssetType{},
	}
	for _, a := range b.Assets {
		body, err := assetOf(tx, account, b.Pool, a.Asset)
		if err != nil {
			return nil, err
		}
		t.Assets = append(t.Assets, cognitoidp.AssetType{
			Category: wire.Some(a.Category), ColorMode: wire.Some(a.Mode), Extension: wire.Some(a.Extension), ResourceId: wire.NonEmpty(a.Resource), Bytes: body,
		})
	}
	return t, nil
}

// brandingByID reads a style of a pool.
func brandingByID(tx *kv.Tx, account, poolID, id string) (*branding, error) {
	if _, err := poolByID(tx, account, poolID); err != nil {
		return nil, err
	}
	b, err := brandings.Get(tx, inPool(account, poolID), poolID, id)
	if absent(err) {
		return nil, notFound("Managed login branding %s does not exist.", id)
	}
	return b, err
}

// brandingOf reads the style of a client, nil when it has none.
func brandingOf(tx *kv.Tx, account, poolID, clientID string) (*branding, error) {
	b, err := brandings.Find(tx, inPool(account, poolID), "client", poolID, clientID)
	if absent(err) {
		return nil, nil
	}
	return b, err
}

func (s *Service) describeManagedLoginBranding(c *wire.Call, in *cognitoidp.DescribeManagedLoginBrandingInput) (*cognitoidp.DescribeManagedLoginBrandingOutput, error) {
	out := &cognitoidp.DescribeManagedLoginBrandingOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		b, err := brandingByID(tx, c.Account, in.UserPoolId.V, in.ManagedLoginBrandingId.V)
		if err == nil {
			out.ManagedLoginBranding, err = b.shown(tx, c.Account)
		}
		return err
	})
}

func (s *Service) describeManagedLoginBrandingByClient(c *wire.Call, in *cognitoidp.DescribeManagedLoginBrandingByClientInput) (*cognitoidp.DescribeManagedLoginBrandingByClientOutput, error) {
	out := &cognitoidp.DescribeManagedLoginBrandingByClientOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		if _, _, err := clientOf(tx, c.Account, in.UserPoolId.V, in.ClientId.V); err != nil {
			return err
		}
		b, err := brandingOf(tx, c.Account, in.UserPoolId.V, in.ClientId.V)
		if err == nil && b == nil {
			return notFound("The client %s has no managed login branding.", in.ClientId.V)
		}
		if err == nil {
			out.ManagedLoginBranding, err = b.shown(tx, c.Account)
		}
		return err
	})
}

func (s *Service) updateManagedLoginBranding(c *wire.Call, in *cognitoidp.UpdateManagedLoginBrandingInput) (*cognitoidp.UpdateManagedLoginBrandingOutput, error) {
	out := &cognitoidp.UpdateManagedLoginBrandingOutput{}
	return out, s.update(c, func(tx *kv.Tx) error {
		b, err := brandingByID(tx, c.Account, in.UserPoolId.V, in.ManagedLoginBrandingId.V)
		if err != nil {
			return err
		}
		if err := b.set(tx, c, in.UseCognitoProvidedValues.V, in.Settings, in.Assets); err != nil {
			return err
		}
		if err := brandings.Put(tx, inPool(c.Account, b.Pool), b); err != nil {
			return err
		}
		out.ManagedLoginBranding, err = b.shown(tx, c.Account)
		return err
	})
}

func (s *Service) deleteManagedLoginBranding(c *wire.Call, in *cognitoidp.DeleteManagedLoginBrandingInput) (*cognitoidp.DeleteManagedLoginBrandingOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		b, err := brandingByID(tx, c.Account, in.UserPoolId.V, in.ManagedLoginBrandingId.V)
		if err != nil {
			return err
		}
		return brandings.Delete(tx, inPool(c.Account, b.Pool), b.Pool, b.ID)
	})
}

func dropBranding(tx *kv.Tx, account, poolID, clientID string) error {
	b, err := brandingOf(tx, account, poolID, clientID)
	if err != nil || b == nil {
		return err
	}
	return brandings.Delete(tx, inPool(account, poolID), poolID, b.ID)
}
