package sites

import (
	"errors"

	"bothy/api/cloudfront"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func (s *Service) accessInvalidate(c *wire.Call, in *cloudfront.CreateInvalidationInput) ([]wire.Access, error) {
	return wire.One("cloudfront:CreateInvalidation", s.arn(c.Account, in.DistributionId.V), nil), nil
}

func (s *Service) accessGetInvalidation(c *wire.Call, in *cloudfront.GetInvalidationInput) ([]wire.Access, error) {
	return wire.One("cloudfront:GetInvalidation", s.arn(c.Account, in.DistributionId.V), nil), nil
}

func (s *Service) accessListInvalidations(c *wire.Call, in *cloudfront.ListInvalidationsInput) ([]wire.Access, error) {
	return wire.One("cloudfront:ListInvalidations", s.arn(c.Account, in.DistributionId.V), nil), nil
}

const (
	maxPaths = 3000 // of one invalidation
	maxKept  = 500  // invalidations of a distribution; older ones are forgotten
)

func (s *Service) createInvalidation(c *wire.Call, in *cloudfront.CreateInvalidationInput) (*cloudfront.CreateInvalidationOutput, error) {
	b := in.InvalidationBatch
	if b == nil || b.Paths == nil {
		return nil, missingBody()
	}
	switch {
	case b.CallerReference.V == "" || len(b.Paths.Items) == 0:
		return nil, &cloudfront.InvalidArgument{Message: wire.Some("Your request contains no caller reference or no paths.")}
	case int(b.Paths.Quantity.V) != len(b.Paths.Items):
		return nil, &cloudfront.InconsistentQuantities{Message: wire.Some("The value of Quantity and the size of Items don't match.")}
	case len(b.Paths.Items) > maxPaths:
		return nil, &cloudfront.BatchTooLarge{Message: wire.Some("Invalidation batch specified is too large.")}
	}
	for _, p := range b.Paths.Items {
		if p == "" || p[0] != '/' {
			return nil, &cloudfront.InvalidArgument{Message: wire.Some("Your request contains one or more invalid invalidation paths.")}
		}
	}
	i := &invalidation{Distribution: in.DistributionId.V, ID: newInvalidationID(c.Now), Created: c.Now.UTC(), Batch: *b}
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := s.find(tx, i.Distribution); err != nil {
			return err
		}
		list, _, err := invalidations.List(tx, s.scope(), record.Page{Prefix: []any{i.Distribution}})
		if err != nil {
			return err
		}
		for n, old := range list {
			if old.Batch.CallerReference.V == b.CallerReference.V {
				i = old // the answer to the first try was lost
				return nil
			}
			if n >= maxKept {
				if err := invalidations.Delete(tx, s.scope(), old.Distribution, old.ID); err != nil {
					return err
				}
			}
		}
		return invalidations.Put(tx, s.scope(), i)
	})
	if err != nil {
		return nil, err
	}
	return &cloudfront.CreateInvalidationOutput{
		Location:     wire.Some("https://cloudfront.amazonaws.com/2020-05-31/distribution/" + i.Distribution + "/invalidation/" + i.ID),
		Invalidation: i.show(),
	}, nil
}

// show says Completed: nothing is cached.
func (i *invalidation) show() *cloudfront.Invalidation {
	return &cloudfront.Invalidation{Id: wire.Some(i.ID), Status: wire.Some("Completed"), CreateTime: wire.Some(i.Created), InvalidationBatch: &i.Batch}
}

func (s *Service) getInvalidation(c *wire.Call, in *cloudfront.GetInvalidationInput) (*cloudfront.GetInvalidationOutput, error) {
	var i *invalidation
	err := s.cfg.DB.View(c, func(tx *kv.Tx) (err error) {
		if _, err = s.find(tx, in.DistributionId.V); err != nil {
			return err
		}
		if i, err = invalidations.Get(tx, s.scope(), in.DistributionId.V, in.Id.V); errors.Is(err, record.ErrNotFound) {
			return &cloudfront.NoSuchInvalidation{Message: wire.Some("The specified invalidation does not exist.")}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cloudfront.GetInvalidationOutput{Invalidation: i.show()}, nil
}

func (s *Service) listInvalidations(c *wire.Call, in *cloudfront.ListInvalidationsInput) (*cloudfront.ListInvalidationsOutput, error) {
	page, err := pageOf(in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	page.Prefix = []any{in.DistributionId.V}
	list := &cloudfront.InvalidationList{Marker: wire.Some(in.Marker.V), MaxItems: wire.Some(int32(page.Limit))}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		if _, err := s.find(tx, in.DistributionId.V); err != nil {
			return err
		}
		rows, next, err := invalidations.List(tx, s.scope(), page)
		if err != nil {
			return badMarker(err)
		}
		for _, i := range rows {
			list.Items = append(list.Items, cloudfront.InvalidationSummary{Id: wire.Some(i.ID), CreateTime: wire.Some(i.Created), Status: wire.Some("Completed")})
		}
		list.IsTruncated, list.NextMarker = wire.Some(next != ""), wire.NonEmpty(next)
		return nil
	})
	list.Quantity = wire.Some(int32(len(list.Items)))
	return &cloudfront.ListInvalidationsOutput{InvalidationList: list}, err
}
