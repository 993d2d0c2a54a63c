import assert from "node:assert/strict";
import fc from "fast-check";
import { vbd, vif } from "../model/testing.ts";
import type { DashboardOptions } from "../ports.ts";
import type { Effect, UiEvent, UiWorld } from "./events.ts";
import { keyPress } from "./key_names.ts";
import { reduce } from "./reducer.ts";
import { KEY_TABLE } from "./table.ts";
import { domainRow, testWorld } from "./testing.ts";
import { initialState, TABS, type UiState } from "./ui_state.ts";

const OPTIONS: DashboardOptions = {
  delaySeconds: 3,
  iterations: 0,
  readOnly: false,
  networks: false,
  vbds: false,
  vcpus: false,
  repeatHeader: false,
  fullName: false,
  ascii: false,
};

const ROWS = [domainRow("Domain-0", 0), domainRow("web", 1), domainRow("mail", 2), domainRow("two words", 3)];
const WORLD = testWorld(ROWS);

/** Presses keys one after another, words of more than one character that name no key are typed. */
function play(
  keys: readonly string[],
  options: Partial<DashboardOptions> = {},
  world: UiWorld = WORLD,
): { state: UiState; effects: Effect[] } {
  let state = initialState({ ...OPTIONS, ...options }, "dark");
  const effects: Effect[] = [];
  const tell = (event: UiEvent) => {
    const step = reduce(state, event, world);
    state = step.state;
    effects.push(...step.effects);
  };
  tell({ type: "refreshed" });
  for (const key of keys) {
    const typed = /^".*"$/.test(key)
      ? [...key.slice(1, -1)].map((letter) => letter === " " ? "Space" : letter)
      : [key];
    for (const name of typed) tell({ type: "key", key: keyPress(name) });
  }
  return { state, effects };
}

const run = (...words: string[]): Effect[] => [{ kind: "run", words }];

Deno.test("the selection begins at the first row, moves, stays with its domain and falls to a neighbour", () => {
  assert.equal(play([]).state.selected, "uuid-0");
  assert.equal(play(["Down", "Down"]).state.selected, "uuid-2");
  assert.equal(play(["Down", "Down", "Up"]).state.selected, "uuid-1");
  assert.equal(play(["End"]).state.selected, "uuid-3");
  assert.equal(play(["Up"]).state.selected, "uuid-0");
  const { state } = play(["Down"]);
  const reordered = testWorld([ROWS[1], ROWS[0]]);
  assert.equal(reduce(state, { type: "refreshed" }, reordered).state.selected, "uuid-1");
  const gone = testWorld([ROWS[0], ROWS[2]]);
  assert.equal(reduce(state, { type: "refreshed" }, gone).state.selected, "uuid-2");
  const none = reduce(state, { type: "refreshed" }, testWorld([])).state;
  assert.equal(reduce(none, { type: "refreshed" }, testWorld([ROWS[3]])).state.selected, "uuid-3");
});

Deno.test("xentop's keys toggle its sub-rows", () => {
  const { state } = play(["N", "B", "V", "R", "F"]);
  assert.deepEqual(
    [state.networks, state.vbds, state.vcpus, state.repeatHeader, state.fullName],
    [true, true, true, true, true],
  );
  assert.equal(play(["N", "n"]).state.networks, false);
});

Deno.test("Enter opens a domain; tabs by number, Tab and arrows; ] goes to the next domain; Esc comes back", () => {
  assert.deepEqual(play(["Down", "Enter"]).state.detail, { uuid: "uuid-1", tab: 0 });
  assert.equal(TABS[play(["3"]).state.detail?.tab ?? -1], "vCPUs");
  assert.equal(TABS[play(["0"]).state.detail?.tab ?? -1], "Log");
  assert.equal(play(["Enter", "BackTab"]).state.detail?.tab, TABS.length - 1);
  assert.equal(play(["Enter", "Right", "Tab"]).state.detail?.tab, 2);
  assert.deepEqual(play(["2", "]"]).state.detail, { uuid: "uuid-1", tab: 1 });
  assert.deepEqual(play(["2", "["]).state.detail, { uuid: "uuid-3", tab: 1 });
  assert.equal(play(["Enter", "Esc"]).state.detail, undefined);
});

