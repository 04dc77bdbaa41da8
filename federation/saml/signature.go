package saml

import (
	"crypto/x509"
	"regexp"
	"slices"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// Algorithms that are taken: no SHA-1, and no canonical form that keeps comments.
var (
	signatureMethods = []string{dsig.RSASHA256SignatureMethod, dsig.RSASHA384SignatureMethod, dsig.RSASHA512SignatureMethod}
	digestMethods    = []string{
		"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512",
	}
	canonicalForms = []string{
		string(dsig.CanonicalXML10ExclusiveAlgorithmId), string(dsig.CanonicalXML10RecAlgorithmId), string(dsig.CanonicalXML11AlgorithmId),
	}
	idShape = regexp.MustCompile(`^[A-Za-z_][\w.-]{0,255}$`)
)

// verified returns the element as its own signature covers it, parsed from the bytes that were hashed. The signature must be right
// below the element, and of one of the certificates: they are keys and nothing more, so what the document says of keys, and when
// certificates end, is not looked at.
func verified(el *etree.Element, by []*x509.Certificate) (*etree.Element, error) {
	if err := checkShape(el); err != nil {
		return nil, err
	}
	context, err := etreeutils.NSBuildParentContext(el)
	if err != nil {
		return nil, refused("%v", err)
	}
	alone, err := etreeutils.NSDetatch(context, el)
	if err != nil {
		return nil, refused("%v", err)
	}
	signature := child(alone, nsSignature, "Signature")
	for _, info := range children(signature, nsSignature, "KeyInfo") {
		signature.RemoveChild(info)
	}
	reason := error(refused("the provider's metadata has no signing certificate"))
	for _, cert := range by {
		got, err := validate(alone, cert)
		if err == nil && got.Tag == el.Tag && got.NamespaceURI() == el.NamespaceURI() && attr(got, "ID") == attr(el, "ID") {
			return got, nil
		}
		reason = refused("the signature of %s %s is not of the provider's certificate %s: %v", el.Tag, attr(el, "ID"), cert.Subject, err)
	}
	return nil, reason
}

func validate(el *etree.Element, cert *x509.Certificate) (*etree.Element, error) {
	v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
	v.Clock = dsig.NewFakeClockAt(cert.NotBefore)
	return v.Validate(el)
}

// checkShape refuses signatures that say more, or something else, than "this element, and nothing but its signature left out".
func checkShape(el *etree.Element) error {
	id, s := attr(el, "ID"), child(el, nsSignature, "Signature")
	if s == nil || !idShape.MatchString(id) {
		return refused("%s has not exactly one signature, or no ID", el.Tag)
	}
	if !consists(s, "SignedInfo", "SignatureValue", "KeyInfo") {
		return refused("the signature of %s has other parts than a signature", id)
	}
	info := child(s, nsSignature, "SignedInfo")
	if info == nil || !consists(info, "CanonicalizationMethod", "SignatureMethod", "Reference") {
		return refused("the signature of %s has not exactly one SignedInfo, or one with other parts", id)
	}
	ref := child(info, nsSignature, "Reference")
	if ref == nil || attr(ref, "URI") != "#"+id || !consists(ref, "Transforms", "DigestMethod", "DigestValue") {
		return refused("the signature in %s is not of it, or not of it alone", id)
	}
	for _, a := range []struct {
		in      *etree.Element
		tag     string
		allowed []string
	}{{info, "CanonicalizationMethod", canonicalForms}, {info, "SignatureMethod", signatureMethods}, {ref, "DigestMethod", digestMethods}} {
		if got := algorithm(child(a.in, nsSignature, a.tag)); !slices.Contains(a.allowed, got) {
			return refused("the signature of %s has the %s %q, which is not taken", id, a.tag, got)
		}
	}
	return checkTransforms(id, child(ref, nsSignature, "Transforms"))
}

// checkTransforms takes two: leave out the signature, then write in a canonical form.
func checkTransforms(id string, el *etree.Element) error {
	if el == nil || !consists(el, "Transform") {
		return refused("the signature of %s has no transforms", id)
	}
	all := children(el, nsSignature, "Transform")
	if len(all) != 2 || algorithm(all[0]) != string(dsig.EnvelopedSignatureAltorithmId) || !slices.Contains(canonicalForms, algorithm(all[1])) {
		return refused("the signature of %s has transforms that are not taken", id)
	}
	return nil
}

// consists tells whether all elements right below are of the names, which are of XML Signature.
func consists(el *etree.Element, tags ...string) bool {
	return !slices.ContainsFunc(el.ChildElements(), func(c *etree.Element) bool { return c.NamespaceURI() != nsSignature || !slices.Contains(tags, c.Tag) })
}

func algorithm(el *etree.Element) string {
	if el == nil {
		return ""
	}
	return attr(el, "Algorithm")
}
