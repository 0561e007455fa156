package tsl

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/beevik/etree"

	"github.com/zegel-id/zegel/seal/trust"
)

const (
	maxProviders = 1000
	maxServices  = 2000 // of one provider
	maxStates    = 200  // of one service
)

// List is one trusted list. It does not change.
type List struct {
	Scheme    Scheme
	Providers []Provider

	// What Verify found; empty after Parse.
	Signer *x509.Certificate
	Signed time.Time // as the signer claims

	document [sha256.Size]byte // digest of it as it was fetched
	content  [sha256.Size]byte // digest of what was signed
}

// Provider is a trust service provider (ETSI TS 119 612, clause 5.4).
type Provider struct {
	Name        Texts
	TradeNames  Texts
	Information []string
	Services    []Service
}

// Service is a trust service: what it is now and what it was before, newest
// first (clauses 5.5 and 5.6).
type Service struct {
	States []State
}

// State is a service in a time. Former states name the key without
// certificates; it is the key of the first.
type State struct {
	Type       string // such as ServiceCA
	Name       Texts
	Identity   Identity
	Status     string // such as StatusGranted
	Since      time.Time
	Extensions Extensions
}

// Verify reads a list whose signature was made by one of signers, and nothing
// but what the signature covers. Whether it is still fresh at now, and whether
// it is the list that was asked for, is for the caller: Scheme says.
func Verify(doc []byte, signers []*x509.Certificate, now time.Time) (*List, error) {
	root, err := readXML(doc)
	if err != nil {
		return nil, err
	}
	found, err := verifySignature(root, signers, now)
	if err != nil {
		return nil, err
	}
	l, err := Parse(found.octets)
	if err != nil {
		return nil, err
	}
	if l.Scheme.Issued.After(now.Add(clockSkew)) {
		return nil, refuse(CheckValidity, clause(specList, "5.3.14"), "ListIssueDateTime %s is in the future", l.Scheme.Issued.Format(time.RFC3339))
	}
	l.Signer, l.Signed = found.signer, found.at
	l.document, l.content = sha256.Sum256(doc), sha256.Sum256(found.octets)
	return l, nil
}

// Parse reads a list and verifies nothing: neither who made it nor whether it
// was changed.
func Parse(doc []byte) (*List, error) {
	root, err := readXML(doc)
	if err != nil {
		return nil, err
	}
	if !is(root, nsList, "TrustServiceStatusList") || attribute(root, "TSLTag") != listTag {
		return nil, refuse(CheckContent, clause(specList, "5.2.1"), "the document element is not tsl:TrustServiceStatusList with its TSLTag")
	}
	l := &List{}
	if l.Scheme, err = parseScheme(child(root, nsList, "SchemeInformation")); err != nil {
		return nil, err
	}
	// The list of providers may be absent when there are none.
	if all := children(root, nsList, "TrustServiceProviderList"); len(all) > 1 {
		return nil, missing("TrustServiceProviderList", "5.3.18")
	}
	providers := children(child(root, nsList, "TrustServiceProviderList"), nsList, "TrustServiceProvider")
	if len(providers) > maxProviders {
		return nil, invalid("TrustServiceProviderList", "5.3.18", fmt.Sprintf("more than %d providers", maxProviders))
	}
	for i, e := range providers {
		p, err := parseProvider(e)
		if err != nil {
			return nil, invalid(fmt.Sprintf("TrustServiceProvider %d", i), "5.4", err.Error())
		}
		l.Providers = append(l.Providers, p)
	}
	return l, nil
}