Deno.test("views by key and by Tab; the same key and Esc come back", () => {
  assert.equal(play(["p"]).state.view, "pcpus");
  assert.equal(play(["p", "p"]).state.view, "domains");
  assert.equal(play(["e", "Esc"]).state.view, "domains");
  assert.equal(play(["Tab", "Tab", "Tab"]).state.view, "commands");
  assert.equal(play(["BackTab"]).state.view, "commands");
  const { state } = play(["Enter", "e"]);
  assert.equal(state.view, "events");
  assert.equal(state.detail, undefined);
});

Deno.test("the filter filters while it is typed, Enter keeps it, Esc takes it back", () => {
  const typing = play(["/", '"ml"']).state;
  assert.equal(typing.filter, "ml");
  assert.equal(typing.selected, "uuid-2");
  assert.equal(play(["/", '"ma"', "Enter"]).state.filter, "ma");
  assert.equal(play(["/", '"ma"', "Esc"]).state.filter, "");
  assert.equal(play(["/", '"ma"', "Enter", "/", '"x"', "Esc"]).state.filter, "ma");
  assert.equal(play(["/", '"ma"', "Enter", "Esc"]).state.filter, "");
  // q is a letter here.
  assert.deepEqual(play(["/", '"q"']).effects, []);
});

Deno.test("sorting goes through the visible columns and back to xend's order", () => {
  assert.deepEqual(play(["S"]).state.sort, { column: "NAME", descending: false });
  assert.deepEqual(play(["S", "S"]).state.sort, { column: "CPU(%)", descending: true });
  assert.equal(play(["S", "S", "S", "S"]).state.sort, undefined);
  assert.deepEqual(play(["<"]).state.sort, { column: "MEM(k)", descending: true });
  assert.deepEqual(play(["S", "S", "i"]).state.sort, { column: "CPU(%)", descending: false });
  const hidden = play(["c", "Down", "Space", "Esc", "S", "S"]).state;
  assert.deepEqual(hidden.hiddenColumns, ["CPU(%)"]);
  assert.deepEqual(hidden.sort, { column: "MEM(k)", descending: true });
});

Deno.test("arrows show the columns that do not fit", () => {
  assert.equal(play(["Right"]).state.pan, 1);
  assert.equal(play(["Right", "Right", "Right"]).state.pan, 1);
  assert.equal(play(["Right", "Left", "Left"]).state.pan, 0);
  // The first step passes what had no room.
  const columns = ["NAME", "ID", "STATE", "CPU(%)", "MEM(k)"].map((id) => ({
    id,
    title: id,
    descends: false,
  }));
  const world = testWorld(ROWS, { firstPan: 2, columns });
  assert.equal(play(["Right"], {}, world).state.pan, 2);
  assert.equal(play(["Right", "Right"], {}, world).state.pan, 3);
  assert.equal(play(["Right", "Right", "Left"], {}, world).state.pan, 2);
  assert.equal(play(["Right", "Left"], {}, world).state.pan, 0);
});

Deno.test("the column of names stays, the others come and go", () => {
  assert.deepEqual(play(["c", "Space"]).state.hiddenColumns, []);
  assert.deepEqual(play(["c", "Down", "Space", "Space"]).state.hiddenColumns, []);
  assert.equal(play(["c", "Enter"]).state.overlay, undefined);
});

