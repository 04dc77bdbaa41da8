package objects

import (
	"sync"
	"time"

	"bothy/api/s3"
	"bothy/blob"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// Config is what the service needs.
type Config struct {
	DB      *kv.DB
	Blobs   blob.Engine
	Account func() string // of this node
	Region  string        // of buckets created without a location
	Now     func() time.Time
}

// Service serves the S3 API.
type Service struct {
	cfg      Config
	acls     map[aclKind]*policy.Policy // what a grant of an access list means, as a policy for everyone
	mu       sync.Mutex
	policies map[string]*policy.Policy // parsed bucket policies by text; a cache; guarded by mu
}

// New starts nothing.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, acls: aclPolicies(), policies: map[string]*policy.Policy{}}
}

func (s *Service) scope() record.Scope { return record.In(s.cfg.Account(), "") }

// Mount mounts the operations.
func (s *Service) Mount(m *wire.Mux) {
	s.mountBuckets(m)
	s.mountBucketSettings(m)
	s.mountObjects(m)
	s.mountUploads(m)
	m.SetCORS(s3.API, s.cors)
}

func (s *Service) mountBuckets(m *wire.Mux) {
	wire.Handle(m, s3.CreateBucket, s.accessCreateBucket, s.createBucket)
	wire.Handle(m, s3.ListBuckets, s.accessListBuckets, s.listBuckets)
	wire.Handle(m, s3.HeadBucket, onBucket[s3.HeadBucketInput](s, "ListBucket"), s.headBucket)
	wire.Handle(m, s3.DeleteBucket, onBucket[s3.DeleteBucketInput](s, "DeleteBucket"), s.deleteBucket)
	wire.Handle(m, s3.GetBucketLocation, onBucket[s3.GetBucketLocationInput](s, "GetBucketLocation"), s.getBucketLocation)
	wire.Handle(m, s3.ListObjects, s.accessListObjects, s.listObjects)
	wire.Handle(m, s3.ListObjectsV2, s.accessListObjectsV2, s.listObjectsV2)
	wire.Handle(m, s3.ListObjectVersions, s.accessListObjectVersions, s.listObjectVersions)
	wire.Handle(m, s3.ListMultipartUploads, onBucket[s3.ListMultipartUploadsInput](s, "ListBucketMultipartUploads"), s.listMultipartUploads)
}

func (s *Service) mountBucketSettings(m *wire.Mux) {
	wire.Handle(m, s3.GetBucketPolicy, onBucket[s3.GetBucketPolicyInput](s, "GetBucketPolicy"), s.getBucketPolicy)
	wire.Handle(m, s3.PutBucketPolicy, onBucket[s3.PutBucketPolicyInput](s, "PutBucketPolicy"), s.putBucketPolicy)
	wire.Handle(m, s3.DeleteBucketPolicy, onBucket[s3.DeleteBucketPolicyInput](s, "DeleteBucketPolicy"), s.deleteBucketPolicy)
	wire.Handle(m, s3.GetBucketPolicyStatus, onBucket[s3.GetBucketPolicyStatusInput](s, "GetBucketPolicyStatus"), s.getBucketPolicyStatus)
	wire.Handle(m, s3.GetBucketCors, onBucket[s3.GetBucketCorsInput](s, "GetBucketCORS"), s.getBucketCors)
	wire.Handle(m, s3.PutBucketCors, onBucket[s3.PutBucketCorsInput](s, "PutBucketCORS"), s.putBucketCors)
	wire.Handle(m, s3.DeleteBucketCors, onBucket[s3.DeleteBucketCorsInput](s, "PutBucketCORS"), s.deleteBucketCors)
	wire.Handle(m, s3.GetBucketWebsite, onBucket[s3.GetBucketWebsiteInput](s, "GetBucketWebsite"), s.getBucketWebsite)
	wire.Handle(m, s3.PutBucketWebsite, onBucket[s3.PutBucketWebsiteInput](s, "PutBucketWebsite"), s.putBucketWebsite)
	wire.Handle(m, s3.DeleteBucketWebsite, onBucket[s3.DeleteBucketWebsiteInput](s, "DeleteBucketWebsite"), s.deleteBucketWebsite)
	wire.Handle(m, s3.GetBucketVersioning, onBucket[s3.GetBucketVersioningInput](s, "GetBucketVersioning"), s.getBucketVersioning)
	wire.Handle(m, s3.PutBucketVersioning, onBucket[s3.PutBucketVersioningInput](s, "PutBucketVersioning"), s.putBucketVersioning)
	wire.Handle(m, s3.GetBucketTagging, onBucket[s3.GetBucketTaggingInput](s, "GetBucketTagging"), s.getBucketTagging)
	wire.Handle(m, s3.PutBucketTagging, onBucket[s3.PutBucketTaggingInput](s, "PutBucketTagging"), s.putBucketTagging)
	wire.Handle(m, s3.DeleteBucketTagging, onBucket[s3.DeleteBucketTaggingInput](s, "PutBucketTagging"), s.deleteBucketTagging)
	wire.Handle(m, s3.GetBucketAcl, onBucket[s3.GetBucketAclInput](s, "GetBucketAcl"), s.getBucketACL)
	wire.Handle(m, s3.PutBucketAcl, onBucket[s3.PutBucketAclInput](s, "PutBucketAcl"), s.putBucketACL)
	wire.Handle(m, s3.GetPublicAccessBlock, onBucket[s3.GetPublicAccessBlockInput](s, "GetBucketPublicAccessBlock"), s.getPublicAccessBlock)
	wire.Handle(m, s3.PutPublicAccessBlock, onBucket[s3.PutPublicAccessBlockInput](s, "PutBucketPublicAccessBlock"), s.putPublicAccessBlock)
	wire.Handle(m, s3.DeletePublicAccessBlock, onBucket[s3.DeletePublicAccessBlockInput](s, "PutBucketPublicAccessBlock"), s.deletePublicAccessBlock)
	wire.Handle(m, s3.GetBucketOwnershipControls, onBucket[s3.GetBucketOwnershipControlsInput](s, "GetBucketOwnershipControls"), s.getOwnershipControls)
	wire.Handle(m, s3.PutBucketOwnershipControls, onBucket[s3.PutBucketOwnershipControlsInput](s, "PutBucketOwnershipControls"), s.putOwnershipControls)
	wire.Handle(m, s3.DeleteBucketOwnershipControls, onBucket[s3.DeleteBucketOwnershipControlsInput](s, "PutBucketOwnershipControls"), s.deleteOwnershipControls)
}

