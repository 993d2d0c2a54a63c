/** Every key of the key table in every place where it does something, pressed on a real terminal: what it is to show, shows. */
import assert from "node:assert/strict";
import type { KeyContext } from "../../tui/keys/actions.ts";
import { KEY_TABLE, type KeyEntry } from "../../tui/keys/table.ts";
import { hasSelected } from "./domain_table.ts";
import { CLEAR_ESCAPE, keyBytes } from "./key_bytes.ts";
import { EXPECTATIONS, LAST_DOMAIN, LONG_NAME, PLACES, THIRD_DOMAIN } from "./key_expectations.ts";
import { KEY, type ScreenSession } from "./screen_session.ts";
import { XendPlace } from "./xend_place.ts";

/** They act on a domain at once, or end the dashboard: tests of their own press them (actions_test.ts, and the last one here). */
const ELSEWHERE = ["attach", "pause", "unpause", "shutdown", "reboot", "quit", "interrupt", "suspend"];
const CONTEXTS = Object.keys(PLACES) as KeyContext[];

const place = new XendPlace();
Deno.test.beforeAll(() => place.start("alpha", "beta", LONG_NAME));
Deno.test.afterAll(() => place.stop());

Deno.test("every key of the table is expected to do something, in every place where it has an entry", () => {
  for (const context of CONTEXTS) {
    const entries = KEY_TABLE.filter(({ id, contexts }) =>
      contexts.includes(context) && !ELSEWHERE.includes(id)
    );
    const missing = entries.filter(({ id }) => EXPECTATIONS[context][id] === undefined).map(({ id }) => id);
    assert.deepEqual(missing, [], context);
  }
});

/** To a place, from wherever one is. */
async function comeTo(top: ScreenSession, context: KeyContext): Promise<void> {
  // Out of a list, out of a detail, the filter forgotten. There and back: what shows is not from before.
  await top.press(CLEAR_ESCAPE.repeat(3) + KEY.end);
  await top.waitFor(hasSelected(LAST_DOMAIN), 10);
  await top.press(KEY.home + KEY.down + KEY.down);
  await top.waitFor(hasSelected(THIRD_DOMAIN), 10);
  await top.press(PLACES[context].enter);
  await top.waitFor(PLACES[context].marker, 10);
}

async function pressed(top: ScreenSession, context: KeyContext, entry: KeyEntry, key: string): Promise<void> {
  await comeTo(top, context);
  const { first, then = "", shows, undo = "" } = EXPECTATIONS[context][entry.id];
  if (first !== undefined) {
    await top.press(first.keys);
    await top.waitFor(first.ready, 10);
  }
  const before = await top.text();
  const from = top.output.length;
  await top.press(keyBytes(key));
  if (then !== "") await top.press(then);
  await top.waitFor((screen) => shows({ screen, before, key, written: top.output.slice(from) }), 10);
  if (undo !== "") await top.press(undo);
}

place.test("every key", { args: ["-d", "2"] }, async (top) => {
  await top.waitFor(/alpha/);
  // Events, and more domains than there are rows.
  await place.create(...Array.from({ length: 14 }, (_, index) => `d${String(index + 1).padStart(2, "0")}`));
  await top.waitFor(/Domains 18[^]*domains? below/);
  await top.press(KEY.end);
  await top.waitFor(hasSelected(LAST_DOMAIN));
  await top.press(":list\r");
  await top.waitFor(/\bd14 [^]*^lines \d+-/m);
  const failures: string[] = [];
  for (const context of CONTEXTS) {
    for (const entry of KEY_TABLE) {
      if (!entry.contexts.includes(context) || ELSEWHERE.includes(entry.id)) continue;
      for (const key of entry.keys) {
        try {
          await pressed(top, context, entry, key);
        } catch (error) {
          if (!(error instanceof assert.AssertionError) || top.session.ended) throw error;
          // Where nothing works one need not wait for all of them.
          if (failures.length === 5) throw error;
          failures.push(`${context}, ${key} (${entry.title}): ${error.message}`);
        }
      }
    }
  }
  assert.ok(failures.length === 0, failures.join("\n\n"));
  await comeTo(top, "domains");
});

for (
  const [name, keys] of [["q", "q"], ["Q, of a domain", "1Q"], ["^C", "\x03"], ["^C, of a dialog", "X\x03"]]
) {
  place.test(`${name} ends it`, { quit: keys }, async () => {});
}