Deno.test("each action is a command line", () => {
  assert.deepEqual(play(["Down", "P"]).effects, run("pause", "web"));
  assert.deepEqual(play(["Down", "U"]).effects, run("unpause", "web"));
  assert.deepEqual(play(["Down", "H"]).effects, run("shutdown", "web"));
  assert.deepEqual(play(["Down", "O"]).effects, run("reboot", "web"));
  assert.deepEqual(play(["Down", "Enter", "P"]).effects, run("pause", "web"));
  assert.deepEqual(play(["Down", "a"]).effects, [{ kind: "attach", domain: "web" }]);
  assert.deepEqual(play(["Down", "Z", '"s"', "Enter"]).effects, run("sysrq", "web", "s"));
  assert.deepEqual(play(["Down", "K", "Enter"]).effects, run("dump-core", "web"));
  assert.deepEqual(play(["Down", "K", '"w.core"', "Enter"]).effects, run("dump-core", "web", "w.core"));
  assert.deepEqual(play(["Down", "E", "^U", '"www"', "Enter"]).effects, run("rename", "web", "www"));
});

Deno.test("disks and interfaces are attached by their specifications, detached from a list", () => {
  assert.deepEqual(
    play(["Down", "A", '"my disk.img,raw,xvdb,rw"', "Enter"]).effects,
    run("block-attach", "web", "my disk.img,raw,xvdb,rw"),
  );
  for (const wrong of ['""', '"disk"', '"-f,raw,xvdb"']) {
    const { state, effects } = play(["Down", "A", wrong, "Enter"]);
    assert.deepEqual(effects, [], wrong);
    assert.match((state.overlay as { error?: string }).error ?? "", /expected FILE,raw,xvdb,rw/);
  }
  assert.deepEqual(play(["Down", "L", "Enter"]).effects, run("network-attach", "web"));
  assert.deepEqual(
    play(["Down", "L", '"bridge=lan, untrusted mac=0:0:0:0:0:1"', "Enter"]).effects,
    run("network-attach", "web", "bridge=lan", "untrusted", "mac=0:0:0:0:0:1"),
  );
  for (const wrong of ['"eth0"', '"-f"', '"=x"']) {
    assert.deepEqual(play(["Down", "L", wrong, "Enter"]).effects, [], wrong);
  }
  const devices = { vbds: [vbd(51712), vbd(51728)], vifs: [vif(0, 0, 0)] };
  const world = testWorld([domainRow("-a", 7, devices), domainRow("bare", 8)]);
  const listed = play(["J"], {}, world);
  assert.deepEqual(listed.effects, []);
  assert.deepEqual((listed.state.overlay as { items?: readonly string[] }).items, [
    "disk xvda",
    "disk xvdb",
    "interface 0",
  ]);
  assert.deepEqual(play(["J", "Down", "Enter"], {}, world).effects, run("block-detach", "7", "xvdb"));
  assert.deepEqual(play(["J", '"face"', "Enter"], {}, world).effects, run("network-detach", "7", "0"));
  assert.deepEqual(play(["J", '"xvdz"', "Enter"], {}, world).effects, []);
  assert.deepEqual(play(["Down", "J", "Enter"], {}, world).effects, []);
  const gone = reduce(listed.state, { type: "key", key: keyPress("Enter") }, testWorld([]));
  assert.deepEqual(gone.effects, []);
  assert.match((gone.state.overlay as { error?: string }).error ?? "", /the domain is gone/);
  // The palette has both the entries and the command lines.
  assert.equal(play(["Down", ":", '"detach a disk or"', "Enter"]).state.overlay?.kind, "choose");
  assert.deepEqual(
    play([":", '"block-detach -f web xvdb"', "Enter"]).effects,
    run("block-detach", "-f", "web", "xvdb"),
  );
  assert.deepEqual(play([":", '"network-attach web"', "Enter"], { readOnly: true }).effects, []);
});

Deno.test("a name that begins with - is not taken for an option", () => {
  const world = testWorld([domainRow("-a", 7)]);
  assert.deepEqual(play(["H"], {}, world).effects, run("shutdown", "7"));
});

