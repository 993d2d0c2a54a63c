/** Reads the JUnit report that `deno test` writes, as far as its counts and names go. */

export type Outcome = "passed" | "failed" | "skipped";

export interface TestResult {
  readonly file: string;
  readonly name: string;
  readonly outcome: Outcome;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescape(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-fA-F]+)|#([0-9]+)|(\w+));/g,
    (whole, hex, decimal, name) =>
      hex !== undefined
        ? String.fromCodePoint(parseInt(hex, 16))
        : decimal !== undefined
        ? String.fromCodePoint(Number(decimal))
        : ENTITIES[name] ?? whole,
  );
}

function attribute(tag: string, name: string): string {
  const match = new RegExp(`\\s${name}="([^"]*)"`).exec(tag);
  return match === null ? "" : unescape(match[1]);
}

/** The test cases of a report; a step inside a test is a case of its own, named "test > step". */
export function parseJunit(xml: string): TestResult[] {
  const results: TestResult[] = [];
  for (const [, file, body] of xml.matchAll(/<testsuite\s+name="([^"]*)"[^>]*>([\s\S]*?)<\/testsuite>/g)) {
    for (
      const [, tag, content = ""] of body.matchAll(/<testcase(\s[^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)
    ) {
      const outcome = /<(failure|error)\b/.test(content)
        ? "failed"
        : /<skipped\b/.test(content)
        ? "skipped"
        : "passed";
      results.push({ file: unescape(file), name: attribute(tag, "name"), outcome });
    }
  }
  return results;
}
