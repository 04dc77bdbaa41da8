package access

// service is an AWS service that policies speak of and that requests are made to.
type service struct{ namespace, name string }

// services are those of this node, by namespace.
var services = [...]service{
	{"apigateway", "Amazon API Gateway Management"},
	{"cloudformation", "AWS CloudFormation"},
	{"cloudfront", "Amazon CloudFront"},
	{"cognito-identity", "Amazon Cognito Identity"},
	{"cognito-idp", "Amazon Cognito User Pools"},
	{"dynamodb", "Amazon DynamoDB"},
	{"execute-api", "Amazon API Gateway"},
	{"iam", "AWS Identity and Access Management"},
	{"lambda", "AWS Lambda"},
	{"logs", "Amazon CloudWatch Logs"},
	{"mobilehub", "AWS Mobile Hub"},
	{"mobiletargeting", "Amazon Pinpoint"},
	{"s3", "Amazon S3"},
	{"ses", "Amazon SES"},
	{"sns", "Amazon SNS"},
	{"sts", "AWS Security Token Service"},
}

// serviceOf is the namespace of the service that a signature is scoped to. Anybody with a key may write there what they like.
func serviceOf(scope string) (string, bool) {
	if scope == "AWSMobileHubService" {
		scope = "mobilehub"
	}
	for _, known := range services {
		if known.namespace == scope {
			return known.namespace, true
		}
	}
	return "", false
}