Deno.test("destroy wants the domain's name, exactly", () => {
  const wrong = play(["Down", "X", '"mail"', "Enter"]);
  assert.deepEqual(wrong.effects, []);
  assert.equal(wrong.state.overlay?.kind, "confirm");
  assert.match((wrong.state.overlay as { error?: string }).error ?? "", /not "web": nothing was done/);
  assert.deepEqual(play(["Down", "X", "Enter"]).effects, []);
  const right = play(["Down", "X", '"web"', "Enter"]);
  assert.deepEqual(right.effects, run("destroy", "web"));
  assert.equal(right.state.overlay, undefined);
  assert.deepEqual(play(["Down", "X", '"web"', "Esc", "Enter"]).effects, []);
  assert.deepEqual(play(["End", "X", '"two words"', "Enter"]).effects, run("destroy", "two words"));
});

Deno.test("destroy is about the domain that was selected when it was asked for", () => {
  const asked = play(["Down", "X", '"web"']).state;
  const gone = testWorld([ROWS[0], ROWS[2]]);
  const step = reduce(asked, { type: "key", key: keyPress("Enter") }, gone);
  assert.deepEqual(step.effects, []);
  assert.match((step.state.overlay as { error?: string }).error ?? "", /gone/);
});

Deno.test("memory and vCPUs are checked before they are sent", () => {
  assert.deepEqual(play(["Down", "M", "^U", '"96"', "Enter"]).effects, run("mem-set", "web", "96"));
  assert.deepEqual(play(["Down", "M", "^U", '"64 m"', "Enter"]).effects, run("mem-set", "web", "64m"));
  for (const wrong of ['"lots"', '"512"', '"-1"', '"0"', '""']) {
    const { state, effects } = play(["Down", "M", "^U", wrong, "Enter"]);
    assert.deepEqual(effects, [], wrong);
    assert.ok((state.overlay as { error?: string }).error, wrong);
  }
  assert.deepEqual(play(["Down", "Y", "^U", '"2"', "Enter"]).effects, []);
  assert.deepEqual(play(["Down", "Y", "^U", '"1"', "Enter"]).effects, run("vcpu-set", "web", "1"));
});

Deno.test("weight and cap by arrows; only what changed is sent; Esc leaves them", () => {
  const base = ["Down", "W"];
  assert.deepEqual(play([...base, "Up", "Enter"]).effects, run("sched-credit", "-d", "web", "-w", "272"));
  assert.deepEqual(play([...base, "PageUp", "Enter"]).effects, run("sched-credit", "-d", "web", "-w", "512"));
  assert.deepEqual(
    play([...base, "Right", "Right", "Enter"]).effects,
    run("sched-credit", "-d", "web", "-c", "10"),
  );
  assert.deepEqual(
    play([...base, "Down", "Right", "Enter"]).effects,
    run("sched-credit", "-d", "web", "-w", "240", "-c", "5"),
  );
  assert.deepEqual(play([...base, "Enter"]).effects, []);
  assert.deepEqual(play([...base, "Up", "Esc"]).effects, []);
  assert.deepEqual(play([...base, "Left", "Enter"]).effects, []);
  const low = play([...base, ...Array<string>(20).fill("PageDown"), "Enter"]).effects;
  assert.deepEqual(low, run("sched-credit", "-d", "web", "-w", "1"));
});

Deno.test("the delay changes in place and only to what is possible", () => {
  const { state, effects } = play(["D", "^U", '"0.5"', "Enter"]);
  assert.deepEqual(effects, [{ kind: "delay", seconds: 0.5 }]);
  assert.equal(state.delaySeconds, 0.5);
  for (const wrong of ['"0"', '"x"', '""', '"-3"', '"1e9"']) {
    assert.deepEqual(play(["D", "^U", wrong, "Enter"]).effects, [], wrong);
  }
});

