package config_test

import (
	"fmt"

	"rollcall/internal/config"
)

func Example() {
	environment := map[string]string{"ROLLCALL_RESERVE": "5", "ROLLCALL_ALLOW": "10.0.0.0/8, localhost"}
	lookup := func(name string) (string, bool) {
		value, set := environment[name]
		return value, set
	}
	_, err := config.Load(lookup)
	fmt.Println(err)

	environment = map[string]string{"ROLLCALL_RESERVE": "2s"}
	c, err := config.Load(lookup)
	fmt.Println(c.Reserve, c.MaxAge, c.Namespace, err)
	// Output:
	// Rollcall's configuration is not valid:
	// ROLLCALL_ALLOW: invalid network "localhost" (for example 10.0.0.0/8; several are separated by commas)
	// ROLLCALL_RESERVE: invalid duration "5" (for example 5s or 2m)
	// 2s 5m0s Rollcall <nil>
}
