// Dashboard makes a picture of the template's dashboard, which no emulator
// draws: its widgets on their grid, with three hours of metrics that the engine
// makes of made-up results, and the alarms' states from the simulation.
//
//	go run ./internal/stage/dashboard template.yaml docs/images/dashboard.png
//
// A widget that asks for a metric that is not published stays empty.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"rollcall/internal/stage/alarm"
	"rollcall/internal/stage/cloudformation"
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
	Title, Markdown, View string
	Stacked               bool
	Metrics               [][]any
	Alarms                []string
	Annotations           struct{ Horizontal []line }
	YAxis                 struct {
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
	for _, id := range stack.OfType("AWS::CloudWatch::Alarm") {
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

// photograph has Chromium take a picture of a page, pageWidth pixels wide.
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
	chromium := os.Getenv("CHROMIUM")
	if chromium == "" {
		chromium = "chromium"
	}
	if _, err := exec.LookPath(chromium); err != nil {
		return errors.New("this needs Chromium: install it, or name it in CHROMIUM")
	}
	shot := filepath.Join(dir, "shot.png")
	output, err := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
		"--user-data-dir="+dir, fmt.Sprintf("--window-size=%d,%d", pageWidth, height), "--screenshot="+shot, "file://"+file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("chromium: %w: %s", err, output)
	}
	return pack(shot, picture)
}

// pack writes a picture in the 256 colours that it has most of: flat as it is,
// it loses shades at the edges of letters, and most of its size.
func pack(from, to string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	img, err := png.Decode(file)
	if err != nil {
		return err
	}
	counts := map[color.Color]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			counts[img.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	packed := image.NewPaletted(img.Bounds(), colours[:min(len(colours), 256)])
	draw.Draw(packed, img.Bounds(), img, image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, packed); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}
