package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A picture is to be taken of a file.
type picture struct {
	from, to      string
	width, height int64 // pixels; a height of 0: as high as it is
	dark          bool
	scroll        string // to an element
}

// photograph takes pictures with Chromium, one after the other.
func photograph(ctx context.Context, pictures []picture) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	options := []chromedp.ExecAllocatorOption{chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun}
	if program := os.Getenv("CHROMIUM"); program != "" {
		options = append(options, chromedp.ExecPath(program))
	}
	for _, flag := range []string{"hide-scrollbars", "disable-quic", "disable-background-networking", "disable-component-update", "disable-sync"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocated, cancel := chromedp.NewExecAllocator(ctx, options...)
	defer cancel()
	tab, cancel := chromedp.NewContext(allocated)
	defer cancel()
	for _, p := range pictures {
		if err := p.take(tab); err != nil {
			return fmt.Errorf("%s: %w", p.to, err)
		}
	}
	return nil
}

func (p picture) take(tab context.Context) error {
	scheme := "light"
	if p.dark {
		scheme = "dark"
	}
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		return err
	}
	height := p.height
	if err := chromedp.Do(tab, chromedp.EmulateViewport(p.width, max(height, 100)), chromedp.Navigate("file://"+p.from)); err != nil {
		return err
	}
	if height == 0 {
		var err error
		if height, err = chromedp.Run(tab, chromedp.Evaluate[int64]("document.body.scrollHeight")); err != nil {
			return err
		}
		if err := chromedp.Do(tab, chromedp.EmulateViewport(p.width, height)); err != nil {
			return err
		}
	}
	if p.scroll != "" {
		if err := chromedp.Do(tab, chromedp.Evaluate[chromedp.Void]("document.querySelector('"+p.scroll+"').scrollIntoView()")); err != nil {
			return err
		}
	}
	shot, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	small, err := smaller(shot)
	if err != nil {
		return err
	}
	return os.WriteFile(p.to, small, 0o644)
}

// mostColours is what a palette holds.
const mostColours = 256

// smaller packs a picture into 256 colours. Pages are flat: what is lost are
// shades at the edges of letters.
func smaller(shot []byte) ([]byte, error) {
	img, _, err := image.Decode(bytes.NewReader(shot))
	if err != nil {
		return nil, err
	}
	of := img.Bounds()
	counts := map[color.Color]int{}
	for y := of.Min.Y; y < of.Max.Y; y++ {
		for x := of.Min.X; x < of.Max.X; x++ {
			counts[img.At(x, y)]++
		}
	}
	packed := image.NewPaletted(of, palette(counts))
	draw.Draw(packed, of, img, of.Min, draw.Src)
	var b bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, packed)
	return b.Bytes(), err
}

// palette is what a picture has most of: of each kind of colour one, so that
// rare ones stay what they are, then the most frequent ones.
func palette(counts map[color.Color]int) color.Palette {
	colours := slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	kinds := map[[3]uint32]bool{}
	var first, others color.Palette
	for _, c := range colours {
		r, g, b, _ := c.RGBA()
		if kind := [3]uint32{r >> 13, g >> 13, b >> 13}; !kinds[kind] {
			kinds[kind] = true
			first = append(first, c)
		} else {
			others = append(others, c)
		}
	}
	all := append(first, others...)
	return all[:min(len(all), mostColours)]
}
