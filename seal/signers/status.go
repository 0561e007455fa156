package signers

import "time"

// Status says how a Queue is, for health checks and metrics.
type Status struct {
	// Slots there are, Busy of them in use, and Waiting for one.
	Slots, Busy, Waiting int
	// Oldest is how long the one that has waited longest has waited.
	Oldest time.Duration
	// Failing counts the signer's failures since the last signature that went
	// well: one that is away makes it grow, tenants who wait in vain do not.
	Failing                int
	LastSigned, LastFailed time.Time
	// LastError is that of the last failure, which may be long past.
	LastError error
	Tenants   map[string]TenantStatus
}

// TenantStatus is a tenant's part.
type TenantStatus struct {
	Waiting        int
	Signed, Failed uint64
}

// Status says how the queue is. It asks the signer nothing.
func (q *Queue) Status() Status {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := Status{
		Slots: q.opts.Slots, Busy: q.opts.Slots - q.free, Failing: q.failing,
		LastSigned: q.lastSigned, LastFailed: q.lastFailed, LastError: q.lastError, Tenants: map[string]TenantStatus{},
	}
	now := q.opts.Now()
	for tenant, l := range q.lines {
		s.Tenants[tenant] = TenantStatus{len(l.waiting), l.signed, l.failed}
		s.Waiting += len(l.waiting)
		if len(l.waiting) > 0 {
			s.Oldest = max(s.Oldest, now.Sub(l.waiting[0].since))
		}
	}
	return s
}
