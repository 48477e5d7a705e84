package detect

import (
	"fmt"

	"github.com/sallyport-soar/sallyport/internal/config"
)

// Backtest says how far a backtest may load the cluster that a stream is read from.
type Backtest struct {
	Off  bool `yaml:"off,omitempty" doc:"sallyport rules backtest may not read this stream's past"`
	Rate int  `yaml:"rate,omitempty" doc:"documents a second that it may read at most (default 5000)"`
}

// defaultRate is half of what one sequential reader gets from a small node.
const defaultRate = 5000

// Validate implements config.Validator.
func (b Backtest) Validate() config.Faults {
	if b.Rate < 0 {
		return config.Faults{{Field: "rate", Problem: fmt.Sprintf("is %d", b.Rate), Mend: "write the most documents a second, or off: true"}}
	}
	return nil
}

// MostRate is how many documents a second may be read at most.
func (b Backtest) MostRate() int {
	if b.Rate == 0 {
		return defaultRate
	}
	return b.Rate
}
