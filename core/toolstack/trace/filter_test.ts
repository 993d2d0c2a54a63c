import assert from "node:assert/strict";
import { TraceExpressionError, traceFilter } from "./filter.ts";
import type { TraceCall } from "./line.ts";

const call: TraceCall = {
  type: "hypercall",
  at: 1,
  domid: 1,
  vcpu: 2,
  name: "sched_op",
  op: "poll",
  args: {},
  errno: "EINVAL",
};

Deno.test("expressions choose, and all of them must hold", () => {
  const cases: [string[], boolean][] = [
    [[], true],
    [["sched_op"], true],
    [["sched_op.poll"], true],
    [["sched_op.block"], false],
    [["sched_*"], true],
    [["name=memory_op,sched_op"], true],
    [["name=!memory_op"], true],
    [["!sched_op"], false],
    [["vcpu=2"], true],
    [["vcpu=0,1"], false],
    [["errno=any", "kind=hypercall"], true],
    [["errno=EINVAL"], true],
    [["errno=!EINVAL"], false],
    [["errno=none"], false],
    [["kind=trap,event"], false],
  ];
  for (const [expressions, expected] of cases) {
    assert.equal(traceFilter(expressions).matches(call), expected, expressions.join(" "));
  }
  assert.deepEqual([...traceFilter(["kind=!trap,event"]).kinds], ["hypercall", "grant"]);
  assert.deepEqual([...traceFilter(["kind=trap"]).kinds], ["trap"]);
});

Deno.test("what is no expression is named", () => {
  for (
    const text of ["kind=x", "vcpu=a", "errno=22", "color=red", "name=", "a,,b", "=", "sched op", "kind=!"]
  ) {
    assert.throws(() => traceFilter([text]), TraceExpressionError, text);
  }
});
