// Command aries runs packages of aries-framework-go for the table in docs/benchmarks.md,
// as its users do. It is a module of its own, so that what those packages need stays out
// of the product's, and knows nothing of our code.
//
// An order comes as one line on standard input and is answered with one on standard
// output. `ready` makes something ready to run, such as keys that are read once; `run`
// runs it n times one after the other, and answers with the last result and the processor
// time of all, in nanoseconds.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime"
	"syscall"
)

// operations make something ready of what they are given.
var operations = map[string]func(given json.RawMessage) (run func() (string, error), err error){
	"bbs-sign":      bbsSign,
	"bbs-derive":    bbsDerive,
	"bbs-verify":    bbsVerify,
	"ld-sign":       ldSign,
	"ld-verify":     ldVerify,
	"sdjwt-issue":   sdjwtIssue,
	"sdjwt-present": sdjwtPresent,
	"sdjwt-verify":  sdjwtVerify,
}

type order struct {
	Order, Operation string
	Given            json.RawMessage
	ID, N            int
}

type answer struct {
	ID          int    `json:"id"`
	Out         string `json:"out"`
	Nanoseconds int64  `json:"nanoseconds"`
	Message     string `json:"message,omitempty"`
}

func main() {
	runtime.GOMAXPROCS(1)
	var made []func() (string, error)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 4<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var o order
		var a answer
		err := json.Unmarshal(in.Bytes(), &o)
		switch {
		case err != nil:
		case o.Order == "ready" && operations[o.Operation] != nil:
			var run func() (string, error)
			run, err = operations[o.Operation](o.Given)
			a.ID, made = len(made), append(made, run)
		case o.Order == "run" && o.ID >= 0 && o.ID < len(made):
			a.Out, a.Nanoseconds, err = measured(made[o.ID], o.N)
		default:
			err = fmt.Errorf("no order %s %s", o.Order, o.Operation)
		}
		if err != nil {
			a.Message = err.Error()
		}
		if err := out.Encode(a); err != nil {
			log.Fatal(err)
		}
	}
	if err := in.Err(); err != nil {
		log.Fatal(err)
	}
}

func measured(run func() (string, error), n int) (out string, nanoseconds int64, err error) {
	runtime.GC()
	start := used()
	for range n {
		if out, err = run(); err != nil {
			return "", 0, err
		}
	}
	return out, used() - start, nil
}

// used is the processor time of this process so far.
func used() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
