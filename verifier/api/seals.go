package api

import (
	"net/http"

	"github.com/zegel-id/zegel/internal/rest"
)

// How many seals are judged at once, for a receiver and for all: evidence of
// strangers may make work.
const (
	sealsEach  = 4
	sealsInAll = 16
)

// sealTypes are the media types of what may bear a seal. Which it is, its form
// tells.
var sealTypes = []string{
	"application/jose", "application/dc+sd-jwt", "application/vc+jwt", "text/plain", // compact
	"application/jose+json", "application/json",
}

// validateSeal judges the seal on the document that is the body. The slot is taken
// before the body is read: it bounds what is held in memory, too.
func (s server) validateSeal(r *rest.Request) (rest.Answer, error) {
	release, err := s.seals.Hold(r.Client.ID)
	if err != nil {
		return rest.Answer{}, err
	}
	defer release()
	document, err := r.Document(sealTypes...)
	if err != nil {
		return rest.Answer{}, err
	}
	report, err := s.v.JudgeSeal(r.Context(), r.Client.ID, document)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, report), nil
}
