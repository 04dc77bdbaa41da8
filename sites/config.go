package sites

import (
	"regexp"
	"strings"

	"bothy/api/cloudfront"
	"bothy/wire"
)

var aliasName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$`)

// checkConfig admits what can be served, and refuses the rest by name rather than serve it otherwise than was said.
func (s *Service) checkConfig(c *cloudfront.DistributionConfig) error {
	invalid := func(message string) error { return &cloudfront.InvalidArgument{Message: wire.Some(message)} }
	switch {
	case c.CallerReference.V == "" || !c.Enabled.Set:
		return invalid("The parameter CallerReference and Enabled are required.")
	case c.Origins == nil || len(c.Origins.Items) == 0 || c.DefaultCacheBehavior == nil:
		return invalid("The parameter Origins and DefaultCacheBehavior are required.")
	case int(c.Origins.Quantity.V) != len(c.Origins.Items) || c.Aliases != nil && int(c.Aliases.Quantity.V) != len(c.Aliases.Items):
		return &cloudfront.InconsistentQuantities{Message: wire.Some("The value of Quantity and the size of Items don't match.")}
	case strings.HasPrefix(c.DefaultRootObject.V, "/"):
		return &cloudfront.InvalidDefaultRootObject{Message: wire.Some("The default root object file name is too big or contains an invalid character.")}
	case c.WebACLId.V != "" || c.OriginGroups != nil && len(c.OriginGroups.Items) > 0 || c.Staging.V || c.ViewerMtlsConfig != nil || c.ConnectionFunctionAssociation != nil || c.TenantConfig != nil:
		return unsupported("web ACLs, origin groups, staging, tenants and client certificates")
	case c.Restrictions != nil && c.Restrictions.GeoRestriction != nil && c.Restrictions.GeoRestriction.RestrictionType.Or("none") != "none":
		return unsupported("geographic restrictions")
	}
	if err := s.checkAliases(c.Aliases); err != nil {
		return err
	}
	if err := checkOrigins(c.Origins.Items); err != nil {
		return err
	}
	return checkBehaviors(c)
}

// checkAliases keeps names that AWS's services or this node's own answer to from a distribution.
func (s *Service) checkAliases(list *cloudfront.Aliases) error {
	if list == nil {
		return nil
	}
	for _, a := range list.Items {
		name := strings.ToLower(a)
		bad := !aliasName.MatchString(name)
		for _, d := range append([]string{"amazonaws.com", "cloudfront.net"}, s.cfg.Domains...) {
			bad = bad || name == d || strings.HasSuffix(name, "."+d)
		}
		if bad {
			return &cloudfront.InvalidArgument{Message: wire.Some("The parameter CNAME contains a value that is not valid: " + a)}
		}
	}
	return nil
}

func unsupported(what string) error {
	return &cloudfront.UnsupportedOperation{Message: wire.Some("Not implemented by this node: " + what + ".")}
}

func checkOrigins(list []cloudfront.Origin) error {
	for _, o := range list {
		switch {
		case o.S3OriginConfig != nil && o.S3OriginConfig.OriginAccessIdentity.V != "", o.OriginAccessControlId.V != "":
			return unsupported("origin access identities and controls: the bucket's objects must be public")
		case !bucketOrigin(o.DomainName.V).ok:
			return &cloudfront.InvalidOrigin{Message: wire.Some("The specified origin server does not exist or is not valid: this node serves buckets and their websites.")}
		case o.OriginPath.V != "" && (!strings.HasPrefix(o.OriginPath.V, "/") || strings.HasSuffix(o.OriginPath.V, "/")):
			return &cloudfront.InvalidArgument{Message: wire.Some("The parameter OriginPath must begin with a slash and not end with one.")}
		}
	}
	return nil
}

// checkBehaviors holds that every behaviour has an origin, and that none would hide files from whom it should or run code.
func checkBehaviors(c *cloudfront.DistributionConfig) error {
	for _, b := range behaviors(c) {
		if _, ok := originOf(c, b.origin); !ok {
			return &cloudfront.NoSuchOrigin{Message: wire.Some("No origin exists with the specified Origin Id: " + b.origin)}
		}
		if b.signers {
			return unsupported("signed URLs and cookies")
		}
		if b.functions {
			return unsupported("functions at the edge")
		}
		if b.pattern == "" {
			return &cloudfront.InvalidArgument{Message: wire.Some("The parameter PathPattern is required.")}
		}
		switch b.protocol {
		case "allow-all", "redirect-to-https", "https-only":
		default:
			return &cloudfront.InvalidArgument{Message: wire.Some("The parameter ViewerProtocolPolicy is not valid.")}
		}
	}
	return nil
}

// behavior is what this service regards of a cache behaviour.
type behavior struct {
	pattern, origin, protocol string
	signers, functions        bool
}

// behaviors are the cache behaviours in the order they are tried, the default one last.
func behaviors(c *cloudfront.DistributionConfig) []behavior {
	var out []behavior
	signed := func(s *cloudfront.TrustedSigners, g *cloudfront.TrustedKeyGroups) bool {
		return s != nil && (s.Enabled.V || len(s.Items) > 0) || g != nil && (g.Enabled.V || len(g.Items) > 0)
	}
	run := func(l *cloudfront.LambdaFunctionAssociations, f *cloudfront.FunctionAssociations) bool {
		return l != nil && len(l.Items) > 0 || f != nil && len(f.Items) > 0
	}
	if c.CacheBehaviors != nil {
		for _, b := range c.CacheBehaviors.Items {
			out = append(out, behavior{b.PathPattern.V, b.TargetOriginId.V, b.ViewerProtocolPolicy.V, signed(b.TrustedSigners, b.TrustedKeyGroups), run(b.LambdaFunctionAssociations, b.FunctionAssociations)})
		}
	}
	d := c.DefaultCacheBehavior
	return append(out, behavior{"*", d.TargetOriginId.V, d.ViewerProtocolPolicy.V, signed(d.TrustedSigners, d.TrustedKeyGroups), run(d.LambdaFunctionAssociations, d.FunctionAssociations)})
}

func originOf(c *cloudfront.DistributionConfig, id string) (cloudfront.Origin, bool) {
	for _, o := range c.Origins.Items {
		if o.Id.V == id {
			return o, true
		}
	}
	return cloudfront.Origin{}, false
}
