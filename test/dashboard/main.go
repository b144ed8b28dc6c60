// Dashboard makes a picture of the template's dashboard, which no emulator
// draws: its widgets on their grid, with three hours of metrics that the engine
// makes of made-up results, and the alarms' states from the simulation.
//
//	make dashboard
//
// A widget that asks for a metric that is not published stays empty.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rollcall/test/alarm"
	"rollcall/test/camera"
	"rollcall/test/cloudformation"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: dashboard TEMPLATE PICTURE")
		os.Exit(2)
	}
	if err := drawTo(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// A widget is one of a dashboard's body.
type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          properties
}

// properties are those that are drawn.
type properties struct {
	Title, Markdown, View, Query string
	Stacked                      bool
	Metrics                      [][]any
	Alarms                       []string
	Annotations                  struct{ Horizontal []line }
	YAxis                        struct {
		Left struct{ Min, Max *float64 }
	}
}

// A line is a threshold in a graph.
type line struct {
	Label string
	Value float64
}

func drawTo(template, picture string) error {
	stack, err := read(template)
	if err != nil {
		return err
	}
	var body struct{ Widgets []widget }
	text := fmt.Sprint(stack.Resource("Dashboard")["DashboardBody"])
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		return fmt.Errorf("reading the dashboard: %w", err)
	}
	watch, err := alarm.Read(stack)
	if err != nil {
		return err
	}
	p := painter{data: sample(), states: map[string]string{}}
	judge(watch, p.data)
	for _, id := range slices.Concat(stack.OfType("AWS::CloudWatch::Alarm"), stack.OfType("AWS::CloudWatch::CompositeAlarm")) {
		p.states["<"+id+".Arn>"] = string(watch.State(id)) + " " + strings.TrimPrefix(fmt.Sprint(stack.Resource(id)["AlarmName"]), "roll-")
	}
	page, height, err := p.page(body.Widgets)
	if err != nil {
		return err
	}
	return photograph(page, height, picture)
}

func read(template string) (*cloudformation.Stack, error) {
	text, err := os.ReadFile(template)
	if err != nil {
		return nil, err
	}
	parsed, err := cloudformation.Parse(text)
	if err != nil {
		return nil, err
	}
	return parsed.Stack(map[string]string{"Metrics": "phases", "Source": "events/shop.json"})
}

// photograph has a picture taken of a page, pageWidth pixels wide.
func photograph(page string, height int, picture string) error {
	dir, err := os.MkdirTemp("", "dashboard")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "dashboard.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		return err
	}
	return camera.Photograph(context.Background(), camera.Picture{From: file, To: picture, Width: pageWidth, Height: int64(height)})
}
