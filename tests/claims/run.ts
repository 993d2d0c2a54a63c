/**
 * `deno task claims [ID...]`: runs what shows each claim of tests/claims.json. A run of all of them writes the README's
 * table. Ends with 1 when a claim does not hold.
 */
import { fileURLToPath } from "node:url";
import { parseClaims } from "./claim.ts";
import { judgeClaim } from "./judge.ts";
import { type Result, withTable } from "./table.ts";

const CLAIMS = new URL("../claims.json", import.meta.url);
const README = new URL("../../README.md", import.meta.url);

async function main(ids: readonly string[]): Promise<number> {
  const claims = parseClaims(await Deno.readTextFile(CLAIMS));
  const unknown = ids.filter((id) => !claims.some((claim) => claim.id === id));
  if (unknown.length > 0) {
    console.error(
      `no claim ${unknown.join(", ")}; there are: ${claims.map((claim) => claim.id).join(", ")}`,
    );
    return 2;
  }
  const results: Result[] = [];
  for (const claim of claims) {
    if ("absent" in claim) {
      console.log(`not done  ${claim.id}: ${claim.capability} (${claim.absent})`);
      results.push({ claim });
      continue;
    }
    if (ids.length > 0 && !ids.includes(claim.id)) continue;
    const start = performance.now();
    const took = () => `${((performance.now() - start) / 1000).toFixed(0)} s`;
    try {
      const finding = await judgeClaim(claim);
      console.log(
        `shown     ${claim.id}: ${claim.capability}${finding ? `: ${finding}` : ""} [${took()}]`,
      );
      results.push({ claim, outcome: { held: true, finding } });
    } catch (error) {
      console.log(`FAILED    ${claim.id}: ${claim.capability} [${took()}]`);
      console.error(error instanceof Error ? error.message : error);
      results.push({ claim, outcome: { held: false } });
    }
  }
  if (ids.length === 0) {
    const before = await Deno.readTextFile(README);
    await Deno.writeTextFile(README, withTable(before, results));
    await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", fileURLToPath(README)] }).output();
  }
  const of = (wanted: (result: Result) => boolean) => results.filter(wanted).length;
  const failed = of(({ outcome }) => outcome?.held === false);
  const held = of(({ outcome }) => outcome?.held === true);
  console.log(`${held} shown, ${failed} failed, ${of(({ claim }) => "absent" in claim)} not done`);
  return failed === 0 ? 0 : 1;
}

Deno.exit(await main(Deno.args));
