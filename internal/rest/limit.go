package rest

import (
	"container/list"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter bounds how often each caller may ask: a token bucket per client or
// address, for at most a number of callers; the one not seen longest is
// forgotten first. A nil Limiter lets everything through.
type Limiter struct {
	perSecond rate.Limit
	burst     int
	most      int
	now       func() time.Time

	mu      sync.Mutex // guards the rest
	buckets map[string]*list.Element
	order   *list.List // of *bucket, most recently seen first
}

type bucket struct {
	key string
	*rate.Limiter
}

// NewLimiter allows perSecond requests on average and burst at once, for at
// most callers callers. now is time.Now if nil.
func NewLimiter(perSecond float64, burst, callers int, now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	return &Limiter{perSecond: rate.Limit(perSecond), burst: burst, most: max(callers, 1), now: now, buckets: map[string]*list.Element{}, order: list.New()}
}

// Allow takes a token of the caller's bucket, or says when there will be one.
func (l *Limiter) Allow(key string) (ok bool, retry time.Duration) {
	if l == nil {
		return true, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	el, known := l.buckets[key]
	if !known {
		if len(l.buckets) >= l.most {
			last := l.order.Back()
			delete(l.buckets, l.order.Remove(last).(*bucket).key)
		}
		el = l.order.PushFront(&bucket{key, rate.NewLimiter(l.perSecond, l.burst)})
		l.buckets[key] = el
	}
	l.order.MoveToFront(el)
	now := l.now()
	res := el.Value.(*bucket).ReserveN(now, 1)
	if !res.OK() {
		return false, time.Minute
	}
	if d := res.DelayFrom(now); d > 0 {
		res.CancelAt(now)
		return false, d
	}
	return true, 0
}

func (l *Limiter) check(key string) error {
	ok, retry := l.Allow(key)
	if ok {
		return nil
	}
	return &Problem{
		Status: http.StatusTooManyRequests, Detail: "This caller asks more often than allowed.", Spec: "RFC 6585, Section 4", Remedy: "Wait as long as Retry-After says.",
		Header: http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(retry.Seconds())))}},
	}
}

// network is what counts as one caller: an IPv4 address, or the /64 of an
// IPv6 address, which one customer has for himself.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	a = a.Unmap()
	if a.Is4() {
		return a.String()
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
