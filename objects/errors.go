package objects

import "bothy/wire"

// fail is a wire.Fail with further elements, given as name, value, name, value.
func fail(status int, code, message string, extra ...string) *wire.Error {
	e := wire.Fail(status, code, "%s", message)
	for i := 0; i+1 < len(extra); i += 2 {
		if e.Extra == nil {
			e.Extra = map[string]string{}
		}
		e.Extra[extra[i]] = extra[i+1]
	}
	return e
}

func noSuchBucket(name string) error {
	return fail(404, "NoSuchBucket", "The specified bucket does not exist", "BucketName", name)
}

func noSuchKey(key string) error {
	return fail(404, "NoSuchKey", "The specified key does not exist.", "Key", key)
}

func noSuchUpload(id string) error {
	return fail(404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.", "UploadId", id)
}

func invalidArgument(message, name, value string) error {
	return fail(400, "InvalidArgument", message, "ArgumentName", name, "ArgumentValue", value)
}

func invalidRequest(message string) error { return fail(400, "InvalidRequest", message) }

func malformedXML() error {
	return fail(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

func notImplemented(header string) error {
	return fail(501, "NotImplemented", "A header you provided implies functionality that is not implemented", "Header", header)
}

func preconditionFailed(condition string) error {
	return fail(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", "Condition", condition)
}

func denied(reason string, a ...any) error {
	return wire.Because(fail(403, "AccessDenied", "Access Denied"), reason, a...)
}

// tryAgain answers what a client's own retry settles.
func tryAgain() error {
	return fail(503, "SlowDown", "Please reduce your request rate.")
}
