package gvmtest

import "time"

// Fault is something that goes wrong with a command.
type Fault struct {
	Command string        // empty: any
	Times   int           // how many commands it meets; 0: one, less: all
	Lasts   time.Duration // it meets all, and ends so long after the first that it met
	Delay   time.Duration // waits first
	Status  int           // answers with this status instead: 503
	// CutBefore ends the connection and does nothing; CutAfter does it and then ends the connection without an answer.
	CutBefore, CutAfter bool
	WrongBody           bool // does it and answers with what is no GMP
	HalfBody            bool // does it, answers half and ends the connection

	until time.Time
}

// Inject puts a fault in front of the commands to come.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults = append(s.faults, f)
}

// Mend ends all faults.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Met counts the commands that met a fault.
func (s *Server) Met() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.met
}

// fault takes the first fault that meets the command.
func (s *Server) fault(command string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		f := &s.faults[i]
		if f.Command != "" && f.Command != command {
			continue
		}
		if f.Lasts > 0 && f.until.IsZero() {
			f.until = time.Now().Add(f.Lasts)
		}
		lasts := f.Times != 0
		if !f.until.IsZero() {
			lasts = time.Now().Before(f.until)
		}
		if lasts {
			f.Times--
			s.met++
			return *f
		}
	}
	return Fault{}
}
