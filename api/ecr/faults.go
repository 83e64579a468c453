package ecr

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"slipway/api/awswire"
	"slipway/internal/errs"
	"slipway/internal/page"
	"slipway/registry"
)

// faults names each cause, in ECR's sentences where those are known. The first that errors.Is
// finds decides.
var faults = []struct {
	cause error
	fault awswire.FaultType
	text  func(about *registry.Error, err error) string
}{
	{registry.ErrNoRepository, RepositoryNotFoundException, say("The repository with name '{repository}' does not exist in the registry with id '{account}'")},
	{registry.ErrRepositoryExists, RepositoryAlreadyExistsException, say("The repository with name '{repository}' already exists in the registry with id '{account}'")},
	{registry.ErrNotEmpty, RepositoryNotEmptyException, say("The repository with name '{repository}' in registry with id '{account}' cannot be deleted because it still contains images")},
	{registry.ErrName, InvalidParameterException, parameter("repositoryName", registry.ErrName)},
	{registry.ErrPattern, InvalidParameterException, parameter("imageTagMutabilityExclusionFilters", registry.ErrPattern)},
	{registry.ErrLabel, InvalidTagParameterException, parameter("tags", registry.ErrLabel)},
	{registry.ErrTooManyLabels, TooManyTagsException, parameter("tags", registry.ErrTooManyLabels)},

	{registry.ErrPolicy, InvalidParameterException, invalidRepositoryPolicy},
	{registry.ErrNoPolicy, RepositoryPolicyNotFoundException, say("Repository policy does not exist for the repository with name '{repository}' in the registry with id '{account}'")},
	{registry.ErrNoRegistryPolicy, RegistryPolicyNotFoundException, say("Registry policy does not exist in the registry with id '{account}'")},

	{registry.ErrSetting, InvalidParameterException, parameter("name", registry.ErrSetting)},
	{registry.ErrSettingValue, InvalidParameterException, parameter("value", registry.ErrSettingValue)},
	{registry.ErrNoExclusion, ExclusionNotFoundException, say("The pull time update exclusion for the principal '{name}' does not exist in the registry with id '{account}'")},
	{registry.ErrExclusionExists, ExclusionAlreadyExistsException, say("The pull time update exclusion for the principal '{name}' already exists in the registry with id '{account}'")},
	{registry.ErrTooManyExclusions, LimitExceededException, tooMany("pull time update exclusions")},

	{registry.ErrLifecycle, InvalidParameterException, invalidLifecycle},
	{registry.ErrNoLifecycle, LifecyclePolicyNotFoundException, say("Lifecycle policy does not exist for the repository with name '{repository}' in the registry with id '{account}'")},
	{registry.ErrNoPreview, LifecyclePolicyPreviewNotFoundException, say("Lifecycle policy preview does not exist for the repository with name '{repository}' in the registry with id '{account}'")},
	{registry.ErrPreviewRunning, LifecyclePolicyPreviewInProgressException, say("The lifecycle policy preview for the repository with name '{repository}' in the registry with id '{account}' is in progress")},

	{registry.ErrTemplate, InvalidParameterException, parameter("repositoryCreationTemplate", registry.ErrTemplate)},
	{registry.ErrNoTemplate, TemplateNotFoundException, say("The repository creation template with prefix '{name}' does not exist in the registry with id '{account}'")},
	{registry.ErrTemplateExists, TemplateAlreadyExistsException, say("The repository creation template with prefix '{name}' already exists in the registry with id '{account}'")},
	{registry.ErrTooManyTemplates, LimitExceededException, tooMany("repository creation templates")},

	{registry.ErrUpstreamURL, UnsupportedUpstreamRegistryException, say("The upstream registry URL {name} is invalid.")},
	{registry.ErrUpstreamPrefix, InvalidParameterException, parameter("upstreamRepositoryPrefix", registry.ErrUpstreamPrefix)},
	{registry.ErrNoUpstream, PullThroughCacheRuleNotFoundException, say("Pull through cache rule with prefix '{name}' does not exist in the registry with id '{account}'")},
	{registry.ErrUpstreamExists, PullThroughCacheRuleAlreadyExistsException, say("Pull through cache rule with prefix '{name}' already exists in the registry with id '{account}'")},
	{registry.ErrTooManyUpstreams, LimitExceededException, tooMany("pull through cache rules")},
	{registry.ErrNoSecret, SecretNotFoundException, failed},
	{registry.ErrUpstreamDenied, UnableToGetUpstreamLayerException, failed},
	{registry.ErrUpstreamBusy, UnableToGetUpstreamLayerException, failed},
	{registry.ErrUpstreamDown, UnableToGetUpstreamLayerException, failed},

	{registry.ErrNoUpload, UploadNotFoundException, say("The upload with id '{upload}' does not exist within the repository with name '{repository}' in the registry with id '{account}'")},
	{registry.ErrEmptyUpload, EmptyUploadException, say("The upload with id '{upload}' to the repository with name '{repository}' in the registry with id '{account}' has no layer parts")},
	{registry.ErrMarked, LayerInaccessibleException, say("The layers with digests '{digests}' in the repository with name '{repository}' in the registry with id '{account}' were marked as not to be used: {reason}")},
	{registry.ErrQuota, LimitExceededException, limitExceeded},
	{registry.ErrNoBlob, LayersNotFoundException, say("The layer with digest '{digest}' does not exist within the repository with name '{repository}' in the registry with id '{account}'")},
	{registry.ErrDigest, InvalidParameterException, parameter("digest", registry.ErrDigest)},

	{registry.ErrNoImage, ImageNotFoundException, noImage},
	{registry.ErrTagMismatch, ImageNotFoundException, noImage},
	{registry.ErrMismatch, ImageDigestDoesNotMatchException, say("The specified image digest '{digest}' does not match the digest that was calculated for the image")},
	{registry.ErrTagImmutable, ImageTagAlreadyExistsException, say("The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten because the tag is immutable.")},
	{registry.ErrTag, InvalidParameterException, parameter("imageTag", registry.ErrTag)},
	{registry.ErrMissingBlobs, LayersNotFoundException, say("Layers with digests '{digests}' required for pushing image into repository with name '{repository}' in the registry with id '{account}' do not exist")},
	{registry.ErrMissingManifests, ReferencedImagesNotFoundException, say("Images with digests '{digests}' required for pushing image into repository with name '{repository}' in the registry with id '{account}' do not exist")},
	{registry.ErrManifestTooLarge, InvalidParameterException, parameter("imageManifest", nil)},
	{registry.ErrManifest, InvalidParameterException, parameter("imageManifest", registry.ErrManifest)},
	{registry.ErrMediaType, InvalidParameterException, parameter("imageManifestMediaType", nil)},

	{registry.ErrNoKey, KmsException, noKey},
	{registry.ErrKeyDisabled, KmsException, say("{name} is disabled.")},
	{registry.ErrKeyPending, KmsException, say("{name} is pending deletion.")},

	{registry.ErrBusy, ServerException, say("The layer with digest '{digest}' is being removed. Try again in a moment.")},

	{page.ErrToken, InvalidParameterException, parameter("nextToken", nil)},
}