func parseProvider(e *etree.Element) (Provider, error) {
	in := child(e, nsList, "TSPInformation")
	var p Provider
	var err error
	if p.Name, err = texts(child(in, nsList, "TSPName"), "Name"); err != nil || len(p.Name) == 0 {
		return p, errors.New("TSPName is missing")
	}
	if p.TradeNames, err = texts(child(in, nsList, "TSPTradeName"), "Name"); err != nil {
		return p, err
	}
	if p.Information, err = uris(child(in, nsList, "TSPInformationURI")); err != nil {
		return p, err
	}
	services := children(child(e, nsList, "TSPServices"), nsList, "TSPService")
	if len(services) > maxServices {
		return p, fmt.Errorf("more than %d services", maxServices)
	}
	for i, s := range services {
		v, err := parseService(s)
		if err != nil {
			return p, fmt.Errorf("TSPService %d: %w", i, err)
		}
		p.Services = append(p.Services, v)
	}
	return p, nil
}

func parseService(e *etree.Element) (Service, error) {
	now, err := parseState(child(e, nsList, "ServiceInformation"))
	if err != nil {
		return Service{}, err
	}
	s := Service{States: []State{now}}
	former := children(child(e, nsList, "ServiceHistory"), nsList, "ServiceHistoryInstance")
	if len(former) > maxStates {
		return s, fmt.Errorf("more than %d former states", maxStates)
	}
	for i, f := range former {
		state, err := parseState(f)
		if err != nil {
			return s, fmt.Errorf("ServiceHistoryInstance %d: %w", i, err)
		}
		s.States = append(s.States, state)
	}
	return s, nil
}

func parseState(e *etree.Element) (State, error) {
	if e == nil {
		return State{}, errors.New("ServiceInformation is missing or there twice")
	}
	s := State{Type: text(child(e, nsList, "ServiceTypeIdentifier")), Status: text(child(e, nsList, "ServiceStatus"))}
	if s.Type == "" || s.Status == "" {
		return s, errors.New("ServiceTypeIdentifier or ServiceStatus is missing")
	}
	var err error
	if s.Name, err = texts(child(e, nsList, "ServiceName"), "Name"); err != nil || len(s.Name) == 0 {
		return s, errors.New("ServiceName is missing")
	}
	if s.Identity, err = parseIdentity(child(e, nsList, "ServiceDigitalIdentity")); err != nil {
		return s, err
	}
	if s.Since, err = instant(child(e, nsList, "StatusStartingTime")); err != nil {
		return s, fmt.Errorf("StatusStartingTime %w", err)
	}
	if all := children(e, nsList, "ServiceInformationExtensions"); len(all) > 1 {
		return s, errors.New("ServiceInformationExtensions is there twice")
	}
	s.Extensions, err = parseExtensions(child(e, nsList, "ServiceInformationExtensions"))
	return s, err
}

// Ordered reports whether the states of a service go back in time. The history
// of one that does not cannot be told (ETSI TS 119 615, clause 4.3.4). Lists
// have states of the same time, where more than one thing changed at once: the
// first of them is the one that holds.
func (s Service) Ordered() bool {
	for i := 1; i < len(s.States); i++ {
		if s.States[i].Since.After(s.States[i-1].Since) {
			return false
		}
	}
	return true
}

// granted are the times at which the service was of a type and granted, in a
// state that is understood; newest first. A history in disorder has none.
func (s Service) granted(kind string) []trust.Period {
	if !s.Ordered() {
		return nil
	}
	var out []trust.Period
	for i, state := range s.States {
		p := trust.Period{From: state.Since}
		if i > 0 {
			p.Until = s.States[i-1].Since
		}
		if state.Type == kind && state.Status == StatusGranted && state.Extensions.NotUnderstood == "" && (p.Until.IsZero() || p.Until.After(p.From)) {
			out = append(out, p)
		}
	}
	return out
}

// At is the state of the service at a time.
func (s Service) At(t time.Time) (State, bool) {
	if i := s.index(t); i < len(s.States) {
		return s.States[i], true
	}
	return State{}, false
}

// index is the number of the state at a time; that of no state before the first.
// It fits an octet (maxStates).
func (s *Service) index(t time.Time) int {
	for i := range s.States {
		if !t.Before(s.States[i].Since) {
			return i
		}
	}
	return len(s.States)
}
