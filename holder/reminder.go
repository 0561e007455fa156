package holder

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/store"
)

// monthLayout is how a month is written.
const monthLayout = "2006-01"

// maxReminder bounds how far ahead a reminder may lie, in years. Certificates of
// time-stamp authorities live for ten or so.
const maxReminder = 50

// OpenBefore keeps the month before which the citizen should open the vault, as
// in 2031-11: the evidence in it must be stamped again by then, and only the
// wallet unit can. An empty one takes it back. Nothing else of what is in the
// vault is said by it.
func (h *Holder) OpenBefore(ctx context.Context, r Request, month string) error {
	if month != "" {
		at, err := time.Parse(monthLayout, month)
		now := h.now().UTC()
		before := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, time.UTC)
		if err != nil || at.Before(before) || at.After(now.AddDate(maxReminder, 0, 0)) {
			return fmt.Errorf("%w: open_before: expected a month from now to %d years ahead, such as 2031-11", ErrInput, maxReminder)
		}
	}
	for range 3 {
		v, err := h.active(ctx, r.Citizen)
		if err != nil || v.s.OpenBefore == month {
			return err
		}
		v.s.OpenBefore = month
		if err = h.save(ctx, &v.vault); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}

// Due is a vault whose citizen should be reminded to open it.
type Due struct {
	WebID      string
	OpenBefore string // a month
}

// reminder is the tag of vaults that should be opened before a month.
func reminder(month string) string { return "open-before:" + month }

// Due lists the vaults that should be opened before a time, those that are overdue
// for up to ten years included, in the order of their months.
func (h *Holder) Due(ctx context.Context, before time.Time) ([]Due, error) {
	var out []Due
	last := before.UTC()
	month := time.Date(h.now().UTC().Year()-10, time.January, 1, 0, 0, 0, 0, time.UTC)
	for ; !month.After(last); month = month.AddDate(0, 1, 0) {
		text := month.Format(monthLayout)
		for page := (store.Page{}); ; {
			found, next, err := h.store.Find(ctx, kindVault, reminder(text), page)
			if err != nil {
				return nil, fmt.Errorf("finding vaults: %w", err)
			}
			for _, rec := range found {
				d, err := h.due(rec)
				if err != nil {
					return nil, err
				}
				out = append(out, d)
			}
			if next == "" {
				break
			}
			page.Next = next
		}
	}
	return out, nil
}

func (h *Holder) due(rec store.Record) (Due, error) {
	s, err := typed(rec)
	if err != nil {
		return Due{}, err
	}
	v, _ := untyped(s)
	webid, err := h.webID(v)
	return Due{WebID: webid, OpenBefore: v.s.OpenBefore}, err
}

// reminders are what a citizen is told, by language. %s is the month.
var reminders = map[string]string{
	"nl": "Open uw kluis vóór %s. In uw kluis staan bewijzen met een elektronisch zegel. Om ze ook later te kunnen aantonen moet uw wallet ze vóór die tijd opnieuw van een tijdstempel voorzien. Alleen u kunt dat, door uw kluis te openen.",
	"fr": "Ouvrez votre coffre avant %s. Votre coffre contient des attestations munies d’un cachet électronique. Pour pouvoir les prouver plus tard, votre portefeuille doit les horodater à nouveau avant cette date. Vous seul pouvez le faire, en ouvrant votre coffre.",
	"de": "Öffnen Sie Ihren Tresor vor %s. Er enthält Nachweise mit einem elektronischen Siegel. Damit sie auch später beweisbar bleiben, muss Ihre Wallet sie bis dahin neu mit einem Zeitstempel versehen. Nur Sie können das, indem Sie den Tresor öffnen.",
	"en": "Open your vault before %s. It holds attestations with an electronic seal. To be able to prove them later, your wallet must time-stamp them again before then. Only you can do that, by opening your vault.",
}

var months = map[string][]string{
	"nl": strings.Fields("januari februari maart april mei juni juli augustus september oktober november december"),
	"fr": strings.Fields("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
	"de": strings.Fields("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
	"en": strings.Fields("January February March April May June July August September October November December"),
}

// Texts is what the citizen is told, by language: nl, fr, de and en.
func (d Due) Texts() (map[string]string, error) {
	at, err := time.Parse(monthLayout, d.OpenBefore)
	if err != nil {
		return nil, fmt.Errorf("a reminder: %w", err)
	}
	out := map[string]string{}
	for language, text := range reminders {
		out[language] = fmt.Sprintf(text, fmt.Sprintf("%s %d", months[language][at.Month()-1], at.Year()))
	}
	return out, nil
}
