package sites

import (
	"errors"
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
		list.IsTruncated, list.NextMarker = wire.Some(next != ""), wire.NonEmpty(next)
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
