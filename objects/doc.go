// Package objects owns buckets and objects: names, content, metadata, access lists, bucket configuration and multipart
// uploads, behind the S3 API. It must not know who serves its content as a site, nor where bytes lie: content is in the blob
// store, under its digest; a key names a row, never a path.
//
// Content is durable before the row that names it commits. A blob goes when no row names it any more: see Sweep.
//
// Rows, all in the scope (account, ""), for bucket names are global:
//
//	objects.bucket (bucket)            bucket with its configuration
//	objects.object (bucket, key)       object; index "blob" (blob)
//	objects.upload (bucket, key, id)   multipart upload in progress; ids sort by time
//	objects.part   (upload, number)    part of an upload, or of the object completed from it; index "blob" (blob)
//	objects.trash  (upload)            parts of an upload that no object needs any more; emptied by Tidy
//	objects.doomed (blob)              blob that is being deleted: whoever stores the same content now must try again
package objects
