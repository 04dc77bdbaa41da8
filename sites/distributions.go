package sites

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"bothy/api/cloudfront"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func (s *Service) arn(account, id string) string {
	return "arn:aws:cloudfront::" + account + ":distribution/" + id
}

func (s *Service) accessCreate(c *wire.Call, _ *cloudfront.CreateDistributionInput) ([]wire.Access, error) {
	return wire.One("cloudfront:CreateDistribution", s.arn(c.Account, "*"), nil), nil
}

func (s *Service) accessCreateTagged(c *wire.Call, _ *cloudfront.CreateDistributionWithTagsInput) ([]wire.Access, error) {
	all := s.arn(c.Account, "*")
	return []wire.Access{{Action: "cloudfront:CreateDistribution", Resource: all}, {Action: "cloudfront:TagResource", Resource: all}}, nil
}

func (s *Service) accessGet(c *wire.Call, in *cloudfront.GetDistributionInput) ([]wire.Access, error) {
	return wire.One("cloudfront:GetDistribution", s.arn(c.Account, in.Id.V), nil), nil
}

func (s *Service) accessGetConfig(c *wire.Call, in *cloudfront.GetDistributionConfigInput) ([]wire.Access, error) {
	return wire.One("cloudfront:GetDistributionConfig", s.arn(c.Account, in.Id.V), nil), nil
}

func (s *Service) accessUpdate(c *wire.Call, in *cloudfront.UpdateDistributionInput) ([]wire.Access, error) {
	return wire.One("cloudfront:UpdateDistribution", s.arn(c.Account, in.Id.V), nil), nil
}

func (s *Service) accessDelete(c *wire.Call, in *cloudfront.DeleteDistributionInput) ([]wire.Access, error) {
	return wire.One("cloudfront:DeleteDistribution", s.arn(c.Account, in.Id.V), nil), nil
}

func (s *Service) accessList(*wire.Call, *cloudfront.ListDistributionsInput) ([]wire.Access, error) {
	return wire.One("cloudfront:ListDistributions", "*", nil), nil
}

func (s *Service) accessTags(c *wire.Call, in *cloudfront.ListTagsForResourceInput) ([]wire.Access, error) {
	return wire.One("cloudfront:ListTagsForResource", in.Resource.V, nil), nil
}

func (s *Service) createDistribution(c *wire.Call, in *cloudfront.CreateDistributionInput) (*cloudfront.CreateDistributionOutput, error) {
	d, err := s.create(c, in.DistributionConfig, nil)
	if err != nil {
		return nil, err
	}
	return &cloudfront.CreateDistributionOutput{Distribution: s.show(d), ETag: wire.Some(d.Version), Location: wire.Some(locationOf(d))}, nil
}

func (s *Service) createTagged(c *wire.Call, in *cloudfront.CreateDistributionWithTagsInput) (*cloudfront.CreateDistributionWithTagsOutput, error) {
	if in.DistributionConfigWithTags == nil {
		return nil, missingBody()
	}
	var tags []cloudfront.Tag
	if t := in.DistributionConfigWithTags.Tags; t != nil {
		tags = t.Items
	}
	d, err := s.create(c, in.DistributionConfigWithTags.DistributionConfig, tags)
	if err != nil {
		return nil, err
	}
	return &cloudfront.CreateDistributionWithTagsOutput{Distribution: s.show(d), ETag: wire.Some(d.Version), Location: wire.Some(locationOf(d))}, nil
}

func locationOf(d *distribution) string {
	return "https://cloudfront.amazonaws.com/2020-05-31/distribution/" + d.ID
}

func missingBody() error {
	return &cloudfront.MissingBody{Message: wire.Some("This operation requires a body. Ensure that the body is present and the Content-Type header is set.")}
}

func (s *Service) create(c *wire.Call, config *cloudfront.DistributionConfig, tags []cloudfront.Tag) (*distribution, error) {
	if config == nil {
		return nil, missingBody()
	}
	if err := s.checkConfig(config); err != nil {
		return nil, err
	}
	d := &distribution{ID: newID("E"), Domain: newDomain(), Version: newID("E"), Modified: c.Now.UTC(), Config: *config, Tags: tags}
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		old, err := distributions.Find(tx, s.scope(), "reference", config.CallerReference.V)
		if err == nil {
			return &cloudfront.DistributionAlreadyExists{Message: wire.Some("The caller reference that you are using to create a distribution is associated with another distribution. Already exists: " + old.ID)}
		}
		if !errors.Is(err, record.ErrNotFound) {
			return err
		}
		return taken(distributions.Insert(tx, s.scope(), d))
	})
	return d, err
}

