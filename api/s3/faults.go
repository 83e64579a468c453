package s3

import (
	"errors"
	"net/http"

	"slipway/api/awswire"
	"slipway/blob"
	"slipway/internal/paced"
	"slipway/objects"
)

// api is what the gate is told of the service.
var api = &awswire.API{Name: "s3", ServiceID: "S3", Version: "2006-03-01", ServerFault: "InternalError", Throttled: "SlowDown", Protocols: []awswire.Protocol{awswire.RestJSON}}

func fault(code string, status int) awswire.FaultType {
	return awswire.FaultType{Shape: code, Status: status}
}

// Faults. Source: S3 API Reference, "Error responses".
var (
	accessDenied       = fault("AccessDenied", 403)
	notImplemented     = fault("NotImplemented", 501)
	badDigest          = fault("BadDigest", 400)
	invalidDigest      = fault("InvalidDigest", 400)
	invalidArgument    = fault("InvalidArgument", 400)
	invalidRequest     = fault("InvalidRequest", 400)
	invalidRange       = fault("InvalidRange", 416)
	malformedXML       = fault("MalformedXML", 400)
	contentMismatch    = fault("XAmzContentSHA256Mismatch", 400)
	missingLength      = fault("MissingContentLength", 411)
	methodNotAllowed   = fault("MethodNotAllowed", 405)
	preconditionFailed = fault("PreconditionFailed", 412)
	notModified        = fault("NotModified", 304)
	incompleteBody     = fault("IncompleteBody", 400)
	requestTimeout     = fault("RequestTimeout", 400)
	tooLarge           = fault("EntityTooLarge", 400)
)

// faults names the room's causes.
var faults = awswire.Faults{
	{Cause: objects.ErrNoBucket, Fault: fault("NoSuchBucket", 404)},
	{Cause: objects.ErrBucketThere, Fault: fault("BucketAlreadyExists", 409)},
	{Cause: objects.ErrBucketYours, Fault: fault("BucketAlreadyOwnedByYou", 409)},
	{Cause: objects.ErrBucketName, Fault: fault("InvalidBucketName", 400)},
	{Cause: objects.ErrTooManyBucket, Fault: fault("TooManyBuckets", 400)},
	{Cause: objects.ErrNotEmpty, Fault: fault("BucketNotEmpty", 409)},
	{Cause: objects.ErrNoKey, Fault: fault("NoSuchKey", 404), Text: "The specified key does not exist."},
	{Cause: objects.ErrNoVersion, Fault: fault("NoSuchVersion", 404)},
	{Cause: objects.ErrVersionID, Fault: invalidArgument},
	{Cause: objects.ErrMarker, Fault: methodNotAllowed},
	{Cause: objects.ErrKey, Fault: fault("InvalidURI", 400)},
	{Cause: objects.ErrKeyLong, Fault: fault("KeyTooLongError", 400)},
	{Cause: objects.ErrMetadata, Fault: fault("MetadataTooLarge", 400)},
	{Cause: objects.ErrPrecondition, Fault: preconditionFailed},
	{Cause: objects.ErrIncomplete, Fault: incompleteBody},
	{Cause: objects.ErrTooLarge, Fault: tooLarge},
	{Cause: objects.ErrNoUpload, Fault: fault("NoSuchUpload", 404)},
	{Cause: objects.ErrPart, Fault: fault("InvalidPart", 400)},
	{Cause: objects.ErrPartOrder, Fault: fault("InvalidPartOrder", 400)},
	{Cause: objects.ErrPartSmall, Fault: fault("EntityTooSmall", 400)},
	{Cause: objects.ErrPartCount, Fault: invalidArgument},
	{Cause: objects.ErrChecksum, Fault: badDigest, Text: "The checksum you specified did not match what we received."},
	{Cause: objects.ErrTag, Fault: fault("InvalidTag", 400)},
	{Cause: objects.ErrTooManyTag, Fault: fault("BadRequest", 400)},
	{Cause: objects.ErrBytes, Fault: fault("ServiceUnavailable", 503)},
	{Cause: blob.ErrFull, Fault: fault("ServiceUnavailable", 503), Text: "There is no room left where objects are kept."},
	{Cause: paced.ErrBody, Fault: requestTimeout, Text: "Your socket connection to the server was not read from or written to within the timeout period."},
}

// common are the faults that every service has, as S3 calls them.
var common = map[string]awswire.FaultType{
	"MissingAuthenticationTokenException": accessDenied,
	"IncompleteSignatureException":        fault("AuthorizationHeaderMalformed", 400),
	"InvalidSignatureException":           fault("SignatureDoesNotMatch", 403),
	"UnrecognizedClientException":         fault("InvalidAccessKeyId", 403),
	"ExpiredTokenException":               fault("ExpiredToken", 400),
	"AccessDeniedException":               accessDenied,
	"SlowDown":                            fault("SlowDown", 503),
}

// faultOf is an error as S3 has it.
func (c *call) faultOf(err error) *awswire.Fault {
	f := c.visit.Fault(err)
	switch t, known := common[f.Shape]; {
	case f.Code == "RequestExpired" && c.query.Has("X-Amz-Signature"):
		return accessDenied.New("Request has expired")
	case f.Code == "RequestExpired":
		return fault("RequestTimeTooSkewed", 403).New("The difference between the request time and the current time is too large.")
	case f.Shape == "UnrecognizedClientException":
		return t.New("The AWS Access Key Id you provided does not exist in our records.")
	case f.Shape == "MissingAuthenticationTokenException":
		return t.New("Access Denied")
	case known:
		return t.New(f.Message)
	}
	return f
}

// refuse is the answer to who may not, or cannot.
func (c *call) refuse(err error) *answer {
	f := c.faultOf(err)
	a := &answer{status: f.Status, fault: f, header: http.Header{}}
	if f.Status == http.StatusNotModified || c.r.Method == http.MethodHead {
		a.none = true
	} else {
		a.xml = &errorBody{Code: f.Shape, Message: f.Message, Resource: c.r.URL.Path, RequestID: c.visit.RequestID}
	}
	if errors.Is(err, objects.ErrMarker) {
		a.header.Set("X-Amz-Delete-Marker", "true")
	}
	if f.Shape == "SlowDown" {
		a.header.Set("Retry-After", "1")
	}
	var s *stale
	if errors.As(err, &s) { // who has it already is told what it has
		a.header = s.header
	}
	return a
}
