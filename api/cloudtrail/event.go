package cloudtrail

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"slipway/audit"
	"slipway/internal/arn"
)

// wireEvent is an entry as an account is told it.
func wireEvent(e *audit.Entry, account string) (Event, error) {
	text, err := recordOf(e, account)
	if err != nil {
		return Event{}, err
	}
	event := Event{
		AccessKeyId:     some(e.Principal.AccessKeyID),
		CloudTrailEvent: &text,
		EventId:         &e.ID,
		EventName:       some(e.Operation),
		EventSource:     some(sourceOf(e)),
		EventTime:       new(e.Time.Truncate(time.Second)),
		ReadOnly:        new(strconv.FormatBool(e.ReadOnly)),
		Resources:       []Resource{},
		Username:        some(e.Principal.Name()),
	}
	for i := range e.Resources {
		event.Resources = append(event.Resources, Resource{ResourceName: &e.Resources[i].ARN, ResourceType: some(e.Resources[i].Type)})
	}
	return event, nil
}

// sourceOf is the service that was called; "" if the call named none that Slipway has.
func sourceOf(e *audit.Entry) string {
	if e.Service == "" {
		return ""
	}
	return e.Service + sourceSuffix
}

// trailRecord is an event as log files of AWS CloudTrail have it. Parameters and answers of calls
// are not kept, so they are null.
// Source: AWS CloudTrail User Guide, "CloudTrail record contents", version 1.11.
type trailRecord struct {
	EventVersion        string           `json:"eventVersion"`
	UserIdentity        userIdentity     `json:"userIdentity"`
	EventTime           string           `json:"eventTime"`
	EventSource         string           `json:"eventSource"`
	EventName           string           `json:"eventName"`
	AWSRegion           string           `json:"awsRegion"`
	SourceIPAddress     string           `json:"sourceIPAddress"`
	UserAgent           string           `json:"userAgent"`
	ErrorCode           string           `json:"errorCode,omitempty"`
	ErrorMessage        string           `json:"errorMessage,omitempty"`
	RequestParameters   any              `json:"requestParameters"`
	ResponseElements    any              `json:"responseElements"`
	AdditionalEventData *additionalData  `json:"additionalEventData,omitempty"`
	RequestID           string           `json:"requestID,omitempty"`
	EventID             string           `json:"eventID"`
	ReadOnly            bool             `json:"readOnly"`
	Resources           []recordResource `json:"resources,omitempty"`
	EventType           string           `json:"eventType"`
	ManagementEvent     bool             `json:"managementEvent"`
	RecipientAccountID  string           `json:"recipientAccountId"`
	SharedEventID       string           `json:"sharedEventID,omitempty"`
	EventCategory       string           `json:"eventCategory"`
}

// additionalData is what AWS CloudTrail has no member for.
type additionalData struct {
	Action        string `json:"action,omitempty"`        // if it is another than the operation's
	CausedBy      string `json:"causedBy,omitempty"`      // id of the event that made Slipway do this
	OmittedEvents int64  `json:"omittedEvents,omitempty"` // calls of nobody known before this one
}

type recordResource struct {
	ARN       string `json:"ARN"`
	AccountID string `json:"accountId,omitempty"`
	Type      string `json:"type,omitempty"`
}

func recordOf(e *audit.Entry, account string) (string, error) {
	r := trailRecord{
		EventVersion: "1.11",
		UserIdentity: identityOf(e),
		EventTime:    e.Time.Format("2006-01-02T15:04:05Z"),
		EventSource:  sourceOf(e), EventName: e.Operation,
		AWSRegion: e.Region, SourceIPAddress: e.Source, UserAgent: e.UserAgent,
		ErrorCode: e.ErrorCode, ErrorMessage: e.ErrorMessage,
		RequestID: e.RequestID, EventID: e.ID, ReadOnly: e.ReadOnly,
		EventType: "AwsApiCall", ManagementEvent: true, EventCategory: "Management",
		RecipientAccountID: account, SharedEventID: e.Shared,
	}
	if more := (additionalData{e.Action, e.Cause, e.Omitted}); more != (additionalData{}) {
		r.AdditionalEventData = &more
	}
	for _, resource := range e.Resources {
		a, _ := arn.Parse(resource.ARN) // what is no ARN has no account
		r.Resources = append(r.Resources, recordResource{resource.ARN, a.Account, resource.Type})
	}
	return encode(r)
}

func encode(v any) (string, error) {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	err := out.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// userIdentity is who called.
// Source: AWS CloudTrail User Guide, "CloudTrail userIdentity element".
type userIdentity struct {
	Type           string          `json:"type"`
	PrincipalID    string          `json:"principalId,omitempty"`
	ARN            string          `json:"arn,omitempty"`
	AccountID      string          `json:"accountId,omitempty"`
	InvokedBy      string          `json:"invokedBy,omitempty"`
	AccessKeyID    string          `json:"accessKeyId,omitempty"`
	UserName       string          `json:"userName,omitempty"`
	SessionContext *sessionContext `json:"sessionContext,omitempty"`
}

type sessionContext struct {
	SessionIssuer sessionIssuer     `json:"sessionIssuer"`
	Attributes    sessionAttributes `json:"attributes"`
}

type sessionIssuer struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName"`
}

type sessionAttributes struct {
	CreationDate     string `json:"creationDate,omitempty"`
	MFAAuthenticated string `json:"mfaAuthenticated"`
}

func identityOf(e *audit.Entry) userIdentity {
	p := &e.Principal
	u := userIdentity{Type: p.Type, PrincipalID: p.UserID, ARN: p.ARN, AccountID: e.Account, AccessKeyID: p.AccessKeyID}
	switch p.Type {
	case audit.PrincipalUser:
		u.UserName = p.Name()
	case audit.PrincipalRole:
		u.SessionContext = sessionOf(e)
	case audit.PrincipalService:
		return userIdentity{Type: p.Type, InvokedBy: p.UserID}
	case audit.PrincipalUnknown:
		u.AccountID = "" // it is nobody's: the account is where the record is kept
	}
	return u
}

func sessionOf(e *audit.Entry) *sessionContext {
	role := e.Principal.IssuerARN
	s := &sessionContext{
		SessionIssuer: sessionIssuer{"Role", e.Principal.IssuerID, role, e.Account, role[strings.LastIndexByte(role, '/')+1:]},
		Attributes:    sessionAttributes{MFAAuthenticated: "false"},
	}
	if at := e.Principal.SessionStart; !at.IsZero() {
		s.Attributes.CreationDate = at.Format("2006-01-02T15:04:05Z")
	}
	return s
}
