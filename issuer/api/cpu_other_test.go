//go:build !unix

package api_test

import "time"

// processorTime is not known here, and the ratios to it are left out.
func processorTime() time.Duration { return 0 }
