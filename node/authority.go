package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"bothy/kv"
	"bothy/record"
)

// caFile is the authority's certificate, for clients to trust.
const caFile = "ca.pem"

// trusted are the names the authority may vouch for, a constraint in its own certificate: whoever trusts it trusts nothing
// beyond the hosts Bothy stands in for.
var trusted = []string{"amazonaws.com", "amazoncognito.com", "cloudfront.net", "localhost"}

var authorityRow = kv.K("node", "authority")

// authority mints certificates per server name, for clients whose hosts are hard-wired.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  func() time.Time

	mu     sync.Mutex
	minted map[string]*tls.Certificate // guarded by mu; bounded
}

const maxMinted = 1024

// openAuthority loads the authority, made at first start: its key sealed in a row, its certificate in DIR/ca.pem.
func openAuthority(ctx context.Context, db *kv.DB, sealer *record.Sealer, dir string, now func() time.Time) (*authority, error) {
	a := &authority{now: now, minted: map[string]*tls.Certificate{}}
	sealed, err := once(ctx, db, authorityRow, func() ([]byte, error) {
		bundle, err := newAuthority(now())
		if err != nil {
			return nil, err
		}
		return sealer.Seal("node.authority", bundle), nil
	})
	if err != nil {
		return nil, err
	}
	bundle, err := sealer.Open("node.authority", sealed)
	if err != nil {
		return nil, err
	}
	if err := a.load(bundle); err != nil {
		return nil, err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	return a, os.WriteFile(filepath.Join(dir, caFile), public, 0o644)
}

// load reads what newAuthority made: certificate and key, in PEM.
func (a *authority) load(bundle []byte) error {
	certBlock, rest := pem.Decode(bundle)
	keyBlock, _ := pem.Decode(rest)
	if certBlock == nil || keyBlock == nil {
		return errors.New("node: authority row is malformed")
	}
	var err error
	if a.cert, err = x509.ParseCertificate(certBlock.Bytes); err != nil {
		return err
	}
	a.key, err = x509.ParseECPrivateKey(keyBlock.Bytes)
	return err
}

func newAuthority(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Bothy local authority", Organization: []string{"Bothy"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, PermittedDNSDomainsCritical: true, PermittedDNSDomains: trusted,
		PermittedIPRanges: []*net.IPNet{{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}, {IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})...), nil
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return n
}

// certificate is the one for the server name a client asked for, or for its address when it asked for none.
func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(hello.ServerName)
	if name == "" {
		name = "localhost"
		if t, ok := hello.Conn.LocalAddr().(*net.TCPAddr); ok {
			name = t.IP.String()
		}
	}
	if !vouched(name) {
		return nil, fmt.Errorf("node: no certificate for %q", name)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.minted[name]; c != nil && a.now().Before(c.Leaf.NotAfter.Add(-time.Hour)) {
		return c, nil
	}
	c, err := a.mint(name)
	if err != nil {
		return nil, err
	}
	if len(a.minted) >= maxMinted {
		clear(a.minted)
	}
	a.minted[name] = c
	return c, nil
}

const maxName = 253 // bytes of a DNS name

// vouched tells whether the authority's constraint covers the name.
func vouched(name string) bool {
	if len(name) > maxName {
		return false
	}
	if ip := net.ParseIP(name); ip != nil {
		return ip.IsLoopback()
	}
	for _, d := range trusted {
		if name == d || strings.HasSuffix(name, "."+d) {
			return true
		}
	}
	return false
}

func (a *authority) mint(name string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := a.now()
	template := &x509.Certificate{
		// no common name: OpenSSL takes one for a DNS name and finds an address outside the constraint
		SerialNumber: serial(), Subject: pkix.Name{Organization: []string{"Bothy"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	// the authority goes along, so that a browser told to trust its key finds it in the chain
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}
