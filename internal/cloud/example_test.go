package cloud_test

import (
	"context"
	"errors"
	"fmt"

	"rollcall/internal/cloud"
)

// What the SDK says becomes a line for whoever operates the stack.
func Example() {
	s3 := cloud.Service{Name: "S3", Variable: "AWS_ENDPOINT_URL_S3"}
	fmt.Println(s3.Failed(context.Background(), errors.New("no region"), nil))
	// Output: no request to S3 can be made (see AWS_REGION, the credentials and AWS_ENDPOINT_URL_S3): no region
}
