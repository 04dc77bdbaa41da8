package access

import (
	"bothy/api/iam"
	"bothy/wire"
)

// The account of a node is in no organization, and cannot be put into one. These operations say so as AWS does.
func (s *Service) mountOrganization(m *wire.Mux) {
	wire.Handle(m, iam.ListOrganizationsFeatures, onAccount[iam.ListOrganizationsFeaturesInput]("ListOrganizationsFeatures"),
		noOrganization[iam.ListOrganizationsFeaturesInput, iam.ListOrganizationsFeaturesOutput])
	wire.Handle(m, iam.EnableOrganizationsRootSessions, onAccount[iam.EnableOrganizationsRootSessionsInput]("EnableOrganizationsRootSessions"),
		noOrganization[iam.EnableOrganizationsRootSessionsInput, iam.EnableOrganizationsRootSessionsOutput])
	wire.Handle(m, iam.DisableOrganizationsRootSessions, onAccount[iam.DisableOrganizationsRootSessionsInput]("DisableOrganizationsRootSessions"),
		noOrganization[iam.DisableOrganizationsRootSessionsInput, iam.DisableOrganizationsRootSessionsOutput])
	wire.Handle(m, iam.EnableOrganizationsRootCredentialsManagement, onAccount[iam.EnableOrganizationsRootCredentialsManagementInput]("EnableOrganizationsRootCredentialsManagement"),
		noOrganization[iam.EnableOrganizationsRootCredentialsManagementInput, iam.EnableOrganizationsRootCredentialsManagementOutput])
	wire.Handle(m, iam.DisableOrganizationsRootCredentialsManagement, onAccount[iam.DisableOrganizationsRootCredentialsManagementInput]("DisableOrganizationsRootCredentialsManagement"),
		noOrganization[iam.DisableOrganizationsRootCredentialsManagementInput, iam.DisableOrganizationsRootCredentialsManagementOutput])
}

func noOrganization[In, Out any](*wire.Call, *In) (*Out, error) {
	return nil, &iam.OrganizationNotFoundException{Message: wire.Some("Your account is not a member of an organization.")}
}
