package secret_test

import (
	"context"
	"fmt"
	"time"

	"rollcall/internal/plan"
	"rollcall/internal/secret"
)

type vault map[string]string

func (v vault) Parameters(_ context.Context, names []string) (map[string]string, map[string]error) {
	return v, nil
}

func (v vault) Secret(_ context.Context, id string) (string, error) {
	fmt.Println("fetched", id)
	return v[id], nil
}

// A secret is fetched once for both of its members, and not again within five
// minutes.
func Example() {
	store := vault{"shop/api": `{"user": "rollcall", "password": "s3cr3t"}`}
	cache := secret.NewCache(store, store)
	for range 2 {
		values := cache.Values(context.Background(), []plan.Reference{
			{Kind: plan.Secret, Name: "shop/api", Part: "user"}, {Kind: plan.Secret, Name: "shop/api", Part: "password"},
		}, time.Now().Add(-5*time.Minute))
		fmt.Println(values[0].Text, values[1].Text)
	}
	// Output:
	// fetched shop/api
	// rollcall s3cr3t
	// rollcall s3cr3t
}
