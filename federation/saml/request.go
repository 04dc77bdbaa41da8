package saml

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// Request asks an identity provider to sign somebody in.
type Request struct {
	ID          string // of NewID; the response names it
	Issuer      string // our entity id
	Destination string // the provider's URL
	Recipient   string // our URL, to which the response is to be posted
	Issued      time.Time
	Force       bool // to sign in anew, whoever the provider remembers
}

// NewID is an unguessable id for a request.
func NewID() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails
	return "_" + hex.EncodeToString(b)
}

func (r *Request) document() []byte {
	doc := etree.NewDocument()
	el := doc.CreateElement("samlp:AuthnRequest")
	for _, a := range [][2]string{
		{"xmlns:samlp", nsProtocol}, {"xmlns:saml", nsAssertion}, {"ID", r.ID}, {"Version", "2.0"}, {"IssueInstant", r.Issued.UTC().Format(time.RFC3339)},
		{"Destination", r.Destination}, {"AssertionConsumerServiceURL", r.Recipient}, {"ProtocolBinding", bindingPost},
	} {
		el.CreateAttr(a[0], a[1])
	}
	if r.Force {
		el.CreateAttr("ForceAuthn", "true")
	}
	el.CreateElement("saml:Issuer").SetText(r.Issuer)
	b, _ := doc.WriteToBytes() // into memory
	return b
}

// escape writes blanks as %20: providers write the query anew before they check its signature, and know no other way.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// Redirect is the URL that carries the request and the relay state to the provider (HTTP-Redirect binding). With a key it is
// signed, by RSA with SHA-256.
func (r *Request) Redirect(relay string, key *rsa.PrivateKey) (string, error) {
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestCompression) // a level that exists
	_, _ = w.Write(r.document())                            // into memory
	_ = w.Close()
	query := "SAMLRequest=" + escape(base64.StdEncoding.EncodeToString(packed.Bytes()))
	if relay != "" {
		query += "&RelayState=" + escape(relay)
	}
	if key != nil {
		query += "&SigAlg=" + escape(dsig.RSASHA256SignatureMethod)
		sum := sha256.Sum256([]byte(query))
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			return "", err
		}
		query += "&Signature=" + escape(base64.StdEncoding.EncodeToString(signature))
	}
	joint := "?"
	if strings.Contains(r.Destination, "?") {
		joint = "&"
	}
	return r.Destination + joint + query, nil
}
