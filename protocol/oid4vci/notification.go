package oid4vci

import (
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// NotificationRequest of OpenID4VCI, Section 11.1.
type NotificationRequest struct {
	NotificationID   Secret `json:"notification_id"`
	Event            Event  `json:"event"`
	EventDescription string `json:"event_description,omitzero"`
}

// Event is what became of the credentials of one response. A failure of a part
// of a batch is a failure of the whole.
type Event string

const (
	CredentialAccepted Event = "credential_accepted"
	CredentialFailure  Event = "credential_failure"
	CredentialDeleted  Event = "credential_deleted"
)

const specNotification = "OpenID4VCI 1.0, Section 11.1"

// ParseNotificationRequest reads a notification. Unknown members are ignored.
// That the id exists and belongs to the token's owner is for the issuer to
// check.
func ParseNotificationRequest(b []byte) (NotificationRequest, error) {
	var r NotificationRequest
	if err := decode(b, &r, MaxMessage, InvalidNotificationRequest, "notification request", specNotification); err != nil {
		return NotificationRequest{}, err
	}
	if r.NotificationID == "" || tooLong(string(r.NotificationID)) {
		return NotificationRequest{}, refuse(InvalidNotificationRequest, specNotification, "notification_id", "is missing or longer than %d bytes", MaxText)
	}
	switch r.Event {
	case CredentialAccepted, CredentialFailure, CredentialDeleted:
	default:
		return NotificationRequest{}, refuse(InvalidNotificationRequest, specNotification, "event", "must be %s, %s or %s", CredentialAccepted, CredentialFailure, CredentialDeleted)
	}
	if tooLong(r.EventDescription) || wire.Description(r.EventDescription) != r.EventDescription {
		return NotificationRequest{}, refuse(InvalidNotificationRequest, specNotification, "event_description", "holds other characters than printable ASCII without quotation mark and backslash, or more than %d", MaxText)
	}
	return r, nil
}