func (s *Service) mountObjects(m *wire.Mux) {
	wire.Handle(m, s3.PutObject, s.accessPutObject, s.putObject)
	wire.Handle(m, s3.GetObject, onObject[s3.GetObjectInput](s, "GetObject"), s.getObject)
	wire.Handle(m, s3.HeadObject, onObject[s3.HeadObjectInput](s, "GetObject"), s.headObject)
	wire.Handle(m, s3.GetObjectAttributes, onObject[s3.GetObjectAttributesInput](s, "GetObject"), s.getObjectAttributes)
	wire.Handle(m, s3.CopyObject, s.accessCopyObject, s.copyObject)
	wire.Handle(m, s3.DeleteObject, onObject[s3.DeleteObjectInput](s, "DeleteObject"), s.deleteObject)
	wire.Handle(m, s3.DeleteObjects, s.accessDeleteObjects, s.deleteObjects)
	wire.Handle(m, s3.GetObjectAcl, onObject[s3.GetObjectAclInput](s, "GetObjectAcl"), s.getObjectACL)
	wire.Handle(m, s3.PutObjectAcl, onObject[s3.PutObjectAclInput](s, "PutObjectAcl"), s.putObjectACL)
	wire.Handle(m, s3.GetObjectTagging, onObject[s3.GetObjectTaggingInput](s, "GetObjectTagging"), s.getObjectTagging)
	wire.Handle(m, s3.PutObjectTagging, s.accessPutObjectTagging, s.putObjectTagging)
	wire.Handle(m, s3.DeleteObjectTagging, onObject[s3.DeleteObjectTaggingInput](s, "DeleteObjectTagging"), s.deleteObjectTagging)
}

func (s *Service) mountUploads(m *wire.Mux) {
	wire.Handle(m, s3.CreateMultipartUpload, s.accessCreateUpload, s.createUpload)
	wire.Handle(m, s3.UploadPart, onObject[s3.UploadPartInput](s, "PutObject"), s.uploadPart)
	wire.Handle(m, s3.UploadPartCopy, s.accessUploadPartCopy, s.uploadPartCopy)
	wire.Handle(m, s3.CompleteMultipartUpload, onObject[s3.CompleteMultipartUploadInput](s, "PutObject"), s.completeUpload)
	wire.Handle(m, s3.AbortMultipartUpload, onObject[s3.AbortMultipartUploadInput](s, "AbortMultipartUpload"), s.abortUpload)
	wire.Handle(m, s3.ListParts, onObject[s3.ListPartsInput](s, "ListMultipartUploadParts"), s.listParts)
}
