package unit

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// Trust is the rule by which the unit decides who may ask a citizen.
type Trust string

const (
	// TrustRegister lets only receivers ask that are in the platform's
	// register: a request signed with an access certificate, a registration
	// certificate that covers the query, admitted now, answered encrypted.
	TrustRegister Trust = "register"
	// TrustOpen lets everybody ask whose client identifier checks out, and
	// warns the citizen when nothing vouches for them. It is for certification
	// suites and for receivers of others, not for citizens' wallets.
	TrustOpen Trust = "open"
)

// ParseTrust reads the name of a rule; empty is TrustRegister.
func ParseTrust(s string) (Trust, error) {
	switch t := Trust(s); t {
	case "":
		return TrustRegister, nil
	case TrustRegister, TrustOpen:
		return t, nil
	default:
		return "", fmt.Errorf("trust %q is not known; use %s or %s", shown(s, 40), TrustRegister, TrustOpen)
	}
}

// open reports whether the rule is the open one; what is not known is not.
func (t Trust) open() bool { return t == TrustOpen }

// prefixes are the client identifiers that the rule accepts; nil is the strict
// list of oid4vp.
func (t Trust) prefixes() []oid4vp.Prefix {
	if !t.open() {
		return nil
	}
	return []oid4vp.Prefix{oid4vp.PrefixX509Hash, oid4vp.PrefixX509SANDNS, oid4vp.PrefixDecentralized, oid4vp.PrefixAttestation, oid4vp.PrefixRedirectURI, oid4vp.PrefixNone}
}

// modes are the response modes that the rule accepts; nil is the strict list.
func (t Trust) modes(origin string) []string {
	switch {
	case !t.open():
		return nil
	case origin != "":
		return []string{oid4vp.ModeDCAPIJWT, oid4vp.ModeDCAPI}
	default:
		return []string{oid4vp.ModeDirectPostJWT, oid4vp.ModeDirectPost, oid4vp.ModeFragment, oid4vp.ModeQuery}
	}
}

// Warnings of the consent, in the languages of the platform.
var (
	warnNobody = oid4vp.Labels{
		"nl": "Deze ontvanger staat niet in het register: niemand staat ervoor in.",
		"fr": "Ce destinataire ne figure pas dans le registre : personne ne répond de lui.",
		"de": "Dieser Empfänger steht nicht im Register: Niemand bürgt für ihn.",
		"en": "This receiver is not in the register: nobody vouches for it.",
	}
	warnUnsigned = oid4vp.Labels{
		"nl": "De vraag is niet ondertekend: alleen het adres waar het antwoord heen gaat, is bekend.",
		"fr": "La demande n'est pas signée : seule l'adresse à laquelle la réponse est envoyée est connue.",
		"de": "Die Anfrage ist nicht signiert: Bekannt ist nur die Adresse, an die die Antwort geht.",
		"en": "The request is not signed: all that is known is the address that the answer goes to.",
	}
	warnClear = oid4vp.Labels{
		"nl": "Het antwoord wordt niet apart versleuteld.",
		"fr": "La réponse n'est pas chiffrée séparément.",
		"de": "Die Antwort wird nicht eigens verschlüsselt.",
		"en": "The answer is not encrypted on its own.",
	}
)

// warnStatus is about what would be shared.
var warnStatus = oid4vp.Labels{
	"nl": "Of wat u zou delen nog geldig is, kon nu niet worden nagegaan.",
	"fr": "Il n'a pas été possible de vérifier si ce que vous partageriez est encore valable.",
	"de": "Ob noch gilt, was Sie teilen würden, ließ sich jetzt nicht prüfen.",
	"en": "Whether what you would share is still valid could not be checked now.",
}

// warnWhole is about a credential that cannot be shown in part.
var warnWhole = oid4vp.Labels{
	"nl": "De ontvanger zou alles zien wat in het bewijs staat, niet alleen wat gevraagd wordt.",
	"fr": "Le destinataire verrait tout ce que contient l'attestation, et pas seulement ce qui est demandé.",
	"de": "Der Empfänger würde alles sehen, was im Nachweis steht, nicht nur das Verlangte.",
	"en": "The receiver would see everything in the credential, not only what is asked for.",
}

// warnings of a request, for the citizen.
func (a Asked) warnings(languages []string) []string {
	var out []string
	for _, w := range []struct {
		applies bool
		text    oid4vp.Labels
	}{
		{a.Registration.Receiver == "", warnNobody},
		{!a.Signed, warnUnsigned},
		{!a.Encrypted(), warnClear},
	} {
		if w.applies {
			out = append(out, w.text.In(languages...))
		}
	}
	return out
}

// unstated stands in the use log for what a receiver outside the register did
// not say.
const unstated = "not stated by the receiver"

// who is how a receiver is called: an identifier for the log and the receipt,
// and a name. Outside the register both are what the request proves, and no
// more; an address is cut to its host, because the rest may be a secret.
func (a Asked) who() (id, name string) {
	if r := a.Registration; r.Receiver != "" {
		return r.Receiver, r.Name
	}
	prefix, rest := oid4vp.Split(a.ClientID)
	switch {
	case a.Origin != "" && !a.Signed:
		return shown(a.Origin, maxName), shown(a.Origin, maxName)
	case prefix == oid4vp.PrefixRedirectURI:
		host := rest
		if u, err := url.Parse(rest); err == nil {
			host = u.Host
		}
		return string(prefix) + ":" + shown(host, maxName), shown(host, maxName)
	case len(a.Chain) > 0 && len(a.Chain[0].Subject.Organization) > 0:
		return shown(a.ClientID, maxName), shown(a.Chain[0].Subject.Organization[0], maxName)
	case a.Client.Name != "":
		return shown(a.ClientID, maxName), shown(a.Client.Name, maxName)
	default:
		return shown(a.ClientID, maxName), shown(strings.TrimPrefix(rest, "//"), maxName)
	}
}

// maxName is how much of a receiver's name is kept, in characters.
const maxName = 120
