package node

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/record"
)

func newTestAuthority(t *testing.T, db *kv.DB, key byte, dir string) (*authority, error) {
	t.Helper()
	sealer, err := record.NewSealer(bytes.Repeat([]byte{key}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return openAuthority(t.Context(), db, sealer, dir, time.Now)
}

// TestConstraints: whoever trusts the authority trusts it for the hosts Bothy stands in for, and for nothing else, also when
// its key is stolen.
func TestConstraints(t *testing.T) {
	a, err := newTestAuthority(t, kv.New(memkv.New()), 1, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	for name, want := range map[string]bool{
		"localhost": true, "app.localhost": true, "amazonaws.com": true, "cognito-idp.eu-west-1.amazonaws.com": true, "a.b.s3.amazonaws.com": true,
		"abc.cloudfront.net": true, "tasks.auth.eu-west-1.amazoncognito.com": true, "evilamazoncognito.com": false, "127.0.0.1": true, "127.8.8.8": true, "::1": true,
		"bank.example": false, "evilamazonaws.com": false, "amazonaws.com.evil.example": false, "localhost.example": false, "cloudfront.net.": false,
		"10.0.0.1": false, "192.168.1.1": false, "::2": false, "::ffff:10.0.0.1": false, "com": false,
	} {
		if strings.HasSuffix(name, ".") {
			continue // x509 has no such names
		}
		if vouched(name) != want {
			t.Errorf("vouched(%s) is %v", name, !want)
		}
		c, err := a.mint(name) // as a thief would, without asking vouched
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		host := name
		if strings.Contains(name, ":") {
			host = "[" + name + "]"
		}
		_, err = c.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots})
		if (err == nil) != want {
			t.Errorf("a certificate for %s: %v", name, err)
		}
	}
	if vouched(strings.Repeat("a", maxName) + ".localhost") {
		t.Error("a name of any length is minted for")
	}
	below := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "below"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	if !a.cert.MaxPathLenZero || a.cert.MaxPathLen != 0 || !a.cert.PermittedDNSDomainsCritical {
		t.Errorf("the authority may make others: %+v", below.Subject)
	}
}

// TestMinting: certificates are kept while they are good, and no more than so many.
func TestMinting(t *testing.T) {
	a, err := newTestAuthority(t, kv.New(memkv.New()), 1, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	a.now = func() time.Time { return now }
	first, err := a.certificate(hello("LocalHost"))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := a.certificate(hello("localhost")); again != first {
		t.Error("minted again")
	}
	now = first.Leaf.NotAfter
	if later, _ := a.certificate(hello("localhost")); later == first || !later.Leaf.NotAfter.After(now) {
		t.Error("an expired certificate was served")
	}
	for i := range maxMinted + 1 {
		a.minted[string(rune(i))] = first
	}
	if _, err := a.certificate(hello("new.localhost")); err != nil || len(a.minted) > maxMinted {
		t.Errorf("%d kept, %v", len(a.minted), err)
	}
	if c, err := a.certificate(hello("")); err != nil || len(c.Leaf.IPAddresses) != 1 || !c.Leaf.IPAddresses[0].Equal(net.IPv4(127, 0, 0, 7)) {
		t.Errorf("without a name: %v", err)
	}
}

// TestAuthorityKept: the authority is the same after a restart, its key is sealed, and what is not ours is not replaced.
func TestAuthorityKept(t *testing.T) {
	db, dir := kv.New(memkv.New()), t.TempDir()
	a, err := newTestAuthority(t, db, 1, dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newTestAuthority(t, db, 1, dir)
	if err != nil || !a.cert.Equal(b.cert) || !a.key.Equal(b.key) {
		t.Errorf("another authority after a restart: %v", err)
	}
	if _, err := newTestAuthority(t, db, 2, dir); err == nil {
		t.Error("opened with another data key")
	}
	secret, _ := x509.MarshalECPrivateKey(a.key)
	var row []byte
	if err := db.View(t.Context(), func(tx *kv.Tx) (err error) { row, err = tx.Get(authorityRow); return err }); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(row, []byte("PRIVATE")) || bytes.Contains(row, secret[:16]) {
		t.Error("the key stands in the clear")
	}
	public, err := os.ReadFile(filepath.Join(dir, caFile))
	if err != nil || bytes.Contains(public, []byte("PRIVATE")) || !bytes.Contains(public, []byte("CERTIFICATE")) {
		t.Errorf("ca.pem: %v %s", err, public)
	}
}
