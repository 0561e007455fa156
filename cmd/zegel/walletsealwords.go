package main

import (
	"strings"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/statement"
)

// sealTongue is what stands around the statements in one language.
type sealTongue struct {
	Title, Empty, Other, Details     string
	Qualified, Certificate, Advanced string // the marks of seals that hold
	Unknown, Broken                  string
	Fault                            string
	Judged, WithLists, WithoutLists  string // Judged has {time}
	Stale                            string
}

type sealTongues map[string]sealTongue

// sealWords are in the languages of the statements.
var sealWords = sealTongues{
	"nl": {
		Title: "De zegels in uw kluis", Empty: "Er staan geen bewijzen in de kluis.", Other: "In andere talen", Details: "Wat er mis is",
		Qualified: "Gekwalificeerd zegel", Certificate: "Geavanceerd zegel, gekwalificeerd certificaat", Advanced: "Geavanceerd zegel", Unknown: "Zegel van onbekende waarde", Broken: "Zegel niet bevestigd",
		Fault:  "Uw wallet kan niet bevestigen wie dit bewijs heeft verzegeld. Vertrouw er niet op.",
		Judged: "Dit heeft uw wallet zelf beoordeeld op {time}, en geen server.", WithLists: "De vertrouwenslijsten heeft zij zelf opgehaald en nagekeken.", WithoutLists: "Zij kent geen vertrouwenslijsten, en kan dus niet weten of een zegel gekwalificeerd is.",
		Stale: "Nieuwe vertrouwenslijsten konden niet worden opgehaald; beoordeeld is met die van vroeger.",
	},
	"fr": {
		Title: "Les cachets dans votre coffre", Empty: "Il n’y a pas d’attestations dans le coffre.", Other: "Dans d’autres langues", Details: "Ce qui ne va pas",
		Qualified: "Cachet qualifié", Certificate: "Cachet avancé, certificat qualifié", Advanced: "Cachet avancé", Unknown: "Cachet de valeur inconnue", Broken: "Cachet non confirmé",
		Fault:  "Votre portefeuille ne peut pas confirmer qui a scellé cette attestation. Ne vous y fiez pas.",
		Judged: "C’est votre portefeuille lui-même qui l’a examiné le {time}, et non un serveur.", WithLists: "Il a lui-même téléchargé et vérifié les listes de confiance.", WithoutLists: "Il ne connaît pas de listes de confiance et ne peut donc savoir si un cachet est qualifié.",
		Stale: "De nouvelles listes de confiance n’ont pas pu être téléchargées ; l’examen repose sur les précédentes.",
	},
	"de": {
		Title: "Die Siegel in Ihrem Tresor", Empty: "Im Tresor liegen keine Nachweise.", Other: "In anderen Sprachen", Details: "Was nicht stimmt",
		Qualified: "Qualifiziertes Siegel", Certificate: "Fortgeschrittenes Siegel, qualifiziertes Zertifikat", Advanced: "Fortgeschrittenes Siegel", Unknown: "Siegel von unbekanntem Wert", Broken: "Siegel nicht bestätigt",
		Fault:  "Ihre Wallet kann nicht bestätigen, wer diesen Nachweis besiegelt hat. Verlassen Sie sich nicht darauf.",
		Judged: "Das hat Ihre Wallet selbst geprüft, am {time}, und kein Server.", WithLists: "Die Vertrauenslisten hat sie selbst abgerufen und geprüft.", WithoutLists: "Sie kennt keine Vertrauenslisten und kann daher nicht wissen, ob ein Siegel qualifiziert ist.",
		Stale: "Neue Vertrauenslisten konnten nicht abgerufen werden; geprüft wurde mit den früheren.",
	},
	"en": {
		Title: "The seals in your vault", Empty: "There are no credentials in the vault.", Other: "In other languages", Details: "What is wrong",
		Qualified: "Qualified seal", Certificate: "Advanced seal, qualified certificate", Advanced: "Advanced seal", Unknown: "Seal of unknown worth", Broken: "Seal not confirmed",
		Fault:  "Your wallet cannot confirm who sealed this credential. Do not rely on it.",
		Judged: "Your wallet judged this itself on {time}, and no server did.", WithLists: "It fetched and verified the trusted lists itself.", WithoutLists: "It knows no trusted lists, so it cannot know whether a seal is qualified.",
		Stale: "New trusted lists could not be fetched; it judged by those it had.",
	},
}

// judged says by whom and with what.
func (s sealTongues) judged(j judgement) map[string]string {
	out := map[string]string{}
	for lang, t := range s {
		text := strings.ReplaceAll(t.Judged, "{time}", statement.Time(j.At, lang)) + " "
		if j.Lists {
			text += t.WithLists
		} else {
			text += t.WithoutLists
		}
		if j.ListsFault != "" {
			text += " " + t.Stale
		}
		out[lang] = text
	}
	return out
}

func (s sealTongues) fault() map[string]string {
	out := map[string]string{}
	for lang, t := range s {
		out[lang] = t.Fault
	}
	return out
}

// mark is the worth in a few words.
func (t sealTongue) mark(h held) string {
	if !h.Holds {
		return t.Broken
	}
	switch h.Statement.Qualification {
	case seal.QESeal:
		return t.Qualified
	case seal.AdESealQC:
		return t.Certificate
	case seal.AdESeal:
		return t.Advanced
	default:
		return t.Unknown
	}
}
