package access

// guestLimits is what AWS lets guests of identity pools do at most in the enhanced flow, whatever their role allows: the services
// of its list, which is a policy of Cognito's own (AmazonCognitoUnAuthedIdentitiesSessionPolicy) and one that it adds in place. A
// session says by a flag that it is limited so: the document would travel with every request.
const guestLimits = `{"Version":"2012-10-17","Statement":[{"Sid":"Guests","Effect":"Allow","Resource":"*","Action":[
"s3:*","dynamodb:*","execute-api:*","lambda:*","mobiletargeting:*","mobileanalytics:*","cognito-identity:*","cognito-idp:*","cognito-sync:*",
"logs:*","cloudwatch:*","rum:PutRumEvents","appsync:*","iot:*","kinesis:*","kinesisanalytics:*","firehose:*","sns:*","sqs:*","ses:*","sdb:*",
"gamelift:*","sumerian:*","lex:*","polly:*","comprehend:*","translate:*","transcribe:*","rekognition:*","personalize:*","machinelearning:*",
"textract:DetectDocumentText","textract:AnalyzeDocument","sagemaker:InvokeEndpoint","codewhisperer:GenerateRecommendations",
"geo:GetMap*","geo:SearchPlaceIndex*","geo:GetPlace","geo:CalculateRoute*","geo:*Geofence","geo:*Geofences","geo:*DevicePosition*",
"kms:Encrypt","kms:Decrypt","kms:ReEncryptTo","kms:ReEncryptFrom","kms:GenerateDataKey","kms:GenerateDataKeyPair",
"kms:GenerateDataKeyPairWithoutPlaintext","kms:GenerateDataKeyWithoutPlaintext"]}]}`
