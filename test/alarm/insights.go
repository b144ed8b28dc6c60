package alarm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// insights is a query of Metrics Insights. What GROUP BY names makes the
// contributors; without it there is one, and no state of its own for others.
type insights struct {
	namespace, metric string
	schema            []string // exactly these dimensions; nil: any
	where             map[string]string
	groupBy           []string
	stat              statistic
}

// The grammar is the guide's ("Metrics Insights query components and syntax"),
// except OR, != and tags. A query with GROUP BY needs an order in an alarm.
var grammar = regexp.MustCompile(`(?i)^SELECT\s+(AVG|COUNT|MAX|MIN|SUM)\(\s*("[^"]+"|\w+)\s*\)\s+` +
	`FROM\s+(?:SCHEMA\(\s*("[^"]+"|\w+)((?:\s*,\s*(?:"[^"]+"|\w+))*)\s*\)|("[^"]+"|\w+))` +
	`(?:\s+WHERE\s+(.+?))?(?:\s+GROUP\s+BY\s+(.+?))?(?:\s+ORDER\s+BY\s+(AVG|COUNT|MAX|MIN|SUM)\(\)(?:\s+(?:ASC|DESC))?)?(?:\s+LIMIT\s+\d+)?$`)

var equality = regexp.MustCompile(`^("[^"]+"|\w+)\s*=\s*'([^']*)'$`)

func isInsights(text string) bool {
	return len(text) >= 6 && strings.EqualFold(strings.TrimSpace(text)[:6], "SELECT")
}

func parseInsights(text string) (source, error) {
	parts := grammar.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return nil, fmt.Errorf("the query %q is not known here", text)
	}
	q := insights{metric: unquoted(parts[2]), namespace: unquoted(parts[3] + parts[5]), where: map[string]string{}}
	if parts[3] != "" {
		q.schema = names(parts[4])
	}
	q.groupBy = names(parts[7])
	if len(q.groupBy) > 0 && parts[8] == "" {
		return nil, fmt.Errorf("the query %q has GROUP BY without ORDER BY, which no alarm takes", text)
	}
	for _, condition := range split(parts[6], regexp.MustCompile(`(?i)\s+AND\s+`)) {
		pair := equality.FindStringSubmatch(condition)
		if pair == nil {
			return nil, fmt.Errorf("the condition %q is not known here", condition)
		}
		q.where[unquoted(pair[1])] = pair[2]
	}
	var err error
	q.stat, err = parseStatistic(map[string]string{
		"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum",
	}[strings.ToUpper(parts[1])])
	return q, err
}

func split(text string, by *regexp.Regexp) []string {
	if text == "" {
		return nil
	}
	return by.Split(text, -1)
}

func unquoted(name string) string { return strings.Trim(name, `"`) }

// names reads a list with commas between, and perhaps one in front.
func names(list string) []string {
	all := []string{}
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, unquoted(name))
		}
	}
	return all
}

// read returns those contributors that have data in the window.
func (q insights) read(s *store, w window) map[string][]point {
	groups := map[string][]*series{}
	for _, one := range s.of[q.namespace+"\x00"+q.metric] {
		if name, ok := q.group(one.dimensions); ok {
			groups[name] = append(groups[name], one)
		}
	}
	found := map[string][]point{}
	for name, all := range groups {
		points := w.points(all, q.stat)
		if slices.ContainsFunc(points, func(p point) bool { return p.known }) {
			found[name] = points
		}
	}
	return found
}

// group returns the contributor that a series belongs to; false: none.
func (q insights) group(dimensions map[string]string) (string, bool) {
	if q.schema != nil && len(q.schema) != len(dimensions) {
		return "", false
	}
	for _, name := range q.schema {
		if _, ok := dimensions[name]; !ok {
			return "", false
		}
	}
	for name, value := range q.where {
		if dimensions[name] != value {
			return "", false
		}
	}
	var of []string
	for _, name := range q.groupBy {
		value, ok := dimensions[name]
		if !ok {
			return "", false
		}
		of = append(of, value)
	}
	return strings.Join(of, " "), true
}
