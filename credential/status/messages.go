package status

import (
	"fmt"
	"math/bits"
	"strconv"
)

// MaxMessages is how many messages a list may have: as many as there are
// application-specific values (Token Status List, Section 7.1).
const MaxMessages = 5

// MessageValue is the value that stands for message n of a list, counted from 1:
// 0x03, then 0x0C to 0x0F.
func MessageValue(n int) Value {
	if n == 1 {
		return 3
	}
	return Value(0x0C + n - 2)
}

// message is the number of the message that a value stands for, 0 for none.
func (v Value) message() uint8 {
	switch {
	case v == 3:
		return 1
	case v >= 0x0C && v <= 0x0F:
		return uint8(v) - 0x0C + 2
	default:
		return 0
	}
}

// known says whether a list with so many messages can have the value.
func (d listData) known(v Value) bool {
	n := v.message()
	return v.known() || n != 0 && int(n) <= len(d.Messages)
}

// tokenBits is the size of a value in a Token Status List with n messages.
func tokenBits(n int) int {
	if n <= 1 {
		return 2
	}
	return 4
}

// messageSize is the statusSize of a list with n messages, of which none is the
// value 0.
func messageSize(n int) int { return max(1, bits.Len(uint(n))) }

// statusMessages are the texts of all values of a list with messages. Those that
// have none are undefined (Bitstring Status List 1.0, Section 2.1).
func statusMessages(texts []string) []StatusMessage {
	out := make([]StatusMessage, 1<<messageSize(len(texts)))
	for i := range out {
		text := "undefined"
		switch {
		case i == 0:
			text = "unset"
		case i <= len(texts):
			text = texts[i-1]
		}
		out[i] = StatusMessage{Status: "0x" + strconv.FormatInt(int64(i), 16), Message: text}
	}
	return out
}

func checkMessages(texts []string) error {
	if len(texts) > MaxMessages {
		return fmt.Errorf("status: %d Messages, expected at most %d", len(texts), MaxMessages)
	}
	for _, t := range texts {
		if t == "" || len(t) > 256 {
			return fmt.Errorf("status: a message is empty or longer than 256 bytes")
		}
	}
	return nil
}
