package metric

// DeliveryStats count what became of a run's datums. Datums is the sum of
// Accepted, EMF and Lost once each is accounted for.
type DeliveryStats struct {
	Datums   int `json:"datums"`   // handed over
	Accepted int `json:"accepted"` // by CloudWatch, which confirmed them
	EMF      int `json:"emf"`      // written to the log instead
	Lost     int `json:"lost"`     // neither; those that CloudWatch refused as invalid among them

	// Unclear counts the datums of requests that may have arrived but got
	// no response. They were sent again, may count twice in CloudWatch, and
	// are in Accepted, EMF or Lost by what became of them then.
	Unclear int `json:"unclear"`

	Requests int `json:"requests"` // made
	Retries  int `json:"retries"`  // of those, how many repeated one; halves of a refused batch do not
}

// Add adds what became of other datums.
func (d *DeliveryStats) Add(other DeliveryStats) {
	d.Datums += other.Datums
	d.Accepted += other.Accepted
	d.EMF += other.EMF
	d.Lost += other.Lost
	d.Unclear += other.Unclear
	d.Requests += other.Requests
	d.Retries += other.Retries
}
