import assert from "node:assert/strict";
import { changesSomething, type KeyContext } from "./actions.ts";
import { hintsFor, KEY_GROUPS, KEY_TABLE, lookUp } from "./table.ts";

Deno.test("no two entries want the same key in the same place", () => {
  const taken = new Map<string, string>();
  const clashes: string[] = [];
  for (const { id, keys, contexts } of KEY_TABLE) {
    for (const context of contexts) {
      for (const key of keys) {
        const place = `${context} ${key}`;
        if (taken.has(place)) clashes.push(`${place}: ${taken.get(place)} and ${id}`);
        taken.set(place, id);
      }
    }
  }
  assert.deepEqual(clashes, []);
  assert.ok(taken.size > 150, `only ${taken.size} keys found`);
});

Deno.test("every id is there once, every entry has a key, a place, a title and a group that the help shows", () => {
  assert.equal(new Set(KEY_TABLE.map(({ id }) => id)).size, KEY_TABLE.length);
  for (const entry of KEY_TABLE) {
    assert.ok(entry.keys.length > 0 && entry.contexts.length > 0 && entry.title !== "", entry.id);
    assert.ok(KEY_GROUPS.includes(entry.group), entry.id);
  }
});

Deno.test("xentop's keys keep their meaning, in both cases", () => {
  const ids = ["D", "N", "B", "V", "R", "S", "Q"].flatMap((key) =>
    [key, key.toLowerCase()].map((name) => lookUp("domains", name)?.id)
  );
  const expected = ["delay", "networks", "vbds", "vcpus", "repeat-header", "sort", "quit"];
  assert.deepEqual(ids, expected.flatMap((id) => [id, id]));
  assert.equal(lookUp("domains", "Up")?.action.do, "move");
});

Deno.test("each place can be left, and quit from", () => {
  const contexts = new Set(KEY_TABLE.flatMap((entry) => entry.contexts));
  assert.equal(contexts.size, 13);
  for (const context of contexts) {
    assert.ok(["cancel", "back"].includes(lookUp(context, "Esc")?.action.do ?? ""), context);
    assert.equal(lookUp(context, "^C")?.action.do, "quit", context);
    assert.equal(lookUp(context, "^L")?.action.do, "repaint", context);
  }
});

Deno.test("--readonly allows exactly what changes nothing", () => {
  const refused = KEY_TABLE.filter((entry) => !entry.allowedReadOnly);
  assert.deepEqual(refused.filter(({ action }) => !changesSomething(action)), []);
  const ids = refused.map(({ id }) => id);
  for (
    const id of ["attach", "pause", "unpause", "shutdown", "reboot", "destroy", "create", "start", "memory"]
  ) {
    assert.ok(ids.includes(id), id);
  }
  for (const id of ["quit", "filter", "delay", "help", "detail"]) assert.ok(!ids.includes(id), id);
});

Deno.test("typing text is never taken for an action", () => {
  const typing: readonly KeyContext[] = ["palette", "filter", "confirm", "prompt", "choose"];
  for (const context of typing) {
    for (let code = 0x21; code < 0x7f; code++) {
      assert.equal(
        lookUp(context, String.fromCharCode(code)),
        undefined,
        `${context} ${String.fromCharCode(code)}`,
      );
    }
    assert.equal(lookUp(context, "Space"), undefined);
  }
});

Deno.test("the last line hints at help and quit in every view", () => {
  for (const context of ["domains", "pcpus", "events", "commands", "detail"] as const) {
    const ids = hintsFor(context).map(({ id }) => id);
    assert.ok(ids.includes("help") && ids.includes("quit"), context);
  }
});
