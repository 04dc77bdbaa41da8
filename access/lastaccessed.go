package access

import (
	"errors"
	"strings"
	"time"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/wire"
)

const jobKept = 7 * 24 * time.Hour

func accessGenerateUse(_ *wire.Call, in *iam.GenerateServiceLastAccessedDetailsInput) ([]wire.Access, error) {
	return wire.One("iam:GenerateServiceLastAccessedDetails", in.Arn.V, nil), nil
}

func (s *Service) generateUse(c *wire.Call, in *iam.GenerateServiceLastAccessedDetailsInput) (*iam.GenerateServiceLastAccessedDetailsOutput, error) {
	row := &jobRow{ID: wire.NewUUID(), Of: in.Arn.V, Level: in.Granularity.Or("SERVICE_LEVEL"), Created: c.Now.UTC().Truncate(time.Second)}
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := s.subject(tx, c.Account, in.Arn.V); err != nil {
			return err
		}
		return jobs().Put(tx, of(c.Account), row)
	})
	return &iam.GenerateServiceLastAccessedDetailsOutput{JobId: wire.Some(row.ID)}, err
}

// report is what a job is about. Of one about somebody who is gone there is none.
func (s *Service) report(tx *kv.Tx, c *wire.Call, id string) (*jobRow, *subject, error) {
	row, err := jobs().Get(tx, of(c.Account), id)
	if err := unless(err, func() bool { return row.Level != "" && c.Now.Before(row.Created.Add(jobKept)) }); err != nil {
		return nil, nil, or(err, noSuchEntity("Job with id %s cannot be found.", id))
	}
	sub, err := s.subject(tx, c.Account, row.Of)
	if e := (*iam.NoSuchEntityException)(nil); errors.As(err, &e) {
		return row, nil, nil
	}
	return row, sub, err
}

// gone is what a job failed of.
func (r *jobRow) gone() *iam.ErrorDetails {
	return &iam.ErrorDetails{Code: wire.Some("NoSuchEntity"), Message: wire.Some("The entity with ARN " + r.Of + " cannot be found.")}
}

// getUse lists the services that the policies allow something of, with the last request of anybody who has them.
func (s *Service) getUse(c *wire.Call, in *iam.GetServiceLastAccessedDetailsInput) (out *iam.GetServiceLastAccessedDetailsOutput, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, sub, err := s.report(tx, c, in.JobId.V)
		if err != nil {
			return err
		}
		out = &iam.GetServiceLastAccessedDetailsOutput{JobStatus: wire.Some("COMPLETED"), JobType: wire.Some(row.Level),
			JobCreationDate: wire.Some(row.Created), JobCompletionDate: wire.Some(row.Created), ServicesLastAccessed: []iam.ServiceLastAccessed{}}
		if sub == nil {
			out.JobStatus, out.Error = wire.Some("FAILED"), row.gone()
			return nil
		}
		list, err := sub.accessed(tx, c)
		if err != nil {
			return err
		}
		byName := map[string]iam.ServiceLastAccessed{}
		for _, one := range list {
			byName[one.ServiceNamespace.V] = one
		}
		names, next, err := pageOf(sortedNames(byName), in.Marker, in.MaxItems)
		for _, name := range names {
			out.ServicesLastAccessed = append(out.ServicesLastAccessed, byName[name])
		}
		out.IsTruncated, out.Marker = wire.Some(next.Set), next
		return err
	})
	return out, err
}

func (sub *subject) accessed(tx *kv.Tx, c *wire.Call) (out []iam.ServiceLastAccessed, err error) {
	for _, known := range services {
		if len(sub.granting(known.namespace)) == 0 {
			continue
		}
		one := iam.ServiceLastAccessed{ServiceName: wire.Some(known.name), ServiceNamespace: wire.Some(known.namespace), TotalAuthenticatedEntities: wire.Some(int32(0))}
		for _, caller := range sub.callers {
			row, err := usedService(tx, c, caller.Id.V, known.namespace)
			if err != nil {
				return nil, err
			}
			if row == nil {
				continue
			}
			one.TotalAuthenticatedEntities.V++
			if !one.LastAuthenticated.Set || row.At.After(one.LastAuthenticated.V) {
				one.LastAuthenticated, one.LastAuthenticatedEntity, one.LastAuthenticatedRegion = wire.Some(row.At), caller.Arn, wire.Some(row.Region)
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// usedService is nil when a service was not used, or too long ago.
func usedService(tx *kv.Tx, c *wire.Call, id, namespace string) (*useRow, error) {
	row, err := uses().Get(tx, of(c.Account), id, namespace)
	if err := unless(err, func() bool { return c.Now.Sub(row.At) <= useTracked }); err != nil {
		return nil, or(err, nil)
	}
	return row, nil
}

// getUseBy lists who may have used a service by what the report is about, and when each did.
func (s *Service) getUseBy(c *wire.Call, in *iam.GetServiceLastAccessedDetailsWithEntitiesInput) (out *iam.GetServiceLastAccessedDetailsWithEntitiesOutput, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, sub, err := s.report(tx, c, in.JobId.V)
		if err != nil {
			return err
		}
		out = &iam.GetServiceLastAccessedDetailsWithEntitiesOutput{JobStatus: wire.Some("COMPLETED"), JobCreationDate: wire.Some(row.Created),
			JobCompletionDate: wire.Some(row.Created), EntityDetailsList: []iam.EntityDetails{}}
		if sub == nil {
			out.JobStatus, out.Error = wire.Some("FAILED"), row.gone()
			return nil
		}
		if len(sub.granting(in.ServiceNamespace.V)) == 0 {
			return noSuchEntity("The report does not have the service %s.", in.ServiceNamespace.V)
		}
		byARN := map[string]*iam.EntityInfo{}
		for i := range sub.callers {
			byARN[sub.callers[i].Arn.V] = &sub.callers[i]
		}
		arns, next, err := pageOf(sortedNames(byARN), in.Marker, in.MaxItems)
		out.IsTruncated, out.Marker = wire.Some(next.Set), next
		for _, arn := range arns {
			used, err := usedService(tx, c, byARN[arn].Id.V, strings.ToLower(in.ServiceNamespace.V))
			if err != nil {
				return err
			}
			details := iam.EntityDetails{EntityInfo: byARN[arn]}
			if used != nil {
				details.LastAuthenticated = wire.Some(used.At)
			}
			out.EntityDetailsList = append(out.EntityDetailsList, details)
		}
		return err
	})
	return out, err
}
