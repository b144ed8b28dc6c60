package camera_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"rollcall/test/camera"
)

// A picture of few colours keeps each of them.
func ExampleShrink() {
	img := image.NewRGBA(image.Rect(0, 0, 3, 1))
	for x, c := range []color.RGBA{{0xff, 0, 0, 0xff}, {0, 0x80, 0, 0xff}, {0x10, 0x20, 0x30, 0xff}} {
		img.Set(x, 0, c)
	}
	var large bytes.Buffer
	png.Encode(&large, img)
	small, err := camera.Shrink(large.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	packed, _ := png.Decode(bytes.NewReader(small))
	for x := range 3 {
		fmt.Println(color.RGBAModel.Convert(packed.At(x, 0)))
	}
	// Output:
	// {255 0 0 255}
	// {0 128 0 255}
	// {16 32 48 255}
}
