package saml

import (
	"errors"
	"strings"
	"testing"

	dsig "github.com/russellhaering/goxmldsig"
)

func TestResponse(t *testing.T) {
	good := pairs()[0]
	inclusive := func(c *dsig.SigningContext) { c.Canonicalizer = dsig.MakeC14N10RecCanonicalizer() }
	for name, document := range map[string]string{
		"signed assertion":              responseText(sign(t, good, assertionText(), nil)),
		"signed response":               sign(t, good, responseText(assertionText()), nil),
		"both":                          sign(t, good, responseText(sign(t, good, assertionText(), nil)), nil),
		"signed in another canon":       responseText(sign(t, good, assertionText("<saml:Assertion ", `<saml:Assertion xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" `), inclusive)),
		"response in another canon":     sign(t, good, responseText(assertionText()), inclusive),
		"without a key in the document": dropKeyInfo(responseText(sign(t, good, assertionText(), nil))),
		"a stranger's key in KeyInfo":   swapKeyInfo(t, responseText(sign(t, good, assertionText(), nil))),
	} {
		a, err := Response(form(document), expected())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a.ID != "_a1" || a.Issuer != idp || a.NameID != (NameID{"ann@example.com", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", "nq", "sq"}) ||
			strings.Join(a.Attributes["groups"], "|") != "a|b & c" || a.AuthnContext != "urn:oasis:names:tc:SAML:2.0:ac:classes:Password" || a.Session != "_s1" ||
			!a.Expires.Equal(now.Add(6*60e9)) || a.InResponseTo != question || a.Recipient != here {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func dropKeyInfo(document string) string {
	before, rest, _ := strings.Cut(document, "<ds:KeyInfo>")
	_, after, _ := strings.Cut(rest, "</ds:KeyInfo>")
	return before + after
}

func swapKeyInfo(t *testing.T, document string) string {
	bad := sign(t, pairs()[1], assertionText(), nil)
	info := bad[strings.Index(bad, "<ds:KeyInfo>"):strings.Index(bad, "</ds:KeyInfo>")]
	start := strings.Index(document, "<ds:KeyInfo>")
	return document[:start] + info + document[strings.Index(document, "</ds:KeyInfo>"):]
}

// TestContentRefused signs well what must not be taken.
func TestContentRefused(t *testing.T) {
	for name, c := range map[string]struct {
		replace []string
		want    error
	}{
		"other issuer":             {[]string{"<saml:Issuer>" + idp, "<saml:Issuer>https://evil.example"}, ErrRefused},
		"other audience":           {[]string{"<saml:Audience>" + ours, "<saml:Audience>urn:amazon:cognito:sp:us-east-1_Other"}, ErrRefused},
		"no audience":              {[]string{"<saml:AudienceRestriction><saml:Audience>" + ours + "</saml:Audience></saml:AudienceRestriction>", ""}, ErrRefused},
		"a second audience rule":   {[]string{"</saml:Conditions>", "<saml:AudienceRestriction><saml:Audience>x</saml:Audience></saml:AudienceRestriction></saml:Conditions>"}, ErrRefused},
		"unknown condition":        {[]string{"</saml:Conditions>", "<saml:Condition/></saml:Conditions>"}, ErrRefused},
		"other recipient":          {[]string{`Recipient="` + here, `Recipient="https://other.example/saml2/idpresponse`}, ErrRefused},
		"no recipient":             {[]string{`Recipient="` + here + `"`, ""}, ErrRefused},
		"other request":            {[]string{`InResponseTo="` + question, `InResponseTo="_another`}, ErrRefused},
		"no request":               {[]string{`InResponseTo="` + question + `"`, ""}, ErrRefused},
		"not for a bearer":         {[]string{"cm:bearer", "cm:sender-vouches"}, ErrRefused},
		"expired confirmation":     {[]string{"12:05:00Z", "11:59:00Z"}, ErrExpired},
		"endless confirmation":     {[]string{`NotOnOrAfter="2026-03-01T12:05:00Z"`, ""}, ErrRefused},
		"expired conditions":       {[]string{"12:10:00Z", "11:59:00Z"}, ErrExpired},
		"not yet":                  {[]string{"T11:59:00Z", "T12:01:01Z"}, ErrExpired},
		"no time":                  {[]string{"12:10:00Z", "whenever"}, ErrRefused},
		"session over":             {[]string{"SessionIndex=", `SessionNotOnOrAfter="2026-03-01T11:59:00Z" SessionIndex=`}, ErrExpired},
		"no sign-in":               {[]string{"saml:AuthnStatement", "saml:AuthzStatement"}, ErrRefused},
		"no subject":               {[]string{"saml:Subject>", "saml:Object>"}, ErrRefused},
		"two names":                {[]string{"<saml:SubjectConfirmation ", "<saml:NameID>eve</saml:NameID><saml:SubjectConfirmation "}, ErrRefused},
		"empty name":               {[]string{"ann@example.com", ""}, ErrRefused},
		"other version":            {[]string{`Version="2.0"`, `Version="1.1"`}, ErrRefused},
		"a signature within":       {[]string{"</saml:AttributeStatement>", `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/></saml:AttributeStatement>`}, ErrRefused},
		"the assertion's ID twice": {[]string{"<saml:AttributeStatement>", `<saml:AttributeStatement ID="_a1">`}, ErrRefused},
		"encrypted beside":         {[]string{"<saml:AttributeStatement>", `<saml:EncryptedAssertion/><saml:AttributeStatement>`}, ErrRefused},
	} {
		document := responseText(sign(t, pairs()[0], assertionText(c.replace...), nil))
		if a, err := Response(form(document), expected()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
	for name, c := range map[string]struct {
		replace []string
		want    error
	}{
		"other issuer":      {[]string{">" + idp, ">https://evil.example"}, ErrRefused},
		"other destination": {[]string{here, "https://other.example/"}, ErrRefused},
		"other request":     {[]string{question, "_another"}, ErrRefused},
		"no success":        {[]string{"status:Success", "status:Responder"}, ErrStatus},
		"no status":         {[]string{"samlp:Status>", "samlp:State>"}, ErrRefused},
		"no response":       {[]string{"samlp:Response", "samlp:LogoutResponse"}, ErrRefused},
	} {
		for _, document := range []string{
			responseText(sign(t, pairs()[0], assertionText(), nil), c.replace...), sign(t, pairs()[0], strings.Replace(responseText(assertionText(), c.replace...), "</samlp:Response>", "</"+root(c.replace)+">", 1), nil),
		} {
			document = strings.Replace(document, "</samlp:Response>", "</"+root(c.replace)+">", 1)
			if a, err := Response(form(document), expected()); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, %v", name, a, err)
			}
		}
	}
}

// root is the name of the root after replacing.
func root(replace []string) string {
	if replace[0] == "samlp:Response" {
		return replace[1]
	}
	return "samlp:Response"
}

func TestSignatureRefused(t *testing.T) {
	good, bad := pairs()[0], pairs()[1]
	signedText := sign(t, good, assertionText(), nil)
	for name, document := range map[string]string{
		"unsigned":              responseText(assertionText()),
		"another's certificate": responseText(sign(t, bad, assertionText(), nil)),
		"response by another":   sign(t, bad, responseText(signedText), nil),
		"a changed name":        responseText(strings.ReplaceAll(signedText, ">ann@", ">eve@")),
		"a changed attribute":   responseText(strings.Replace(signedText, "<saml:AttributeValue>a<", "<saml:AttributeValue>admin<", 1)),
		"SHA-1":                 responseText(sign(t, good, assertionText(), func(c *dsig.SigningContext) { c.Hash = sha1Hash })),
		"a form that keeps remarks": responseText(sign(t, good, assertionText(), func(c *dsig.SigningContext) {
			c.Canonicalizer = dsig.MakeC14N10ExclusiveWithCommentsCanonicalizerWithPrefixList("")
		})),
		"no ID, all of the document": responseText(sign(t, good, assertionText(` ID="_a1"`, ""), nil)),
		"two signatures":             responseText(strings.Replace(signedText, "<ds:Signature", signature(signedText)+"<ds:Signature", 1)),
		"a signature of nothing":     responseText(strings.Replace(signedText, "#_a1", "#_zz", 1)),
		"an object in the signature": responseText(strings.Replace(signedText, "</ds:Signature>", "<ds:Object>"+assertionText("_a1", "_a2")+"</ds:Object></ds:Signature>", 1)),
		"two assertions":             responseText(signedText + assertionText("_a1", "_a2", "ann@", "eve@")),
		"a DTD":                      `<!DOCTYPE x [<!ENTITY e "eve">]>` + responseText(signedText),
		"an instruction":             responseText(`<?x y?>` + signedText),
		"ID with a prefix":           responseText(strings.Replace(signedText, ` ID="_a1"`, ` xmlns:x="x" x:ID="_a2" ID="_a1"`, 1)),
		"ID twice":                   responseText(strings.Replace(signedText, ` ID="_a1"`, ` ID="_a2" ID="_a1"`, 1)),
		"two roots":                  responseText(signedText) + responseText(signedText),
		"nothing":                    "",
		"no XML":                     "<a",
		"too long":                   strings.Repeat(" ", maxResponse) + responseText(signedText),
		"too deep":                   responseText(strings.Repeat("<a>", maxDepth) + strings.Repeat("</a>", maxDepth) + signedText),
		"another character set":      `<?xml version="1.0" encoding="ISO-8859-1"?>` + responseText(signedText),
	} {
		if a, err := Response(form(document), expected()); !errors.Is(err, ErrRefused) || errors.Is(err, ErrExpired) {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
	if _, err := Response("***", expected()); !errors.Is(err, ErrRefused) {
		t.Error("not base64:", err)
	}
}

func signature(document string) string {
	end := strings.Index(document, "</ds:Signature>") + len("</ds:Signature>")
	return document[strings.Index(document, "<ds:Signature"):end]
}

// TestSignedInfoRefused signs well, over the right digest, what says more than "this element".
func TestSignedInfoRefused(t *testing.T) {
	good := pairs()[0]
	document := sign(t, good, assertionText(), nil)
	if _, err := Response(form(responseText(resign(t, good, document))), expected()); err != nil {
		t.Fatal("signed anew and unchanged:", err)
	}
	enveloped := `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`
	canon := `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`
	for name, replace := range map[string][]string{
		"all of the document":  {`URI="#_a1"`, `URI=""`},
		"no transform":         {enveloped + canon, ""},
		"no canonical form":    {enveloped + canon, enveloped},
		"not enveloped":        {enveloped + canon, canon},
		"one transform more":   {canon, canon + canon},
		"other transform":      {canon, `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>`},
		"a second reference":   {"</ds:Reference>", `</ds:Reference><ds:Reference URI="#_b"><ds:DigestValue/></ds:Reference>`},
		"something more":       {"</ds:Reference>", `</ds:Reference><ds:Object/>`},
		"weak digest":          {"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1"},
		"keeps remarks":        {canon, `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#WithComments"/>`},
		"of the element's own": {`<ds:Reference`, `<x:Reference xmlns:x="y"/><ds:Reference`},
	} {
		if a, err := Response(form(responseText(resign(t, good, document, replace...))), expected()); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	weak := sign(t, good, assertionText(), func(c *dsig.SigningContext) { c.Hash = sha1Hash })
	if a, err := Response(form(sign(t, good, responseText(weak), nil)), expected()); !errors.Is(err, ErrRefused) {
		t.Errorf("a weak signature within a good one: %+v, %v", a, err)
	}
}

// TestWrapping moves a well signed element to where it is not read, and puts a forged one where it might be: the eight shapes of
// "On Breaking SAML" (Somorovsky et al., 2012), each with the forgery's ID its own and the same.
func TestWrapping(t *testing.T) {
	good := pairs()[0]
	a := sign(t, good, assertionText(), nil)
	bare := strings.Replace(a, signature(a), "", 1)
	r := sign(t, good, responseText(assertionText()), nil)
	bareR := strings.Replace(r, signature(r), "", 1)
	// Forged elements without a signature, and envelopes: what follows takes the first apart to put others in.
	forge := func(document, id string) string {
		return strings.NewReplacer(">ann@", ">eve@", `"_a1"`, `"`+id+`"`, `"_r1"`, `"`+id+`"`).Replace(document)
	}
	into := func(document, end, inner string) string {
		i := strings.LastIndex(document, end)
		return document[:i] + inner + document[i:]
	}
	behindIssuer := func(document, inner string) string {
		return strings.Replace(document, "</saml:Issuer>", "</saml:Issuer>"+inner, 1)
	}
	for _, id := range []string{"_evil", "same"} {
		ida, idr := id, id
		if id == "same" {
			ida, idr = "_a1", "_r1"
		}
		evilA, evilR := forge(assertionText(), ida), forge(responseText(assertionText()), idr)
		for name, document := range map[string]string{
			"XSW1: response in its own signature":     behindIssuer(evilR, into(signature(r), "</ds:Signature>", bareR)),
			"XSW2: response beside its signature":     behindIssuer(evilR, bareR+signature(r)),
			"XSW3: forged assertion before":           responseText(evilA + a),
			"XSW4: assertion in the forged":           responseText(into(evilA, "</saml:Assertion>", a)),
			"XSW5: assertion at the end":              responseText(behindIssuer(evilA, signature(a)) + bare),
			"XSW6: assertion in its own signature":    responseText(behindIssuer(evilA, into(signature(a), "</ds:Signature>", bare))),
			"XSW7: forged in Extensions":              responseText(`<samlp:Extensions>` + evilA + `</samlp:Extensions>` + a),
			"XSW8: assertion in an Object":            responseText(behindIssuer(evilA, into(signature(a), "</ds:Signature>", "<ds:Object>"+bare+"</ds:Object>"))),
			"assertion in Advice":                     responseText(into(evilA, "</saml:Assertion>", "<saml:Advice>"+a+"</saml:Advice>")),
			"assertion in Extensions, forged beside":  responseText(`<samlp:Extensions>` + a + `</samlp:Extensions>` + evilA),
			"forged assertion in the signed response": into(r, "</samlp:Response>", evilA),
			"response around":                         into(behindIssuer(evilR, signature(r)), "</samlp:Response>", bareR),
		} {
			if got, err := Response(form(document), expected()); !errors.Is(err, ErrRefused) {
				t.Errorf("%s, forgery %s: %+v, %v", name, id, got, err)
			}
		}
	}
}

// TestComments puts remarks where a careless reader stops. They are not signed, so they may come; they change nothing.
func TestComments(t *testing.T) {
	name := func(s string) []string { return []string{">ann@example.com</saml:NameID>", ">" + s + "</saml:NameID>"} }
	document := sign(t, pairs()[0], assertionText(name("ann@example.com.evil.example")...), nil)
	document = strings.Replace(document, ">ann@example.com.evil", ">ann@example.com<!-- -->.evil", 1)
	a, err := Response(form(responseText(document)), expected())
	if err != nil || a.NameID.Value != "ann@example.com.evil.example" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestSeveralCertificates(t *testing.T) {
	want := expected()
	want.Provider.Certificates = append(want.Provider.Certificates, pairs()[1].cert)
	for _, p := range pairs() {
		if _, err := Response(form(responseText(sign(t, p, assertionText(), nil))), want); err != nil {
			t.Error(err)
		}
	}
	want.Provider.Certificates = nil
	if _, err := Response(form(responseText(sign(t, pairs()[0], assertionText(), nil))), want); !errors.Is(err, ErrRefused) {
		t.Error("without certificates:", err)
	}
}

func TestUnsolicited(t *testing.T) {
	answer := []string{` InResponseTo="` + question + `"`, ""}
	document := form(responseText(sign(t, pairs()[0], assertionText(answer...), nil), answer...))
	answers := form(responseText(sign(t, pairs()[0], assertionText(), nil)))
	want := expected()
	if _, err := Response(document, want); !errors.Is(err, ErrRefused) {
		t.Error("an answer to nothing, where one to a request is due:", err)
	}
	want.Request = ""
	if a, err := Response(document, want); err != nil || a.InResponseTo != "" {
		t.Error(err)
	}
	if _, err := Response(answers, want); !errors.Is(err, ErrRefused) {
		t.Error("an answer to another's request:", err)
	}
	want.AnyRequest = true
	for _, d := range []string{document, answers} {
		if _, err := Response(d, want); err != nil {
			t.Error(err)
		}
	}
}

func TestSkew(t *testing.T) {
	document := form(responseText(sign(t, pairs()[0], assertionText(), nil)))
	for at, want := range map[string]error{"11:57:59": ErrExpired, "11:58:00": nil, "12:05:59": nil, "12:06:00": ErrExpired} {
		e := expected()
		e.Now, _ = moment("2026-03-01T" + at + "Z")
		if _, err := Response(document, e); !errors.Is(err, want) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// FuzzResponse cuts something out of well signed responses and puts something in.
func FuzzResponse(f *testing.F) {
	good := pairs()[0]
	whole := []string{responseText(sign(f, good, assertionText(), nil)), sign(f, good, responseText(assertionText()), nil)}
	f.Add(false, uint16(0), uint16(0), "")
	f.Add(true, uint16(1400), uint16(0), "<!-- -->")
	f.Add(false, uint16(500), uint16(100), `<x:a xmlns:x="y" ID="_a1"/>`)
	f.Add(false, uint16(0), uint16(9999), `<a b="&#1;" b:c="d"><![CDATA[x]]></a>`)
	f.Fuzz(func(t *testing.T, response bool, at, cut uint16, in string) {
		document := whole[0]
		if response {
			document = whole[1]
		}
		start := min(int(at), len(document))
		document = document[:start] + in + document[min(start+int(cut), len(document)):]
		a, err := Response(form(document), expected())
		if err == nil && (a.NameID.Value != "ann@example.com" || a.ID != "_a1" || strings.Join(a.Attributes["groups"], "|") != "a|b & c") {
			t.Errorf("%q: %+v", document, a)
		}
		if err != nil && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrStatus) {
			t.Error(err)
		}
	})
}
