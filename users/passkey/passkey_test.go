package passkey_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"bothy/users/passkey"
	"bothy/users/passkey/passkeytest"
)

const asked = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

var site = passkey.Site{ID: "example.com"}

func creation() []byte {
	b, _ := json.Marshal(map[string]any{"challenge": asked, "rp": map[string]any{"id": "example.com"}, "user": map[string]any{"id": "YWxpY2U"}})
	return b
}

func request() []byte {
	b, _ := json.Marshal(map[string]any{"challenge": asked, "rpId": "example.com"})
	return b
}

// spoils are what can be wrong with either answer.
var spoils = map[string]struct {
	spoil func(*passkeytest.Authenticator)
	want  error
}{
	"another challenge":             {func(a *passkeytest.Authenticator) { a.Challenge = "BBBB" + asked[4:] }, passkey.ErrResponse},
	"another site's name":           {func(a *passkeytest.Authenticator) { a.RelyingParty = "evil.com" }, passkey.ErrRelyingParty},
	"the name of a subdomain":       {func(a *passkeytest.Authenticator) { a.RelyingParty = "a.example.com" }, passkey.ErrRelyingParty},
	"another site's page":           {func(a *passkeytest.Authenticator) { a.Origin = "https://evil.com" }, passkey.ErrOrigin},
	"a name that ends alike":        {func(a *passkeytest.Authenticator) { a.Origin = "https://evilexample.com" }, passkey.ErrOrigin},
	"ours as a subdomain of theirs": {func(a *passkeytest.Authenticator) { a.Origin = "https://example.com.evil.com" }, passkey.ErrOrigin},
	"ours as a user's name":         {func(a *passkeytest.Authenticator) { a.Origin = "https://example.com@evil.com" }, passkey.ErrOrigin},
	"no TLS":                        {func(a *passkeytest.Authenticator) { a.Origin = "http://example.com" }, passkey.ErrOrigin},
	"an extension":                  {func(a *passkeytest.Authenticator) { a.Origin = "chrome-extension://abcdef" }, passkey.ErrOrigin},
	"a file":                        {func(a *passkeytest.Authenticator) { a.Origin = "null" }, passkey.ErrOrigin},
	"an app without a name":         {func(a *passkeytest.Authenticator) { a.Origin = "android:apk-key-hash:" }, passkey.ErrOrigin},
	"a page in a frame":             {func(a *passkeytest.Authenticator) { a.Cross = true }, passkey.ErrResponse},
	"nobody there":                  {func(a *passkeytest.Authenticator) { a.Absent = true }, passkey.ErrResponse},
	"the other ceremony":            {func(a *passkeytest.Authenticator) { a.Kind = "payment.get" }, passkey.ErrResponse},
}

