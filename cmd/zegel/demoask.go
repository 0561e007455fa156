package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/holder/unit"
)

// transaction is what the receiver's API answers.
type transaction struct {
	ID   string `json:"transaction_id"`
	Link string `json:"link"`
}

type result struct {
	State         string `json:"state"`
	Verified      bool   `json:"verified"`
	Qualification string `json:"qualification"`
	Presentations []struct {
		Issuer string            `json:"issuer"`
		Claims json.RawMessage   `json:"claims"`
		Checks credential.Report `json:"checks"`
		Seal   struct {
			Indication string `json:"indication"`
			Provider   struct {
				Name string `json:"name"`
			} `json:"provider"`
			Source struct {
				Name        string `json:"name"`
				Legislation string `json:"legislation"`
			} `json:"authentic_source"`
			Statement struct {
				Texts map[string]string `json:"text"`
			} `json:"statement"`
		} `json:"seal"`
	} `json:"presentations"`
	Checks credential.Report `json:"checks"`
}

func (s *story) ask(ctx context.Context) (transaction, error) {
	return s.asks(ctx, map[string]any{
		"id": "diploma", "format": credential.FormatSDJWTVC, "meta": map[string]any{"vct_values": []string{s.env.urls["issuer"] + "/types/led-diploma"}},
		"claims": []any{map[string]any{"path": []string{"title"}}, map[string]any{"path": []string{"level", "eqf"}}},
	})
}

// asks starts a transaction of the employer with one credential query.
func (s *story) asks(ctx context.Context, query map[string]any) (transaction, error) {
	var t transaction
	err := s.api(ctx, "POST", s.env.urls["verifier"]+"/verifier/v1/transactions", s.env.employerKey, map[string]any{
		"purpose": "recruitment", "flow": "cross-device",
		"dcql_query": map[string]any{"credentials": []any{query}},
	}, &t)
	return t, err
}

func (s *story) share(ctx context.Context, w *wallet, t transaction) (result, error) {
	var r result
	_, err := w.share(ctx, asking{link: t.Link}, "en", presentFlags{}, func(_ context.Context, c unit.Consent) (bool, error) {
		printConsent(indent{s.out}, c)
		return true, nil
	})
	var refused *unit.Refusal
	if errors.As(err, &refused) {
		s.say("   The verifier refuses what came; the wallet keeps a receipt all the same.")
	} else if err != nil {
		return r, err
	}
	return r, s.api(ctx, "GET", s.env.urls["verifier"]+"/verifier/v1/transactions/"+t.ID+"/result", s.env.employerKey, nil, &r)
}

func (s *story) present(ctx context.Context, w *wallet, items []unit.Item) (result, error) {
	t, err := s.ask(ctx)
	if err != nil {
		return result{}, err
	}
	s.say("   request  %.100s...", t.Link)
	s.say("   The wallet unit checked signature, certificate, registration and register. It asks her:")
	return s.share(ctx, w, t)
}

func (s *story) verified(r result) error {
	if !r.Verified || len(r.Presentations) != 1 {
		_ = s.report(r.Checks)
		for _, p := range r.Presentations {
			_ = s.report(p.Checks)
		}
		return errors.New("the presentation did not verify")
	}
	p := r.Presentations[0]
	s.say("   The employer gets: %s", compact(p.Claims))
	s.say("   seal %s, %s; provider on the list: %s; authentic source: %s (%s)", p.Seal.Indication, r.Qualification, p.Seal.Provider.Name, p.Seal.Source.Name, p.Seal.Source.Legislation)
	s.say("   %s", p.Seal.Statement.Texts["en"])
	if err := s.report(r.Checks); err != nil {
		return err
	}
	return s.report(p.Checks)
}

// Names of the diploma in the formats that the demonstration shows beside the
// SD-JWT VC.
const (
	demoDoctype = "io.github.zegel-id.led-diploma.1"
	demoELM     = "http://data.europa.eu/snb/model/elm/EuropeanDigitalCredential"
)

// api calls an API as an institution does.
func (s *story) api(ctx context.Context, method, address, key string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	client := &http.Client{Transport: s.transport, Timeout: 30 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return answered(res, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}
