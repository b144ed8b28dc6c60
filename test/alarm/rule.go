package alarm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A composite is what an AWS::CloudWatch::CompositeAlarm has beside its
// actions.
type composite struct {
	rule            *rule
	suppressor      string // "": none
	wait, extension int    // seconds

	due        time.Time // when the actions of the last change are performed; zero: nothing is due
	suppressed bool      // the suppressor was in ALARM when last looked at
}

// A rule is a node of an AlarmRule: a state of an alarm, a constant, or NOT,
// AND, OR of others.
type rule struct {
	word  string // ALARM, OK, INSUFFICIENT_DATA, TRUE, FALSE, NOT, AND, OR
	alarm string // as written, without quotes
	of    []*rule
}

// holds decides a rule by the alarms' states.
func (r *rule) holds(state func(alarm string) State) bool {
	holds := func(inner *rule) bool { return inner.holds(state) }
	switch r.word {
	case "TRUE":
		return true
	case "FALSE":
		return false
	case "NOT":
		return !holds(r.of[0])
	case "AND":
		return holds(r.of[0]) && holds(r.of[1])
	case "OR":
		return slices.ContainsFunc(r.of, holds)
	}
	return state(r.alarm) == State(r.word)
}

// alarms returns the names that a rule uses.
func (r *rule) alarms() []string {
	var all []string
	if r.alarm != "" {
		all = append(all, r.alarm)
	}
	for _, inner := range r.of {
		all = append(all, inner.alarms()...)
	}
	return all
}

var token = regexp.MustCompile(`\s*(?:"([^"]*)"|(<[^>]+>|[A-Za-z0-9_.:/-]+)|([()]))`)

// parseRule reads an AlarmRule. NOT binds before AND, AND before OR.
func parseRule(text string) (*rule, error) {
	p := &ruleParser{}
	rest := strings.TrimRight(text, " \n")
	for rest != "" {
		at := token.FindStringSubmatchIndex(rest)
		if at == nil || at[0] != 0 {
			return nil, fmt.Errorf("the rule %q is not known here from %q on", text, rest)
		}
		p.tokens = append(p.tokens, strings.TrimSpace(rest[:at[1]]))
		rest = rest[at[1]:]
	}
	r := p.either()
	if p.failed || len(p.tokens) > 0 {
		return nil, fmt.Errorf("the rule %q is not known here", text)
	}
	return r, nil
}

type ruleParser struct {
	tokens []string
	failed bool
}

// take takes the next token if it is this one.
func (p *ruleParser) take(token string) bool {
	if len(p.tokens) == 0 || p.tokens[0] != token {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *ruleParser) next() string {
	if len(p.tokens) == 0 {
		p.failed = true
		return ""
	}
	token := p.tokens[0]
	p.tokens = p.tokens[1:]
	return token
}

func (p *ruleParser) either() *rule {
	r := p.both()
	for p.take("OR") {
		r = &rule{word: "OR", of: []*rule{r, p.both()}}
	}
	return r
}

func (p *ruleParser) both() *rule {
	r := p.one()
	for p.take("AND") {
		r = &rule{word: "AND", of: []*rule{r, p.one()}}
	}
	return r
}

func (p *ruleParser) one() *rule {
	if p.take("NOT") {
		return &rule{word: "NOT", of: []*rule{p.one()}}
	}
	if p.take("(") {
		r := p.either()
		p.failed = p.failed || !p.take(")")
		return r
	}
	r := &rule{word: p.next()}
	switch r.word {
	case "TRUE", "FALSE":
	case "ALARM", "OK", "INSUFFICIENT_DATA":
		p.failed = p.failed || !p.take("(")
		r.alarm = strings.Trim(p.next(), `"`)
		p.failed = p.failed || !p.take(")")
	default:
		p.failed = true
	}
	return r
}
