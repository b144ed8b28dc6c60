// Package camera takes pictures of pages with Chromium, small enough to be kept
// with the documents that show them. The variable CHROMIUM may name the program.
package camera

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A Picture is to be taken of a file.
type Picture struct {
	From, To      string // absolute path of the page; path of the PNG
	Width, Height int64  // pixels; a height of 0: as high as it is
	Dark          bool
	Scroll        string // selector of the element to scroll to; "": none
}

// Photograph takes pictures, one after the other, in a minute at most.
func Photograph(ctx context.Context, pictures ...Picture) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	program, err := exec.LookPath(cmp.Or(os.Getenv("CHROMIUM"), "chromium"))
	if err != nil {
		return errors.New("this needs Chromium: install it, or name it in CHROMIUM")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
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
			return fmt.Errorf("%s: %w", p.To, err)
		}
	}
	return nil
}

func (p Picture) take(tab context.Context) error {
	scheme := "light"
	if p.Dark {
		scheme = "dark"
	}
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		return err
	}
	height := p.Height
	if err := chromedp.Do(tab, chromedp.EmulateViewport(p.Width, max(height, 100)), chromedp.Navigate("file://"+p.From)); err != nil {
		return err
	}
	if height == 0 {
		var err error
		if height, err = chromedp.Run(tab, chromedp.Evaluate[int64]("document.body.scrollHeight")); err != nil {
			return err
		}
		if err := chromedp.Do(tab, chromedp.EmulateViewport(p.Width, height)); err != nil {
			return err
		}
	}
	if p.Scroll != "" {
		if err := chromedp.Do(tab, chromedp.Evaluate[chromedp.Void]("document.querySelector('"+p.Scroll+"').scrollIntoView()")); err != nil {
			return err
		}
	}
	shot, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	small, err := Shrink(shot)
	if err != nil {
		return err
	}
	return os.WriteFile(p.To, small, 0o644)
}

// mostColours is what a palette holds.
const mostColours = 256

// Shrink packs a PNG into 256 colours. Pages are flat: what is lost are shades
// at the edges of letters.
func Shrink(shot []byte) ([]byte, error) {
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
