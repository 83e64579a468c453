package objects

import "slipway/internal/errs"

// What can go wrong. The sentences are those of Amazon S3. Source: S3 API Reference, "Error responses".
var (
	ErrNoBucket      = errs.New(errs.NotFound, "The specified bucket does not exist")
	ErrBucketThere   = errs.New(errs.Conflict, "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.")
	ErrBucketYours   = errs.New(errs.Conflict, "Your previous request to create the named bucket succeeded and you already own it.")
	ErrBucketName    = errs.New(errs.Invalid, "The specified bucket is not valid.")
	ErrTooManyBucket = errs.New(errs.Conflict, "You have attempted to create more buckets than allowed")
	ErrNotEmpty      = errs.New(errs.Conflict, "The bucket you tried to delete is not empty")

	ErrNoKey        = errs.New(errs.NotFound, "The specified key does not exist.")
	ErrNoVersion    = errs.New(errs.NotFound, "The specified version does not exist.")
	ErrVersionID    = errs.New(errs.Invalid, "Invalid version id specified")
	ErrMarker       = errs.New(errs.Conflict, "The specified method is not allowed against this resource.")
	ErrKey          = errs.New(errs.Invalid, "Couldn't parse the specified URI.")
	ErrKeyLong      = errs.New(errs.Invalid, "Your key is too long")
	ErrMetadata     = errs.New(errs.Invalid, "Your metadata headers exceed the maximum allowed metadata size")
	ErrPrecondition = errs.New(errs.Conflict, "At least one of the pre-conditions you specified did not hold")

	// ErrBytes is an object that is known, and whose bytes are not where this server has them: another server over the same
	// database may keep them in a folder of its own.
	ErrBytes = errs.New(errs.Unavailable, "The bytes of this object are not at this server.")

	ErrIncomplete = errs.New(errs.Invalid, "You did not provide the number of bytes specified by the Content-Length HTTP header")
	ErrTooLarge   = errs.New(errs.Invalid, "Your proposed upload exceeds the maximum allowed size")

	ErrNoUpload  = errs.New(errs.NotFound, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
	ErrPart      = errs.New(errs.Invalid, "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
	ErrPartOrder = errs.New(errs.Invalid, "The list of parts was not in ascending order. Parts must be ordered by part number.")
	ErrPartSmall = errs.New(errs.Invalid, "Your proposed upload is smaller than the minimum allowed size")
	ErrPartCount = errs.New(errs.Invalid, "Part number must be an integer between 1 and 10000, inclusive")

	ErrChecksum = errs.New(errs.Invalid, "The checksum does not fit")

	ErrTag        = errs.New(errs.Invalid, "The TagValue you have provided is invalid")
	ErrTooManyTag = errs.New(errs.Invalid, "Object tags cannot be greater than 10")
)
