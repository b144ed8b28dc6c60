package metric

// A Tally is what became of a run's datums. Datums is the sum of Accepted,
// EMF and Lost once each has gone its way.
type Tally struct {
	Datums   int `json:"datums"`   // handed over
	Accepted int `json:"accepted"` // by CloudWatch, which said so
	EMF      int `json:"emf"`      // written to the log instead
	Lost     int `json:"lost"`     // gone neither way, those that CloudWatch refused as invalid among them

	// Unclear counts the datums of requests that may have arrived but got
	// no answer. They were sent again, may count twice in CloudWatch, and
	// are in Accepted, EMF or Lost by what became of them then.
	Unclear int `json:"unclear"`

	Requests int `json:"requests"` // made
	Retries  int `json:"retries"`  // of those, how many repeated one; halves of a refused batch do not
}
