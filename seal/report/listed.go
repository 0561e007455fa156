package report

import (
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// TrustedLists is what the trusted lists of the Union say of the certificate
// (ETSI TS 119 615).
type TrustedLists struct {
	// Qualified: it is a qualified certificate for electronic seals, at its issuance
	// and at the best signature time. Device: the key is in a qualified device then.
	// Both are yes, no or indeterminate.
	Qualified string `json:"qualified"`
	Device    string `json:"qualified_device"`
	// DeviceManaged: a provider manages the device on behalf of the creator.
	DeviceManaged bool `json:"device_managed"`
	// Reason is why it is not qualified, or why nobody can tell.
	Reason string `json:"reason,omitzero"`
	// Services are those that answer for the certificate: they decided.
	Services []Service `json:"services"`
}

// Service is a trust service that answers for the certificate.
type Service struct {
	Territory string `json:"territory"`
	Operator  string `json:"operator"` // the provider of the service
	Name      string `json:"name"`
	Type      string `json:"type"` // as in the list, without what all types begin with
	// Status at the best signature time, such as granted, and since when; empty when
	// the service was not listed yet. StatusNow is that of today, where it is another.
	Status    string    `json:"status,omitzero"`
	Since     time.Time `json:"since,omitzero"`
	StatusNow string    `json:"status_now,omitzero"`
	SinceNow  time.Time `json:"since_now,omitzero"`
	// Qualifiers of the list that apply to the certificate at the best signature
	// time, such as QCWithQSCD.
	Qualifiers []string `json:"qualifiers"`
	// SHA256 is that of the certificate of the service.
	SHA256       string    `json:"sha256"`
	ListSequence int64     `json:"list_sequence"`
	ListIssued   time.Time `json:"list_issued"`
	NextUpdate   time.Time `json:"next_update,omitzero"` // absent of a closed list
}

func trustedLists(d *tsl.Determination) *TrustedLists {
	if d == nil {
		return nil
	}
	out := &TrustedLists{Qualified: d.Qualified.String(), Device: d.Device.String(), DeviceManaged: d.Managed, Reason: d.Reason()}
	for i, l := range d.Services {
		s := Service{
			Territory: l.Territory, Operator: l.Provider, Name: l.Name, Type: lastPart(l.Type, "/Svctype/"), SHA256: digest(l.Certificate),
			ListSequence: l.Sequence, ListIssued: seconds(l.Issued), NextUpdate: seconds(l.NextUpdate),
		}
		if i < len(d.Then) {
			then := d.Then[i]
			s.Status, s.Since, s.Qualifiers = then.Status, seconds(then.Since), slices.Clone(then.Qualifiers)
		}
		if now := lastPart(l.Status, "/"); now != s.Status || !seconds(l.Since).Equal(s.Since) {
			s.StatusNow, s.SinceNow = now, seconds(l.Since)
		}
		out.Services = append(out.Services, s)
	}
	return out
}

// lastPart is what stands in an identifier behind the last mark, or all of it.
func lastPart(uri, mark string) string {
	if i := strings.LastIndex(uri, mark); i >= 0 {
		return uri[i+len(mark):]
	}
	return uri
}
