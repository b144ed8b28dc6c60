//go:build ministack

package cloud_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"rollcall/internal/cloud"
	lists "rollcall/internal/cloud/s3"
	"rollcall/internal/plan"
)

// TestVersityGWTakesOurSignatures reads lists from an S3 of others that checks
// signatures: the program that VERSITYGW names.
func TestVersityGWTakesOurSignatures(t *testing.T) {
	program := os.Getenv("VERSITYGW")
	if program == "" {
		t.Skip("VERSITYGW names no program")
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	dir := t.TempDir()
	for _, name := range []string{"data", "versions"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	gateway := exec.Command(program, "--port", address, "--access", "key", "--secret", "made-up", "--region", "eu-central-1",
		"posix", "--versioning-dir", filepath.Join(dir, "versions"), filepath.Join(dir, "data"))
	gateway.Stdout, gateway.Stderr = os.Stderr, os.Stderr
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		gateway.Process.Kill()
		gateway.Wait()
	})
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get("http://" + address)
		if err == nil {
			response.Body.Close()
			break
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal(err)
		}
	}
	config := func(secret string) aws.Config {
		return aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String("http://" + address), Credentials: credentials.NewStaticCredentialsProvider("key", secret, "")}
	}
	client := s3.NewFromConfig(config("made-up"), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("lists")}); err != nil {
		t.Fatal(err)
	}
	objects(t, client, lists.Lists(cloud.Loaded(config("made-up"))))
	_, err = plan.Parse(t.Context(), strings.NewReader(`{"source": "s3://lists/plain.txt"}`), plan.Inputs{Sources: map[string]plan.Source{"s3": lists.Lists(cloud.Loaded(config("wrong")))}})
	if err == nil || !strings.Contains(err.Error(), "S3 responded 403 SignatureDoesNotMatch") {
		t.Errorf("with a wrong key: %v", err)
	}
}