Deno.test("create offers configurations, and takes a file that is typed", () => {
  const asked = play(["C"]);
  assert.deepEqual(asked.effects, [{ kind: "load", choice: "create" }]);
  const items = ["configs/grub.cfg", "configs/debian.cfg"];
  let { state } = reduce(asked.state, { type: "choices", choice: "create", items }, WORLD);
  for (const name of ["d", "e", "b"]) {
    state = reduce(state, { type: "key", key: keyPress(name) }, WORLD).state;
  }
  assert.deepEqual(
    reduce(state, { type: "key", key: keyPress("Enter") }, WORLD).effects,
    run("create", "configs/debian.cfg"),
  );
  assert.deepEqual(
    play(["C", '"/tmp/other.cfg"', "Enter"]).effects.slice(1),
    run("create", "/tmp/other.cfg"),
  );
  assert.deepEqual(play(["T", '"nobody"', "Enter"]).effects, [{ kind: "load", choice: "start" }]);
});

Deno.test("the palette finds entries, completes command lines and runs typed ones", () => {
  assert.deepEqual(play([":", '"quit"', "Enter"]).effects, [{ kind: "quit" }]);
  assert.deepEqual(play(["Down", ":", '"unpause"', "Tab", "Enter"]).effects, run("unpause", "web"));
  const { state, effects } = play([":", '"vcpu-pin web all 1"', "Enter"]);
  assert.deepEqual(effects, run("vcpu-pin", "web", "all", "1"));
  assert.equal(state.view, "commands");
  assert.deepEqual(play(["^P", `"rename web 'a b'"`, "Enter"]).effects, run("rename", "web", "a b"));
  assert.deepEqual(play([":", '"xenolith list"', "Enter"]).effects, run("list"));
  assert.deepEqual(play([":", '"console web"', "Enter"]).effects, [{ kind: "attach", domain: "web" }]);
});

Deno.test("the palette says why it refuses", () => {
  const refused = (typed: string, options: Partial<DashboardOptions> = {}) => {
    const { state, effects } = play([":", `"${typed}"`, "Enter"], options);
    assert.deepEqual(effects, [], typed);
    return (state.overlay as { error?: string }).error ?? "";
  };
  assert.match(refused("save web"), /not available in this version/);
  assert.match(refused("migrate web there"), /not available in this version/);
  assert.match(refused("top"), /you are in it/);
  assert.match(refused("log --follow"), /does not end/);
  assert.match(refused("list 'web"), /not closed/);
  assert.match(refused("destroy web", { readOnly: true }), /read-only/);
  assert.match(refused("sched-credit -d web -w 3", { readOnly: true }), /read-only/);
  assert.match(refused("-N destroy web", { readOnly: true }), /begin with/);
});

Deno.test("--readonly refuses every action in words and lets reading through", () => {
  for (const entry of KEY_TABLE.filter(({ allowedReadOnly }) => !allowedReadOnly)) {
    const context = entry.contexts.includes("domains") ? [] : ["Enter"];
    const { state, effects } = play([...context, entry.keys[0]], { readOnly: true });
    assert.deepEqual(effects, [], entry.id);
    assert.equal(state.overlay, undefined, entry.id);
    assert.match(state.message?.text ?? "", /read-only/, entry.id);
  }
  assert.deepEqual(
    play([":", '"sched-credit -d web"', "Enter"], { readOnly: true }).effects,
    run("sched-credit", "-d", "web"),
  );
  assert.equal(play(["D"], { readOnly: true }).state.overlay?.kind, "prompt");
});

