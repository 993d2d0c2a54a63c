import assert from "node:assert/strict";
import { parseJunit } from "./junit.ts";

Deno.test("a report's cases are counted with their names", () => {
  const xml = `<?xml version="1.0"?>
<testsuites name="deno test" tests="4">
  <testsuite name="./a_test.ts" tests="3">
    <testcase name="one &lt;b&gt; &quot;q&quot;" classname="x" time="0.1">
    </testcase>
    <testcase name="two" classname="x"><skipped/></testcase>
    <testcase name="three" classname="x"><failure message="no">text</failure></testcase>
  </testsuite>
  <testsuite name="./b_test.ts" tests="1"><testcase name="four" classname="y"/></testsuite>
</testsuites>`;
  assert.deepEqual(parseJunit(xml), [
    { file: "./a_test.ts", name: 'one <b> "q"', outcome: "passed" },
    { file: "./a_test.ts", name: "two", outcome: "skipped" },
    { file: "./a_test.ts", name: "three", outcome: "failed" },
    { file: "./b_test.ts", name: "four", outcome: "passed" },
  ]);
  assert.deepEqual(parseJunit(""), []);
});
