package message

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// A link is where to look.
type link struct{ name, url string }

// Links are where to look, in the JSON.
type Links struct {
	Page      string `json:"page,omitzero"`
	Dashboard string `json:"dashboard,omitzero"`
	Log       string `json:"log,omitzero"`
	Runbook   string `json:"runbook,omitzero"`
}

func (w *writer) links() []link {
	l := w.site.links(w.run.Minute)
	var all []link
	for _, one := range []link{{"Page of the last run", l.Page}, {"Dashboard", l.Dashboard}, {"Log", l.Log}, {"Runbook", l.Runbook}} {
		if one.url != "" {
			all = append(all, one)
		}
	}
	return all
}

// links are those of a site; the log's query is about the time around a run.
func (s Site) links(minute time.Time) Links {
	l := Links{Runbook: s.Runbook}
	if s.Region == "" {
		return l
	}
	console := "https://" + s.Region + ".console." + consoleOf(s.Partition)
	if s.Bucket != "" && s.Page != "" {
		l.Page = fmt.Sprintf("%s/s3/object/%s?region=%s&prefix=%s", console, s.Bucket, s.Region, url.QueryEscape(s.Page))
	}
	if s.Dashboard != "" {
		l.Dashboard = fmt.Sprintf("%s/cloudwatch/home?region=%s#dashboards/dashboard/%s", console, s.Region, url.PathEscape(s.Dashboard))
	}
	if s.LogGroup != "" {
		query := "fields @timestamp, name, state, reason, detail | filter message = \"target\" | sort @timestamp desc"
		detail := fmt.Sprintf("~(end~'%s~start~'%s~timeType~'ABSOLUTE~tz~'UTC~editorString~'%s~source~(~'%s))",
			tilde(minute.Add(5*time.Minute).UTC().Format("2006-01-02T15:04:05.000Z")), tilde(minute.Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")), tilde(query), tilde(s.LogGroup))
		l.Log = fmt.Sprintf("%s/cloudwatch/home?region=%s#logsV2:logs-insights%s", console, s.Region, "$3FqueryDetail$3D"+dollar.Replace(detail))
	}
	return l
}

// consoleOf is the console's host in a partition.
func consoleOf(partition string) string {
	switch partition {
	case "aws-cn":
		return "amazonaws.cn"
	case "aws-us-gov":
		return "amazonaws-us-gov.com"
	}
	return "aws.amazon.com"
}

// tilde writes a string as the console's queryDetail has them: what is not a letter,
// a digit, - or . is * and its two hex digits.
func tilde(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "*%02x", c)
		}
	}
	return b.String()
}

// dollar escapes what would end a link in a text; the console reads $ as %.
var dollar = strings.NewReplacer("'", "$27", "(", "$28", ")", "$29")
