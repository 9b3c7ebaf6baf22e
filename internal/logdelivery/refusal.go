package logdelivery

import (
	"context"
	"errors"
	"fmt"

	"cognate/internal/awsclient"
)

// OfAWS is the error of a call to a service of AWS's: ErrRefused for what a later call would not change. Of what the service says, the
// code alone is shown where it may repeat what it was sent.
func OfAWS(ctx context.Context, err error) error {
	code, text := awsclient.Refusal(err)
	if code != "" {
		err = errors.New(code)
	}
	if told[code] {
		err = errors.New(code + ": " + shorten(text))
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case final[code]:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// told are the codes whose texts name resources and who may use them, and nothing that was sent.
var told = map[string]bool{
	"AccessDenied": true, "AccessDeniedException": true, "NoSuchBucket": true, "ResourceNotFoundException": true, "PermanentRedirect": true,
}

// final are the codes of what stays refused until somebody changes something.
var final = map[string]bool{
	"AccessDenied": true, "AccessDeniedException": true, "NoSuchBucket": true, "ResourceNotFoundException": true, "InvalidBucketName": true,
	"InvalidParameterException": true, "InvalidArgumentException": true, "ValidationException": true, "PermanentRedirect": true,
	"UnrecognizedClientException": true, "InvalidAccessKeyId": true, "InvalidClientTokenId": true, "SignatureDoesNotMatch": true,
	"InvalidSignatureException": true, "AuthorizationHeaderMalformed": true,
}

// maxShown is how many bytes of a text of others are shown.
const maxShown = 300

func shorten(text string) string {
	if len(text) > maxShown {
		return text[:maxShown] + "..."
	}
	return text
}
