package maintenance

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Each row has the windows of a day or two, which are found by asking for each
// minute.
func TestRepeated(t *testing.T) {
	tests := []struct {
		name, cron, length, zone string
		from, until              string // UTC
		want                     string // UTC
	}{
		{"daily", "0 2 * * *", "2h", "UTC", "2026-11-30T00:00", "2026-12-02T00:00", "30 02:00-04:00, 01 02:00-04:00"},
		{"in cron(…)", "cron(0 2 * * *)", "2h", "UTC", "2026-11-30T00:00", "2026-12-01T00:00", "30 02:00-04:00"},
		{"over midnight", "30 23 * * *", "1h", "UTC", "2026-11-30T12:00", "2026-12-01T12:00", "30 23:30-00:30"},
		{"on Sundays by name", "0 2 * * SUN", "1h", "UTC", "2026-11-28T00:00", "2026-12-01T00:00", "29 02:00-03:00"},
		{"on Sundays as 0", "0 2 * * 0", "1h", "UTC", "2026-11-28T00:00", "2026-12-01T00:00", "29 02:00-03:00"},
		{"on Sundays as 7", "0 2 * * 5-7", "1h", "UTC", "2026-11-26T00:00", "2026-12-01T00:00", "27 02:00-03:00, 28 02:00-03:00, 29 02:00-03:00"},
		{"names in lower case", "0 2 * nov mon-tue", "1h", "UTC", "2026-11-28T00:00", "2026-12-02T00:00", "30 02:00-03:00"},
		{"lists and steps", "0,30 8-10/2 * * *", "10m", "UTC", "2026-11-30T00:00", "2026-12-01T00:00", "30 08:00-08:10, 30 08:30-08:40, 30 10:00-10:10, 30 10:30-10:40"},
		{"a step from a number", "20/20 5 * * *", "5m", "UTC", "2026-11-30T00:00", "2026-12-01T00:00", "30 05:20-05:25, 30 05:40-05:45"},
		{"either day", "0 2 1 * MON", "1h", "UTC", "2026-11-29T00:00", "2026-12-03T00:00", "30 02:00-03:00, 01 02:00-03:00"},
		{"any day as ?", "0 2 ? * MON", "1h", "UTC", "2026-11-29T00:00", "2026-12-03T00:00", "30 02:00-03:00"},
		{"the last day of February", "0 2 L * *", "1h", "UTC", "2028-02-27T00:00", "2028-03-02T00:00", "29 02:00-03:00"},
		{"the second Tuesday", "0 2 * * TUE#2", "1h", "UTC", "2026-12-01T00:00", "2026-12-31T00:00", "08 02:00-03:00"},
		{"the fifth Monday", "0 2 * * 1#5", "1h", "UTC", "2026-11-20T00:00", "2026-12-31T00:00", "30 02:00-03:00"},
		{"windows that overlap", "*/10 2 * * *", "15m", "UTC", "2026-11-30T00:00", "2026-12-01T00:00", "30 02:00-03:05"},
		{"of two weeks", "0 0 1 * *", "336h", "UTC", "2026-11-01T00:00", "2026-11-30T00:00", "01 00:00-15 00:00"},
		{"a day that does not exist", "0 0 31 FEB *", "336h", "UTC", "2026-02-01T00:00", "2026-03-30T00:00", ""},

		{"of another zone, in winter", "0 2 * * *", "1h", "Europe/Berlin", "2026-11-30T00:00", "2026-12-01T00:00", "30 01:00-02:00"},
		{"of another zone, in summer", "0 2 * * *", "1h", "Europe/Berlin", "2026-06-30T00:00", "2026-07-01T00:00", "30 00:00-01:00"},
		{"of yesterday there", "0 20 * * SUN", "1h", "America/Los_Angeles", "2026-11-29T00:00", "2026-12-01T00:00", "30 04:00-05:00"},
		{"of tomorrow there", "0 1 * * MON", "1h", "Pacific/Kiritimati", "2026-11-28T00:00", "2026-12-01T00:00", "29 11:00-12:00"},
		{"half an hour from the others", "0 6 * * *", "1h", "Asia/Kolkata", "2026-11-30T00:00", "2026-12-01T00:00", "30 00:30-01:30"},

		// In Berlin 02:00 was 03:00 on 29 March 2026 (01:00 UTC), 03:00 was 02:00 on
		// 25 October (01:00 UTC).
		{"at the time that is skipped", "0 2 * * *", "1h", "Europe/Berlin", "2026-03-28T00:00", "2026-03-30T03:00", "28 01:00-02:00, 29 01:00-02:00, 30 00:00-01:00"},
		{"within what is skipped", "30 2 * * *", "1h", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T12:00", "29 01:30-02:30"},
		{"across what is skipped", "0 1 * * *", "3h", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T12:00", "29 00:00-03:00"},
		{"after what is skipped", "0 3 * * *", "1h", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T12:00", "29 01:00-02:00"},
		{"every hour, with one skipped", "15 * * * *", "5m", "Europe/Berlin", "2026-03-28T23:50", "2026-03-29T02:50", "29 00:15-00:20, 29 01:15-01:20, 29 02:15-02:20"},
		{"at a time that comes twice", "30 2 * * *", "1h", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T12:00", "25 00:30-01:30"},
		{"across the time that comes twice", "0 1 * * *", "3h", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T12:00", "24 23:00-02:00"},
		{"before the second time", "0 3 * * *", "1h", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T12:00", "25 02:00-03:00"},
		{"every hour, with one twice", "15 * * * *", "5m", "Europe/Berlin", "2026-10-24T23:50", "2026-10-25T02:50", "25 00:15-00:20, 25 01:15-01:20, 25 02:15-02:20"},
		{"half an hour is skipped", "10 2 * * *", "10m", "Australia/Lord_Howe", "2026-10-03T12:00", "2026-10-04T12:00", "03 15:40-15:50"},
		{"midnight is skipped", "0 0 * * *", "1h", "Africa/Cairo", "2026-04-23T12:00", "2026-04-24T12:00", "23 22:00-23:00"},
		{"a day is skipped", "0 12 * * *", "1h", "Pacific/Apia", "2011-12-29T00:00", "2011-12-31T12:00", "29 22:00-23:00, 30 22:00-23:00"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			length, _ := time.ParseDuration(test.length)
			w, err := Repeated(test.cron, length, zone(t, test.zone))
			if err != nil {
				t.Fatal(err)
			}
			if got := spans(t, w, test.from, test.until); got != test.want {
				t.Errorf("%s:\n got %s\nwant %s", w, got, test.want)
			}
		})
	}
}

// spans lists when w is from an instant until another, in UTC, by asking for each
// minute.
func spans(t *testing.T, w Window, from, until string) string {
	t.Helper()
	const layout = "2006-01-02T15:04"
	at, err1 := time.Parse(layout, from)
	end, err2 := time.Parse(layout, until)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	var all []string
	var began time.Time
	for ; !at.After(end); at = at.Add(time.Minute) {
		span, under := w.At(at)
		if under && (at.Before(span.From) || !at.Before(span.Until)) {
			t.Fatalf("at %s: span %v", at, span)
		}
		switch {
		case under && began.IsZero():
			began = at
		case !under && !began.IsZero():
			last := "15:04"
			if at.Sub(began) > 24*time.Hour {
				last = "02 15:04"
			}
			all = append(all, began.Format("02 15:04-")+at.Format(last))
			began = time.Time{}
		}
	}
	return strings.Join(all, ", ")
}

func TestOnce(t *testing.T) {
	begin := time.Date(2026, 12, 24, 22, 0, 0, 0, time.UTC)
	end := begin.Add(time.Hour)
	w, err := Once(begin, end)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		at   time.Time
		want bool
	}{{begin.Add(-1), false}, {begin, true}, {end.Add(-1), true}, {end, false}, {begin.In(zone(t, "Asia/Tokyo")), true}} {
		if _, got := w.At(test.at); got != test.want {
			t.Errorf("At(%s) = %t, want %t", test.at, got, test.want)
		}
	}
	if _, err := Once(end, begin); err == nil {
		t.Error("a window that ends before it begins is taken")
	}
	if _, under := (Window{}).At(time.Time{}); under {
		t.Error("the zero window is not never")
	}
}

func TestAtTakesTheLatestEnd(t *testing.T) {
	noon := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	long, _ := Once(noon.Add(-time.Hour), noon.Add(3*time.Hour))
	short, _ := Repeated("0 12 * * *", time.Hour, time.UTC)
	for _, windows := range [][]Window{{long, short}, {short, long}} {
		if span, under := At(windows, noon); !under || !span.Until.Equal(noon.Add(3*time.Hour)) {
			t.Errorf("At = %v, %t", span, under)
		}
	}
	if _, under := At(nil, noon); under {
		t.Error("no windows are a window")
	}
}

func TestInvalid(t *testing.T) {
	tests := []struct{ cron, want string }{
		{"", `"" has 0 fields, not 5 (minute, hour, day of the month, month, day of the week: for example 0 2 * * SUN)`},
		{"0 2 * * ? *", `"0 2 * * ? *" has 6 fields, not 5 (minute, hour, day of the month, month, day of the week: for example 0 2 * * SUN)`},
		{"60 2 * * *", `invalid minute "60": not a number from 0 to 59`},
		{"0 24 * * *", `invalid hour "24": not a number from 0 to 23`},
		{"0 2 0 * *", `invalid day of the month "0": not a number from 1 to 31`},
		{"0 2 * 13 *", `invalid month "13": not a number from 1 to 12 or one of JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV, DEC`},
		{"0 2 * * FOO", `invalid day of the week "FOO": not a number from 0 to 7 or one of SUN, MON, TUE, WED, THU, FRI, SAT`},
		{"0 2 * * MON#6", `invalid day of the week "MON#6" (for example MON#2 for the second Monday)`},
		{"0 5-3 * * *", `invalid hour "5-3": the range ends before it begins`},
		{"*/0 * * * *", `invalid minute "*/0": the step is not a number above 0`},
		{"*/x * * * *", `invalid minute "*/X": the step is not a number above 0`},
		{"1,,2 * * * *", `invalid minute "": not a number from 0 to 59`},
		{"? * * * *", `invalid minute "?": not a number from 0 to 59`},
		{"+1 * * * *", `invalid minute "+1": not a number from 0 to 59`},
		{"0 2 15W * *", `invalid day of the month "15W": not a number from 1 to 31`},
	}
	for _, test := range tests {
		if _, err := Repeated(test.cron, time.Hour, time.UTC); err == nil || err.Error() != test.want {
			t.Errorf("Repeated(%q) = %v\nwant %s", test.cron, err, test.want)
		}
	}
	for _, length := range []time.Duration{0, time.Second, MaxLength + 1} {
		if _, err := Repeated("0 2 * * *", length, time.UTC); err == nil {
			t.Errorf("a window of %s is taken", length)
		}
	}
	for _, name := range []string{"Mars/Olympus", "local", "Local", "../UTC", "/etc/passwd"} {
		if z, err := Zone(name); err == nil {
			t.Errorf("Zone(%q) = %s", name, z)
		}
	}
}

// A cron expression that is taken has a beginning within a leap year's cycle, or
// names a day that does not exist; neither takes long.
func FuzzRepeated(f *testing.F) {
	f.Add("0 2 * * SUN", int64(7200), int64(1_764_000_000))
	f.Add("*/7 1-5/2,23 L JAN-MAR MON#2,5", int64(60), int64(1_774_749_600))
	f.Fuzz(func(t *testing.T, cron string, seconds, unix int64) {
		zone, err := Zone("Europe/Berlin")
		if err != nil {
			t.Skip(err)
		}
		w, err := Repeated(cron, time.Duration(seconds%1_500_000)*time.Second, zone)
		if err != nil {
			return
		}
		at := time.Unix(unix%(1<<33), 0)
		if span, under := w.At(at); under && (at.Before(span.From) || !at.Before(span.Until) || span.Until.Sub(span.From) != w.length) {
			t.Errorf("%s at %s: %v", w, at, span)
		}
	})
}

func ExampleRepeated() {
	berlin, err := Zone("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	sundays, err := Repeated("0 2 * * SUN", 2*time.Hour, berlin)
	if err != nil {
		fmt.Println(err)
		return
	}
	span, under := sundays.At(time.Date(2026, 11, 29, 2, 30, 0, 0, time.UTC))
	fmt.Println(sundays, under)
	fmt.Println(span.From, "to", span.Until)
	// Output:
	// 0 2 * * SUN for 2h0m0s (Europe/Berlin) true
	// 2026-11-29 01:00:00 +0000 UTC to 2026-11-29 03:00:00 +0000 UTC
}
