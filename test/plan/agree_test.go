package plan_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// What an editor marks, Parse complains about, also of texts that hardly anybody
// writes: these are made of the pieces that patterns tell apart, the same in each
// run.
func TestSchemaRefusesNothingThatIsRight(t *testing.T) {
	s := byOthers(t)
	pieces := strings.Fields(`https:// http: HTTPS:// ftp:// / \ ? # a a.example @ : 8080 % . é ${ $ $$ { } env:TOKEN env:AWS_X} ssm:/x 0 5 1.5 0s s m h µs - +`)
	pieces = append(pieces, " ", "\t")
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var text strings.Builder
		if random.IntN(2) == 0 {
			text.WriteString("https://a.example/")
		}
		for range 1 + random.IntN(6) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		quoted, err := json.Marshal(text.String())
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"url", "timeout", "body", "link", "method", "userAgent", "title"} {
			event := `{"urls": [{"url": "https://a.example", "` + field + `": ` + string(quoted) + `}]}`
			if field == "url" {
				event = `{"urls": [` + string(quoted) + `]}`
			}
			if refusal(t, s, []byte(event)) != nil && complaint(t, []byte(event)) == nil {
				t.Errorf("only the schema refuses %s", event)
			}
		}
	}
}
