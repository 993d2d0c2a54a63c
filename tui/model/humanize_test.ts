import assert from "node:assert/strict";
import fc from "fast-check";
import { age, bytes, clock, count, duration, grouped, kib, percent, rate } from "./humanize.ts";

Deno.test("sizes, counts and rates", () => {
  assert.deepEqual([0, 1, 1023, 1024, 1536, 102_297, 102_400, 1048575, 1 << 30].map(bytes), [
    "0B",
    "1B",
    "1023B",
    "1.0K",
    "1.5K",
    "99.9K",
    "100K",
    "1.0M",
    "1.0G",
  ]);
  assert.deepEqual(
    [999, 999.6, 1000, 999_949, 1_234_567].map(count),
    ["999", "1.0k", "1.0k", "1.0M", "1.2M"],
  );
  assert.deepEqual([0, 0.34, 9.94, 9.96, 42, 1234].map(rate), ["0", "0.3", "9.9", "10", "42", "1.2k"]);
  assert.equal(kib(131072), "128M");
  assert.deepEqual([0, 999, 1000, 1234567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
  assert.equal(percent(12.34), "12.3%");
});

Deno.test("a size never takes more than five characters", () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 2 ** 60, noNaN: true }), (value) => {
    assert.ok(bytes(value).length <= 5, bytes(value));
    assert.ok(count(value).length <= 5, count(value));
  }));
});

Deno.test("durations and times", () => {
  assert.deepEqual([0, 59.9, 3661, 86_400 * 2 + 5].map(duration), [
    "00:00:00",
    "00:00:59",
    "01:01:01",
    "2d 00:00:05",
  ]);
  assert.deepEqual([5, 99, 100, 5999, 6000, 100 * 3600].map(age), ["5s", "99s", "1m", "99m", "1h", "4d"]);
  assert.match(clock(0), /^\d\d:\d\d:\d\d$/);
});
