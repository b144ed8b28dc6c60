package message

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// An Alarm is one of CloudWatch's, as it notifies.
type Alarm struct {
	Name        string    `json:"name" doc:"of the alarm"`
	ARN         string    `json:"arn,omitzero" doc:"of the alarm: the key for services that deduplicate"`
	State       string    `json:"state" doc:"that it is in now" enum:"ALARM OK INSUFFICIENT_DATA"`
	Was         string    `json:"was,omitzero" doc:"the state before"`
	Reason      string    `json:"reason,omitzero" doc:"CloudWatch's words"`
	Description string    `json:"description,omitzero" doc:"what it means and what to do"`
	Since       time.Time `json:"since,omitzero" doc:"when the state changed"`
}

// FromAlarm reads what an alarm of CloudWatch sends: to a topic the JSON of one
// notification, to a function that it invokes an event. The error says that it is
// neither.
func FromAlarm(site Site, notification []byte) (*Message, error) {
	var n struct {
		AlarmName, AlarmArn, AlarmDescription, NewStateValue, OldStateValue, NewStateReason, StateChangeTime, AWSAccountId string
		Region                                                                                                             string

		// Of an event, which has alarmArn and region too: encoding/json reads names in
		// upper and lower case.
		AccountID string
		AlarmData struct {
			AlarmName            string
			State, PreviousState struct{ Value, Reason, Timestamp string }
			Configuration        struct{ Description string }
		}
	}
	if err := json.Unmarshal(notification, &n); err != nil {
		return nil, fmt.Errorf("reading the alarm: %w", err)
	}
	if e := n.AlarmData; n.AlarmName == "" {
		n.AlarmName, n.AlarmDescription, n.AWSAccountId = e.AlarmName, e.Configuration.Description, n.AccountID
		n.NewStateValue, n.NewStateReason, n.StateChangeTime, n.OldStateValue = e.State.Value, e.State.Reason, e.State.Timestamp, e.PreviousState.Value
	}
	if n.AlarmName == "" || n.NewStateValue == "" {
		return nil, errors.New("it is not the notification of an alarm: it has no AlarmName or NewStateValue")
	}
	a := &Alarm{Name: n.AlarmName, ARN: n.AlarmArn, State: n.NewStateValue, Was: n.OldStateValue, Reason: printable(n.NewStateReason), Description: printable(n.AlarmDescription)}
	for _, form := range []string{"2006-01-02T15:04:05.000-0700", time.RFC3339} {
		if at, err := time.Parse(form, n.StateChangeTime); err == nil {
			a.Since = at.UTC()
			break
		}
	}
	if parts := strings.Split(n.AlarmArn, ":"); len(parts) > 4 {
		site.Partition, site.Region = cmp.Or(site.Partition, parts[1]), cmp.Or(site.Region, parts[3])
	}
	site.Account = cmp.Or(site.Account, n.AWSAccountId)
	m := &Message{Kind: KindMonitor, State: strings.ToLower(n.NewStateValue), Severity: Critical}
	w := writer{site, Run{Minute: a.Since}, m}
	word := n.NewStateValue
	if word == "INSUFFICIENT_DATA" {
		word = "NO DATA"
	}
	m.Subject = ascii(word+": "+a.Name, 99)
	m.SMS = ascii(word+": "+a.Name+" ("+cmp.Or(w.from(), n.Region)+")", 140)

	sentence := "The alarm " + a.Name + " is " + a.State
	if !a.Since.IsZero() {
		sentence += " since " + a.Since.Format("2 Jan 15:04 UTC")
	}
	if a.Was != "" {
		sentence += "; it was " + a.Was
	}
	console := ""
	if site.Region != "" {
		console = fmt.Sprintf("https://%s.console.%s/cloudwatch/home?region=%s#alarmsV2:alarm/%s", site.Region, consoleOf(site.Partition), site.Region, url.PathEscape(a.Name))
	}
	links := w.links()
	if console != "" {
		links = append([]link{{"Alarm", console}}, links...)
	}
	var text, markdown strings.Builder
	text.WriteString(sentence + ".\n")
	markdown.WriteString("**" + escape(m.Subject) + "**\n\n" + escape(sentence) + ".\n")
	if a.Description != "" {
		text.WriteString("\n" + a.Description + "\n")
		markdown.WriteString("\n" + escape(a.Description) + "\n")
	}
	if a.Reason != "" {
		text.WriteString("\nCloudWatch: " + a.Reason + "\n")
		markdown.WriteString("\n> " + escape(a.Reason) + "\n")
	}
	text.WriteString("\n")
	for _, l := range links {
		text.WriteString(l.name + ": " + l.url + "\n")
		markdown.WriteString("\n[" + l.name + "](<" + l.url + ">)\n")
	}
	m.Text, m.Markdown = text.String(), markdown.String()
	siteLinks := site.links(a.Since)
	m.JSON = encode(Document{
		Version: Version, Kind: m.Kind, State: m.State, Severity: m.Severity, Subject: m.Subject, Text: m.Text, Markdown: m.Markdown,
		Stack: site.Stack, Region: site.Region, Account: site.Account, Minute: a.Since, Alarm: a, Links: &siteLinks,
	})
	return m, nil
}