func TestRegister(t *testing.T) {
	for _, origin := range []string{"https://example.com", "https://app.example.com", "https://example.com:8443", "android:apk-key-hash:abc"} {
		for _, packed := range []bool{false, true} {
			a := &passkeytest.Authenticator{Origin: origin, Packed: packed, Synced: true}
			key, err := site.Register(a.Create(creation()), asked)
			if err != nil || string(key.ID) != string(a.ID) || !key.Synced || key.Attachment != "platform" || strings.Join(key.Transports, " ") != "internal" {
				t.Errorf("%s, attested %v: %+v %v", origin, packed, key, err)
			}
		}
	}
	local := passkey.Site{ID: "localhost"}
	a := &passkeytest.Authenticator{Origin: "http://localhost:3000", RelyingParty: "localhost"}
	if _, err := local.Register(a.Create(creation()), asked); err != nil {
		t.Errorf("at localhost without TLS: %v", err)
	}
	for name, c := range spoils {
		a := &passkeytest.Authenticator{Origin: "https://example.com"}
		c.spoil(a)
		if _, err := site.Register(a.Create(creation()), asked); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	strict := passkey.Site{ID: "example.com", VerifyUser: true}
	if _, err := strict.Register((&passkeytest.Authenticator{Origin: "https://example.com", Unverified: true}).Create(creation()), asked); !errors.Is(err, passkey.ErrResponse) {
		t.Errorf("nobody looked who it is: %v", err)
	}
	var made map[string]any
	good := (&passkeytest.Authenticator{Origin: "https://example.com", Packed: true}).Create(creation())
	if err := json.Unmarshal(good, &made); err != nil {
		t.Fatal(err)
	}
	made["rawId"], made["id"] = "QUJD", "QUJD"
	if _, err := site.Register(encoded(made), asked); !errors.Is(err, passkey.ErrResponse) {
		t.Errorf("another id than attested: %v", err)
	}
	if err := json.Unmarshal(good, &made); err != nil {
		t.Fatal(err)
	}
	response := made["response"].(map[string]any)
	response["clientDataJSON"] = base64.RawURLEncoding.EncodeToString([]byte(`{"type":"webauthn.create","challenge":"` + asked + `","origin":"https://example.com","x":1}`))
	if _, err := site.Register(encoded(made), asked); !errors.Is(err, passkey.ErrResponse) {
		t.Errorf("client data that was not signed: %v", err)
	}
}

func encoded(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}

func TestCheck(t *testing.T) {
	holder := &passkeytest.Authenticator{Origin: "https://example.com", Counts: true}
	key, err := site.Register(holder.Create(creation()), asked)
	if err != nil {
		t.Fatal(err)
	}
	check := func(a *passkeytest.Authenticator, k *passkey.Key) error {
		signed, err := passkey.ParseAssertion(a.Get(request()))
		if err == nil {
			_, err = site.Check(signed, asked, k)
		}
		return err
	}
	if err := check(holder, key); err != nil {
		t.Fatal(err)
	}
	for name, c := range spoils {
		a := *holder
		c.spoil(&a)
		if err := check(&a, key); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, spoil := range map[string]func(a *passkeytest.Authenticator, k *passkey.Key){
		"a count that went back":   func(a *passkeytest.Authenticator, k *passkey.Key) { k.Count = 99 },
		"a count that stood":       func(a *passkeytest.Authenticator, k *passkey.Key) { a.Counts, k.Count = false, a.Count },
		"a count that ended":       func(a *passkeytest.Authenticator, k *passkey.Key) { a.Counts, a.Count, k.Count = false, 0, 5 },
		"a key that now is shared": func(a *passkeytest.Authenticator, k *passkey.Key) { a.Synced = true },
		"another key's id":         func(a *passkeytest.Authenticator, k *passkey.Key) { a.ID = []byte("another") },
	} {
		a, k := *holder, *key
		spoil(&a, &k)
		if err := check(&a, &k); !errors.Is(err, passkey.ErrResponse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	thief := &passkeytest.Authenticator{Origin: "https://example.com", ID: holder.ID, Counts: true, Count: 50}
	thief.Create(creation())
	if err := check(thief, key); !errors.Is(err, passkey.ErrResponse) {
		t.Errorf("signed by another key under the same id: %v", err)
	}
	if _, err := (passkey.Site{ID: "example.com", VerifyUser: true}).Check(unlooked(t, holder), asked, key); !errors.Is(err, passkey.ErrResponse) {
		t.Errorf("nobody looked who it is: %v", err)
	}
	for _, text := range []string{"", "null", "[]", "{}", `{"id":"AA"}`, strings.Repeat(" ", 65<<10)} {
		if _, err := passkey.ParseAssertion([]byte(text)); !errors.Is(err, passkey.ErrResponse) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// unlooked is an assertion by a holder whom the authenticator did not look at.
func unlooked(t *testing.T, holder *passkeytest.Authenticator) *passkey.Assertion {
	t.Helper()
	a := *holder
	a.Unverified = true
	signed, err := passkey.ParseAssertion(a.Get(request()))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestCheckID(t *testing.T) {
	for id, ok := range map[string]bool{
		"example.com": true, "auth.example.com": true, "localhost": true, "": false, "com": false, "https://example.com": false, "example.com:443": false,
		"Example.com": false, "127.0.0.1": false, "::1": false, "example.com/x": false, "exa mple.com": false,
	} {
		if err := passkey.CheckID(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// FuzzResponses: whatever is sent, it is refused or right, and never too much.
func FuzzResponses(f *testing.F) {
	a := &passkeytest.Authenticator{Origin: "https://example.com", Packed: true}
	f.Add(a.Create(creation()))
	f.Add(a.Get(request()))
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`))
	key := &passkey.Key{ID: []byte("another"), Public: []byte{0xa0}}
	f.Fuzz(func(t *testing.T, response []byte) {
		if _, err := site.Register(response, "CCCC"+asked[4:]); err == nil {
			t.Errorf("%q registers under a challenge that it does not answer", response)
		}
		if signed, err := passkey.ParseAssertion(response); err == nil {
			if _, err := site.Check(signed, asked, key); err == nil {
				t.Errorf("%q signs with a key nobody has", response)
			}
		}
	})
}
