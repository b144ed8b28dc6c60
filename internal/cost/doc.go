// Package cost says what a plan costs a month, item by item, before anything
// is deployed: an exact calculation from a list of prices and from a few
// assumptions, all of which stand here and are shown with the result. It is
// pure.
//
// How many series a run publishes is package metric's to say; what the
// template deploys beside the function is in [Deployed], which a test holds to
// the template.
package cost