// taken names the clash of an alias.
func taken(err error) error {
	var exists *record.ErrExists
	if errors.As(err, &exists) {
		return &cloudfront.CNAMEAlreadyExists{Message: wire.Some("One or more of the CNAMEs you provided are already associated with a different resource.")}
	}
	return err
}

func (s *Service) find(tx *kv.Tx, id string) (*distribution, error) {
	d, err := distributions.Get(tx, s.scope(), id)
	if errors.Is(err, record.ErrNotFound) {
		return nil, &cloudfront.NoSuchDistribution{Message: wire.Some("The specified distribution does not exist.")}
	}
	return d, err
}

func (s *Service) view(c *wire.Call, id string) (d *distribution, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		d, err = s.find(tx, id)
		return err
	})
	return d, err
}

func (s *Service) getDistribution(c *wire.Call, in *cloudfront.GetDistributionInput) (*cloudfront.GetDistributionOutput, error) {
	d, err := s.view(c, in.Id.V)
	if err != nil {
		return nil, err
	}
	return &cloudfront.GetDistributionOutput{Distribution: s.show(d), ETag: wire.Some(d.Version)}, nil
}

func (s *Service) getDistributionConfig(c *wire.Call, in *cloudfront.GetDistributionConfigInput) (*cloudfront.GetDistributionConfigOutput, error) {
	d, err := s.view(c, in.Id.V)
	if err != nil {
		return nil, err
	}
	return &cloudfront.GetDistributionConfigOutput{DistributionConfig: shown(&d.Config), ETag: wire.Some(d.Version)}, nil
}

// current finds the distribution that the caller has seen: If-Match must name its version.
func (s *Service) current(tx *kv.Tx, id string, ifMatch wire.Opt[string]) (*distribution, error) {
	d, err := s.find(tx, id)
	switch {
	case err != nil:
		return nil, err
	case ifMatch.V == "":
		return nil, &cloudfront.InvalidIfMatchVersion{Message: wire.Some("The If-Match version is missing or not valid for the resource.")}
	case ifMatch.V != d.Version:
		return nil, &cloudfront.PreconditionFailed{Message: wire.Some("The request failed because it didn't meet the preconditions in one or more request-header fields.")}
	}
	return d, nil
}

func (s *Service) updateDistribution(c *wire.Call, in *cloudfront.UpdateDistributionInput) (*cloudfront.UpdateDistributionOutput, error) {
	if in.DistributionConfig == nil {
		return nil, missingBody()
	}
	if err := s.checkConfig(in.DistributionConfig); err != nil {
		return nil, err
	}
	var d *distribution
	version := newID("E")
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) (err error) {
		if d, err = s.current(tx, in.Id.V, in.IfMatch); err != nil {
			return err
		}
		if in.DistributionConfig.CallerReference.V != d.Config.CallerReference.V {
			return &cloudfront.IllegalUpdate{Message: wire.Some("The caller reference of a distribution cannot be changed.")}
		}
		d.Config, d.Version, d.Modified = *in.DistributionConfig, version, c.Now.UTC()
		return taken(distributions.Put(tx, s.scope(), d))
	})
	if err != nil {
		return nil, err
	}
	return &cloudfront.UpdateDistributionOutput{Distribution: s.show(d), ETag: wire.Some(d.Version)}, nil
}

func (s *Service) deleteDistribution(c *wire.Call, in *cloudfront.DeleteDistributionInput) (*cloudfront.DeleteDistributionOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		d, err := s.current(tx, in.Id.V, in.IfMatch)
		if err != nil {
			return err
		}
		if d.Config.Enabled.V {
			return &cloudfront.DistributionNotDisabled{Message: wire.Some("The distribution you are trying to delete has not been disabled.")}
		}
		gone, _, err := invalidations.List(tx, s.scope(), record.Page{Prefix: []any{d.ID}})
		if err != nil {
			return err
		}
		for _, i := range gone {
			if err := invalidations.Delete(tx, s.scope(), i.Distribution, i.ID); err != nil {
				return err
			}
		}
		return distributions.Delete(tx, s.scope(), d.ID)
	})
}

const maxItems = 100 // of one list

func pageOf(marker, max wire.Opt[string]) (record.Page, error) {
	p := record.Page{After: marker.V, Limit: maxItems}
	if max.V != "" {
		n, err := strconv.Atoi(max.V)
		if err != nil || n < 1 {
			return p, &cloudfront.InvalidArgument{Message: wire.Some("The value of MaxItems is not valid.")}
		}
		p.Limit = min(n, maxItems)
	}
	return p, nil
}

func badMarker(err error) error {
	if errors.Is(err, record.ErrToken) {
		return &cloudfront.InvalidArgument{Message: wire.Some("The value of Marker is not valid.")}
	}
	return err
}

