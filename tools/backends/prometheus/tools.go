//go:build tools

// Package prometheus names the programs that this module is built for, so that its go.sum covers them.
package prometheus

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