// kmsErrors are what AWS KMS calls the causes of a KmsException.
// Source: AWS Key Management Service API Reference, Decrypt.
var kmsErrors = map[error]string{
	registry.ErrNoKey:       "NotFoundException",
	registry.ErrKeyDisabled: "DisabledException",
	registry.ErrKeyPending:  "KMSInvalidStateException",
}

// faultOf is the fault that err is called, or err itself if it has no name.
func faultOf(err error) error {
	about := &registry.Error{}
	errors.As(err, &about)
	for _, row := range faults {
		if errors.Is(err, row.cause) {
			fault := row.fault.New(row.text(about, err))
			if code := kmsErrors[row.cause]; code != "" {
				fault = fault.With("kmsError", code)
			}
			return fault
		}
	}
	if errs.KindOf(err) == errs.Unavailable {
		slog.Error("the registry has no room", "error", err) // a fault that has a name is logged nowhere else
		return ServerException.New("The registry has no room left for this. Try again when there is more.")
	}
	return err
}

// noKey is what AWS KMS says of a key that is not there, or is another account's.
func noKey(about *registry.Error, _ error) string {
	if strings.Contains(about.Name, ":alias/") {
		return "Alias " + about.Name + " is not found."
	}
	return "Key '" + about.Name + "' does not exist"
}

// say is a text with the names of what went wrong in it.
func say(text string) func(*registry.Error, error) string {
	return func(about *registry.Error, _ error) string {
		return strings.NewReplacer(
			"{account}", about.Account,
			"{repository}", about.Repository,
			"{name}", about.Name,
			"{tag}", about.Tag,
			"{digest}", string(about.Digest),
			"{digests}", list(about.Digests),
			"{upload}", about.Upload,
			"{reason}", about.Reason,
		).Replace(text)
	}
}

// list writes digests as ECR does: [a, b].
func list(digests []registry.Digest) string {
	texts := make([]string, len(digests))
	for i, d := range digests {
		texts[i] = string(d)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func noImage(about *registry.Error, _ error) string {
	return fmt.Sprintf("The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
		cmp.Or(string(about.Digest), "null"), cmp.Or(about.Tag, "null"), about.Repository, about.Account)
}

// invalidPolicy says what is wrong with the policy of a repository or a registry, and where in it.
func invalidPolicy(of string, err error) string {
	return constraint("PolicyText", "Invalid "+of+" policy provided: "+strings.TrimPrefix(err.Error(), registry.ErrPolicy.Error()+": "))
}

func invalidRepositoryPolicy(_ *registry.Error, err error) string {
	return invalidPolicy("repository", err)
}

// tooMany says how many of something there can be.
func tooMany(what string) func(*registry.Error, error) string {
	return func(_ *registry.Error, err error) string {
		return "The maximum number of " + what + " has been reached: " + err.Error()
	}
}

// failed is why another registry cannot be had.
func failed(_ *registry.Error, err error) string { return upstreamFailure(err) }

// invalidLifecycle says what is wrong with a lifecycle policy, and where in it.
func invalidLifecycle(_ *registry.Error, err error) string {
	return constraint("LifecyclePolicyText", "Lifecycle policy validation failure: "+strings.TrimPrefix(err.Error(), registry.ErrLifecycle.Error()+": "))
}

// limitExceeded says how much the account may have.
func limitExceeded(about *registry.Error, _ error) string {
	return fmt.Sprintf("The registry with id '%s' has reached its quota: %s", about.Account, strings.TrimPrefix(about.Cause.Error(), registry.ErrQuota.Error()+": "))
}

// parameter is the text of a member that is not as it must be: what the room says of it, but for the
// words that name the cause, which the member's name makes needless.
func parameter(name string, cause error) func(*registry.Error, error) string {
	return func(about *registry.Error, err error) string {
		if about.Cause != nil {
			err = about.Cause
		}
		text := err.Error()
		if cause != nil {
			text = strings.TrimPrefix(text, cause.Error()+": ")
		}
		return constraint(name, text)
	}
}

// invalid refuses a member, and says what it must be.
func invalid(name, format string, args ...any) error {
	return InvalidParameterException.New(constraint(name, fmt.Sprintf(format, args...)))
}

func constraint(name, text string) string {
	return fmt.Sprintf("Invalid parameter at '%s' failed to satisfy constraint: '%s'", name, text)
}