func (s *Service) listDistributions(c *wire.Call, in *cloudfront.ListDistributionsInput) (*cloudfront.ListDistributionsOutput, error) {
	page, err := pageOf(in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	list := &cloudfront.DistributionList{Marker: wire.Some(in.Marker.V), MaxItems: wire.Some(int32(page.Limit))}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, next, err := distributions.List(tx, s.scope(), page)
		if err != nil {
			return badMarker(err)
		}
		for _, d := range rows {
			list.Items = append(list.Items, s.summary(d))
		}
		list.IsTruncated, list.NextMarker = wire.Some(next != ""), wire.Opt[string]{V: next, Set: next != ""}
		return nil
	})
	list.Quantity = wire.Some(int32(len(list.Items)))
	return &cloudfront.ListDistributionsOutput{DistributionList: list}, err
}

func (s *Service) show(d *distribution) *cloudfront.Distribution {
	none := &cloudfront.ActiveTrustedSigners{Enabled: wire.Some(false), Quantity: wire.Some(int32(0))}
	return &cloudfront.Distribution{
		Id: wire.Some(d.ID), ARN: wire.Some(s.arn(s.cfg.Account(), d.ID)), Status: wire.Some("Deployed"), LastModifiedTime: wire.Some(d.Modified),
		InProgressInvalidationBatches: wire.Some(int32(0)), DomainName: wire.Some(d.Domain), ActiveTrustedSigners: none,
		ActiveTrustedKeyGroups: &cloudfront.ActiveTrustedKeyGroups{Enabled: wire.Some(false), Quantity: wire.Some(int32(0))},
		DistributionConfig:     shown(&d.Config),
	}
}

// shown fills in what AWS always shows and SDKs read without asking.
func shown(in *cloudfront.DistributionConfig) *cloudfront.DistributionConfig {
	c, zero := *in, wire.Some(int32(0))
	if c.Aliases == nil {
		c.Aliases = &cloudfront.Aliases{Quantity: zero}
	}
	if c.CacheBehaviors == nil {
		c.CacheBehaviors = &cloudfront.CacheBehaviors{Quantity: zero}
	}
	if c.CustomErrorResponses == nil {
		c.CustomErrorResponses = &cloudfront.CustomErrorResponses{Quantity: zero}
	}
	if c.Restrictions == nil {
		c.Restrictions = &cloudfront.Restrictions{GeoRestriction: &cloudfront.GeoRestriction{RestrictionType: wire.Some("none"), Quantity: zero}}
	}
	if c.ViewerCertificate == nil {
		c.ViewerCertificate = &cloudfront.ViewerCertificate{CloudFrontDefaultCertificate: wire.Some(true)}
	}
	c.DefaultRootObject = wire.Some(c.DefaultRootObject.V)
	c.WebACLId = wire.Some(c.WebACLId.V)
	c.PriceClass, c.HttpVersion = wire.Some(c.PriceClass.Or("PriceClass_All")), wire.Some(c.HttpVersion.Or("http2"))
	c.IsIPV6Enabled, c.Staging = wire.Some(c.IsIPV6Enabled.V), wire.Some(false)
	return &c
}

func (s *Service) summary(d *distribution) cloudfront.DistributionSummary {
	c := shown(&d.Config)
	return cloudfront.DistributionSummary{
		Id: wire.Some(d.ID), ARN: wire.Some(s.arn(s.cfg.Account(), d.ID)), ETag: wire.Some(d.Version), Status: wire.Some("Deployed"), LastModifiedTime: wire.Some(d.Modified),
		DomainName: wire.Some(d.Domain), Aliases: c.Aliases, Origins: c.Origins, DefaultCacheBehavior: c.DefaultCacheBehavior, CacheBehaviors: c.CacheBehaviors,
		CustomErrorResponses: c.CustomErrorResponses, Comment: c.Comment, PriceClass: c.PriceClass, Enabled: c.Enabled, ViewerCertificate: c.ViewerCertificate,
		Restrictions: c.Restrictions, WebACLId: c.WebACLId, HttpVersion: c.HttpVersion, IsIPV6Enabled: c.IsIPV6Enabled, Staging: c.Staging,
	}
}

func (s *Service) listTags(c *wire.Call, in *cloudfront.ListTagsForResourceInput) (*cloudfront.ListTagsForResourceOutput, error) {
	id, ok := strings.CutPrefix(in.Resource.V, s.arn(c.Account, ""))
	if !ok {
		return nil, &cloudfront.NoSuchResource{Message: wire.Some("The specified resource does not exist.")}
	}
	d, err := s.view(c, id)
	if err != nil {
		return nil, err
	}
	return &cloudfront.ListTagsForResourceOutput{Tags: &cloudfront.Tags{Items: d.Tags}}, nil
}

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
