package main

import (
	"net/http"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/internal/rest"
)

// replaceSealKey takes the seal key of a tenant into use that the configuration
// names now. It is opened and tried as at the start; until it seals, and if it
// does not, the one before goes on. What is being sealed is finished with that.
func (a *app) replaceSealKey(r *rest.Request) (rest.Answer, error) {
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	tenant := q.Value("tenant")
	before := a.seals.of(tenant)
	if before == nil {
		return rest.Answer{}, &rest.Problem{Status: http.StatusConflict, Title: "Key is not elsewhere", Field: "tenant", Detail: "The seal key of that issuer is in the key directory, or there is no such tenant.", Remedy: "Replace it with zegel keys rotate; to move it elsewhere start the server anew."}
	}
	// The operator asked, and the files are the operator's: the fault is told.
	refused := func(err error) error {
		return &rest.Problem{Status: http.StatusUnprocessableEntity, Title: "The seal key was not taken", Detail: err.Error(), Remedy: "The one before stays in use.", Cause: err}
	}
	c, err := LoadConfig(a.c.path)
	if err != nil {
		return rest.Answer{}, refused(err)
	}
	all := c.Issuer.all()
	n := slices.IndexFunc(all, func(i *IssuerConfig) bool { return i.Tenant == tenant })
	if n < 0 || all[n].Seal == nil || all[n].URL != before.url {
		return rest.Answer{}, &rest.Problem{Status: http.StatusConflict, Title: "Not the same issuer", Field: "tenant", Detail: "The configuration names another url for it, or no key elsewhere.", Remedy: "Start the server anew."}
	}
	next, err := a.useSealKey(r.Context(), all[n], false)
	if err != nil {
		return rest.Answer{}, refused(err)
	}
	id := a.local.keys[tenant].Current().ID()
	next.log.Info("seal key replaced", "certificate", id)
	if err := a.logKeyChange(r.Context(), r.ID, strings.TrimSpace(useSeal+" key "+tenant)); err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, map[string]string{"certificate": id}), nil
}
