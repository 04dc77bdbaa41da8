package main

import (
	"fmt"
	"strings"
)

func (g *generator) operations() {
	md := g.Metadata
	signing := md.SigningName
	if signing == "" {
		signing = md.EndpointPrefix
	}
	g.p("// API describes the service to wire.")
	g.p("var API = &wire.API{")
	g.p("Name: %q, ID: %q, Version: %q, Protocol: %q, JSONVersion: %q,", g.pkg, md.ServiceID, md.APIVersion, md.Protocol, md.JSONVersion)
	g.p("SigningName: %q, EndpointPrefix: %q, TargetPrefix: %q, Namespace: %q,", signing, md.EndpointPrefix, md.TargetPrefix, g.apiNamespace())
	g.p("Enums: enums, Patterns: patterns, Ops: ops[:],\n}\n")
	g.p("// The operations.\nvar (")
	for i, name := range g.ops {
		in, out := g.types2(name)
		g.p("%s = wire.Op[%s, %s]{API: API, Info: &ops[%d]}", exported(name), in, out, i)
	}
	g.p(")\n\nvar ops = [...]wire.OpInfo{")
	for _, name := range g.ops {
		g.p("%s", g.info(name))
	}
	g.p("}\n")
	g.p("var enums = [][]string{")
	for _, e := range g.enums.list {
		g.p("{%s},", quoteAll(strings.Split(e, "\x00")))
	}
	g.p("}\n\nvar patterns = []string{")
	for _, e := range g.patterns.list {
		g.p("%q,", e)
	}
	g.p("}")
}

func (g *generator) apiNamespace() string {
	if g.Metadata.XMLNamespace != "" {
		return g.Metadata.XMLNamespace
	}
	for _, name := range g.ops { // rest-xml says it on the inputs
		if o := g.Operations.m[name]; o.Input != nil {
			if ns := namespace(o.Input.XMLNamespace); ns != "" {
				return ns
			}
		}
	}
	if g.pkg == "s3" {
		return "http://s3.amazonaws.com/doc/2006-03-01/"
	}
	return ""
}

func (g *generator) types2(op string) (in, out string) {
	o := g.Operations.m[op]
	in, out = exported(op)+"Input", exported(op)+"Output"
	if o.Input != nil {
		in = g.goName(o.Input.Shape)
	}
	if o.Output != nil {
		out = g.goName(o.Output.Shape)
	}
	return in, out
}

func (g *generator) info(name string) string {
	o := g.Operations.m[name]
	b := fmt.Sprintf("{Name: %q, Method: %q, URI: %q", name, o.HTTP.Method, o.HTTP.RequestURI)
	if c := o.HTTP.ResponseCode; c != 0 && c != 200 {
		b += fmt.Sprintf(", Status: %d", c)
	}
	if o.Output != nil && o.Output.ResultWrapper != "" {
		b += fmt.Sprintf(", Wrapper: %q", o.Output.ResultWrapper)
	}
	if o.Output != nil && g.Metadata.Protocol == "rest-xml" {
		root := g.Shapes.m[o.Output.Shape].LocationName
		if root == "" {
			root = o.Output.Shape
		}
		if fix := xmlRoots[g.pkg+"."+name]; fix != "" {
			root = fix
		}
		b += fmt.Sprintf(", Root: %q", root)
	}
	if needs := g.needs(o); len(needs) > 0 {
		b += fmt.Sprintf(", Needs: []string{%s}", quoteAll(needs))
	}
	if len(o.Auth) > 0 && o.Auth[0] == "smithy.api#noAuth" {
		b += ", NoAuth: true"
	}
	return b + "},"
}

// needs lists the query and header members without which a REST request is not this operation: "q:uploadId".
func (g *generator) needs(o *operation) []string {
	if o.Input == nil || !strings.HasPrefix(g.Metadata.Protocol, "rest") {
		return nil
	}
	var out []string
	s := g.Shapes.m[o.Input.Shape]
	for _, k := range s.Required {
		switch r := s.Members.m[k]; r.Location {
		case "querystring":
			out = append(out, "q:"+r.LocationName)
		case "header":
			out = append(out, "h:"+r.LocationName)
		}
	}
	return out
}

// xmlRoots are the root elements S3 sends where the model's shape has another name (S3 API reference, response syntax).
var xmlRoots = map[string]string{
	"s3.ListBuckets":                      "ListAllMyBucketsResult",
	"s3.ListObjects":                      "ListBucketResult",
	"s3.ListObjectsV2":                    "ListBucketResult",
	"s3.ListObjectVersions":               "ListVersionsResult",
	"s3.ListMultipartUploads":             "ListMultipartUploadsResult",
	"s3.ListParts":                        "ListPartsResult",
	"s3.CreateMultipartUpload":            "InitiateMultipartUploadResult",
	"s3.CompleteMultipartUpload":          "CompleteMultipartUploadResult",
	"s3.DeleteObjects":                    "DeleteResult",
	"s3.GetBucketLocation":                "LocationConstraint",
	"s3.GetBucketCors":                    "CORSConfiguration",
	"s3.GetBucketVersioning":              "VersioningConfiguration",
	"s3.GetBucketWebsite":                 "WebsiteConfiguration",
	"s3.GetBucketTagging":                 "Tagging",
	"s3.GetObjectTagging":                 "Tagging",
	"s3.GetBucketAcl":                     "AccessControlPolicy",
	"s3.GetObjectAcl":                     "AccessControlPolicy",
	"s3.GetBucketLogging":                 "BucketLoggingStatus",
	"s3.GetBucketRequestPayment":          "RequestPaymentConfiguration",
	"s3.GetBucketAccelerateConfiguration": "AccelerateConfiguration",
	"s3.GetBucketLifecycleConfiguration":  "LifecycleConfiguration",
	"s3.GetObjectAttributes":              "GetObjectAttributesResponse",
}

func quoteAll(s []string) string {
	var b strings.Builder
	for i, v := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", v)
	}
	return b.String()
}
