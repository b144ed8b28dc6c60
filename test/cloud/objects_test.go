//go:build ministack

package cloud_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"rollcall/internal/plan"
)

// objects puts lists into the bucket "lists" by the SDK, and reads them by a source.
func objects(t *testing.T, client *s3.Client, source plan.Source) {
	t.Helper()
	_, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String("lists"), VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key, encoding string, body []byte) string {
		t.Helper()
		in := &s3.PutObjectInput{Bucket: aws.String("lists"), Key: &key, Body: bytes.NewReader(body)}
		if encoding != "" {
			in.ContentEncoding = &encoding
		}
		out, err := client.PutObject(t.Context(), in)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		return aws.ToString(out.VersionId)
	}
	kept := &plan.Kept{}
	read := func(source_, want string) {
		t.Helper()
		p, err := plan.Parse(t.Context(), strings.NewReader(fmt.Sprintf(`{"source": %q}`, source_)), plan.Inputs{Kept: kept, Sources: map[string]plan.Source{"s3": source}})
		switch {
		case err != nil:
			if want == "" || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", source_, err, want)
			}
		case len(p.Targets) != 1 || p.Targets[0].Name != want || len(p.Failures) > 0:
			t.Errorf("%s: %+v, want %s", source_, p, want)
		}
	}
	first := put("plain.txt", "", []byte("https://first.example\n"))
	for i, key := range []string{"a b.txt", "a+b&c=d(e)'f!g*h.txt", "größe/リスト.txt", "100%.txt", "l%20ist.txt", "#1.txt", "a;b:@,~$.txt"} {
		put(key, "", fmt.Appendf(nil, "https://key%d.example\n", i))
		read("s3://lists/"+key, fmt.Sprintf("key%d.example", i))
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write([]byte("https://packed.example\n"))
	w.Close()
	put("packed.txt", "gzip", packed.Bytes())
	read("s3://lists/packed.txt", "packed.example")
	read("s3://lists/plain.txt", "first.example")
	read("s3://lists/plain.txt", "first.example")
	put("plain.txt", "", []byte("https://second.example\n"))
	read("s3://lists/plain.txt", "second.example")
	read("s3://lists/plain.txt?versionId="+first, "first.example")
	read("s3://lists/none.txt", `source: open "s3://lists/none.txt": S3 responded 404 NoSuchKey: there is no such key in the bucket`)
	read("s3://nowhere-at-all/none.txt", `S3 responded 404 NoSuchBucket: there is no bucket nowhere-at-all`)
}