Deno.test("the log of commands follows a command from its beginning to its end", () => {
  let { state } = play([]);
  const command = { id: 1, at: 0, line: "xenolith pause web" };
  state = reduce(state, { type: "command", ...command, state: "running", output: "" }, WORLD).state;
  assert.deepEqual(state.commands.map(({ state }) => state), ["running"]);
  assert.match(state.message?.text ?? "", /^xenolith pause web \.\.\.$/);
  state =
    reduce(state, { type: "command", ...command, state: "failed", output: "no such domain\n" }, WORLD).state;
  assert.deepEqual(state.commands.map(({ state }) => state), ["failed"]);
  assert.equal(state.message?.severity, "failed");
  assert.match(state.message?.text ?? "", /no such domain/);
});

Deno.test("what was said goes with the next key, or after a while", () => {
  const { state } = play(["t"]);
  assert.match(state.message?.text ?? "", /theme: light/);
  assert.equal(
    reduce(state, { type: "refreshed" }, { ...WORLD, now: WORLD.now + 3000 }).state.message,
    state.message,
  );
  assert.equal(
    reduce(state, { type: "refreshed" }, { ...WORLD, now: WORLD.now + 9000 }).state.message,
    undefined,
  );
  assert.equal(reduce(state, { type: "key", key: keyPress("Down") }, WORLD).state.message, undefined);
});

Deno.test("scrolling stays within its content; what follows its end scrolls from there", () => {
  const help = (limit: number, ...keys: string[]) =>
    play(["?", ...keys], {}, testWorld(ROWS, { scrollLimit: limit })).state.scroll.help;
  assert.equal(help(5, "Down", "Down"), 2);
  assert.equal(help(1, "Down", "Down"), 1);
  assert.equal(help(40, "End"), 40);
  assert.equal(help(40, "End", "Home"), 0);
  assert.equal(play(["e", "Up", "Up", "Down"]).state.scroll.events, 1);
});

Deno.test("mouse: the wheel moves, a click selects, another opens; m tells the terminal", () => {
  let { state } = play(["m"]);
  assert.deepEqual(play(["m", "m"]).effects, [{ kind: "mouse", on: true }, { kind: "mouse", on: false }]);
  state = reduce(state, { type: "wheel", direction: 1 }, WORLD).state;
  assert.equal(state.selected, "uuid-3");
  state = reduce(state, { type: "click", uuid: "uuid-1" }, WORLD).state;
  assert.equal(state.selected, "uuid-1");
  assert.equal(state.detail, undefined);
  state = reduce(state, { type: "click", uuid: "uuid-1" }, WORLD).state;
  assert.deepEqual(state.detail, { uuid: "uuid-1", tab: 0 });
  assert.equal(reduce(state, { type: "click-tab", tab: 4 }, WORLD).state.detail?.tab, 4);
});

Deno.test("a paste goes into the line that is typed, without line ends", () => {
  const { state } = play([":"]);
  const pasted = reduce(state, { type: "paste", text: "list\nq" }, WORLD);
  assert.equal((pasted.state.overlay as { line: { text: string } }).line.text, "listq");
  assert.deepEqual(reduce(play([]).state, { type: "paste", text: "qX" }, WORLD).effects, []);
});

Deno.test("any keys in any order: nothing throws, no command runs in read-only mode, the cursor stays in its line", () => {
  const names = [...new Set(KEY_TABLE.flatMap(({ keys }) => keys)), "Space", "ä", "w", "e", "b", "F5"];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...names), { maxLength: 60 }), fc.boolean(), (keys, readOnly) => {
      const { state, effects } = play(keys, { readOnly });
      if (readOnly) assert.deepEqual(effects.filter(({ kind }) => kind === "run" || kind === "attach"), []);
      if (state.overlay !== undefined && "line" in state.overlay) {
        const { text, cursor } = state.overlay.line;
        assert.ok(cursor >= 0 && cursor <= [...text].length);
      }
      assert.ok(ROWS.some(({ figures }) => figures.uuid === state.selected));
      for (const lines of Object.values(state.scroll)) assert.ok(lines >= 0 && lines <= 100);
    }),
    { numRuns: 300 },
  );
});
