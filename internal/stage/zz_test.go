package stage
import ("testing";"time")
func TestZZ(t *testing.T){ 
 for _, r := range rogues() { if r.start==nil {continue}
 s,_:=Start(Options{}); 
 fetch(t, s, "https://"+hostNamed(t, r.name), brief)
 b:=time.Now(); s.Close(); if d:=time.Since(b); d>10*time.Millisecond {t.Log(r.name, d)} } }
