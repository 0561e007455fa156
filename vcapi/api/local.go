package api

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/internal/rest"
)

// local refuses requests that name another host than this machine. A page in a browser
// here can have its own name lead to loopback (DNS rebinding): it would then be of the
// same origin as the server, and have credentials signed.
func local(h rest.Handler) rest.Handler {
	return func(r *rest.Request) (rest.Answer, error) {
		if isLoopback(r.HTTP.Host) {
			return h(r)
		}
		return rest.Answer{}, &rest.Problem{
			Status: http.StatusMisdirectedRequest, Title: "Host is not this machine", Field: "Host", Expected: "localhost or a loopback address", Found: clip(r.HTTP.Host),
			Detail: "Without clients only this machine is served, under its own name.", Spec: "RFC 9110, Section 15.5.20", Remedy: "Call it as localhost, or have the operator name clients (vc_api.clients).",
		}
	}
}

// isLoopback is of a host with or without a port.
func isLoopback(host string) bool {
	u, err := url.Parse("http://" + host)
	if err != nil || u.Host != host {
		return false
	}
	return strings.EqualFold(u.Hostname(), "localhost") || net.ParseIP(u.Hostname()).IsLoopback()
}
