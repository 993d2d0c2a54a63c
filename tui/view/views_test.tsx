// deno-lint-ignore-file no-control-regex -- colours are among what is looked for
/** Each view as it is drawn, from a state and figures that are made up. */
import assert from "node:assert/strict";
import { render } from "ink-testing-library";
import type { MachineFigures } from "../../core/toolstack/api/figures.ts";
import { keyPress } from "../keys/key_names.ts";
import { reduce } from "../keys/reducer.ts";
import { KEY_TABLE } from "../keys/table.ts";
import { initialState, TABS, type UiState } from "../keys/ui_state.ts";
import { SampleKeeper } from "../model/samples.ts";
import type { Connection, Notice, Snapshot } from "../model/mod.ts";
import { domain, machine, vbd, vcpu, vif } from "../model/testing.ts";
import type { DashboardOptions } from "../ports.ts";
import { App } from "./app.tsx";
import type { DetailData } from "./detail_source.ts";
import { Looks } from "./looks.ts";
import { SceneStore } from "./scene.ts";
import { FakeXend, INSPECTION, OPTIONS } from "./testing.ts";
import { Viewport } from "./viewport.ts";
import { VisibleRows, worldOf } from "./world.ts";

const GUEST = {
  state: { running: true, blocked: false, paused: false, shutdown: false, crashed: false, dying: false },
  vifs: [vif(0, 4096, 8192)],
  vbds: [vbd(51712, { reads: 10, readSectors: 2048, writtenSectors: 100 })],
  counters: {
    "hypercall sched_op": 500,
    "exit SYSCALL": 900,
    interpreted: 1000,
    translated: 3000,
    tlbMisses: 40,
  },
} as const;

function twoSamples(names: readonly string[]): readonly MachineFigures[] {
  const at = (factor: number) =>
    machine(1000 * factor, [
      domain(0, { vcpus: [vcpu(0, { state: "running" }), vcpu(1)] }),
      ...names.map((name, index) =>
        domain(index + 1, {
          ...GUEST,
          name,
          seconds: 0.5 * factor,
          targetKiB: 196_608,
          vcpus: [vcpu(0, { seconds: 0.5 * factor, state: "runnable", retired: 4000 * factor })],
          counters: Object.fromEntries(
            Object.entries(GUEST.counters).map(([key, count]) => [key, count * factor]),
          ),
        })
      ),
    ], { waiting: 1 });
  return [at(1), at(2)];
}

interface Setting {
  readonly columns?: number;
  readonly rows?: number;
  readonly names?: readonly string[];
  readonly keys?: readonly string[];
  readonly options?: Partial<DashboardOptions>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly connection?: Connection;
  readonly notices?: readonly Notice[];
  readonly detail?: DetailData;
  readonly change?: (state: UiState) => UiState;
  readonly isEmpty?: boolean;
}

const UNICODE = { TERM: "xterm-256color", LANG: "C.UTF-8" };

/** The screen after these keys, line by line. */
function screenOf(setting: Setting = {}): { lines: string[]; text: string; ansi: string; state: UiState } {
  const { columns = 80, rows = 24, names = ["web", "mail"], keys = [] } = setting;
  const environment: Readonly<Record<string, string>> = setting.environment ?? UNICODE;
  const options = { ...OPTIONS, ...setting.options };
  const keeper = new SampleKeeper();
  const samples = twoSamples(names).map((sample) => keeper.add(sample)).at(-1);
  const snapshot: Snapshot = {
    connection: setting.connection ?? { kind: "connected" },
    notices: setting.notices ?? [],
    ...(setting.isEmpty === true || samples === undefined ? { rows: [] } : samples),
  };
  const looks = new Looks({ get: (name) => environment[name] }, options);
  const viewport = new Viewport();
  const visible = new VisibleRows();
  const now = 1_700_000_100_000;
  const world = () => worldOf({ snapshot }, viewport, visible, looks.names, now);
  const detail = { uuid: snapshot.rows[1]?.figures.uuid, ...setting.detail };
  let ui = reduce(initialState(options, looks.first), { type: "refreshed" }, world()).state;
  const store = new SceneStore({ ui, snapshot, detail, size: { columns, rows } });
  const failures: unknown[] = [];
  const app = (
    <App
      store={store}
      viewport={viewport}
      world={world}
      visible={visible}
      looks={looks}
      onError={(error) => failures.push(error)}
    />
  );
  const instance = render(app);
  Object.defineProperty(instance.stdout, "columns", { value: columns });
  const draw = () => {
    ui = setting.change?.(ui) ?? ui;
    const scene = new SceneStore({ ui, snapshot, detail, size: { columns, rows } });
    instance.rerender(
      <App
        key={Math.random()}
        store={scene}
        viewport={viewport}
        world={world}
        visible={visible}
        looks={looks}
        onError={(error) => failures.push(error)}
      />,
    );
  };
  draw();
  for (const name of keys) {
    const typed = /^".*"$/.test(name) ? [...name.slice(1, -1)] : [name];
    for (const key of typed) {
      ui = reduce(ui, { type: "key", key: keyPress(key === " " ? "Space" : key) }, world()).state;
    }
    draw();
  }
  const ansi = instance.lastFrame() ?? "";
  instance.unmount();
  instance.cleanup();
  assert.deepEqual(failures, []);
  const text = ansi.replace(/\x1b\[[\d;]*m/g, "");
  return { lines: text.split("\n"), text, ansi, state: ui };
}

function assertFits({ lines }: { lines: readonly string[] }, columns: number, rows: number): void {
  assert.ok(lines.length <= rows, `${lines.length} lines on ${rows}`);
  for (const line of lines) assert.ok([...line].length <= columns, `${[...line].length} columns: ${line}`);
}

Deno.test("80x24: xentop's three lines, the table, graphs and hints", () => {
  const screen = screenOf();
  assertFits(screen, 80, 24);
  assert.match(screen.lines[0], /^xentop - \d\d:\d\d:\d\d {3}Xen 4\.17\.0$/);
  assert.match(
    screen.lines[1],
    /^3 domains: 2 running, 1 blocked, 0 paused, 0 crashed, 0 dying, 0 shutdown$/,
  );
  assert.match(screen.lines[2], /^Mem: 1048576k total, 524288k used, 524288k free {4}CPUs: 2 @ 3000MHz$/);
  assert.match(screen.lines[3], /Domains 3 +pCPUs +Events +Commands/);
  assert.match(screen.lines[4], /^NAME +STATE CPU\(%\)/);
  assert.match(screen.text, /^web +-----r +50\.0/m);
  assert.match(screen.lines.at(-1) ?? "", /\? help {2}q quit/);
});

Deno.test("200x60: all columns, the host's past beside the header, large graphs", () => {
  const screen = screenOf({ columns: 200, rows: 60 });
  assertFits(screen, 200, 60);
  assert.equal(screen.lines.length, 60);
  for (const title of ["CPU(sec)", "MAXMEM(k)", "NETTX(k)", "VBD_RD", "RBYTES/s"]) {
    assert.ok(screen.lines[4].includes(title), title);
  }
  assert.match(screen.lines[0], /CPU +\d+\.\d%/);
  assert.match(screen.text, /── Host\nCPU [^]*Network [^]*── Domain-0\nCPU /);
});

Deno.test("a small terminal is told so", () => {
  assert.match(
    screenOf({ columns: 60, rows: 20 }).text.replaceAll("\n", ""),
    /needs 80x24; this terminal has 60x20/,
  );
});

Deno.test("before there are figures it says that it connects", () => {
  const { text } = screenOf({ isEmpty: true, connection: { kind: "connecting" } });
  assert.match(text, /xentop - Xenolith/);
  assert.match(text, /connecting to xend/);
});

Deno.test("xentop's lines below a domain, the header before each", () => {
  const { text } = screenOf({ keys: ["N", "B", "V"] });
  assert.match(text, /^web .*\nVCPUs\(sec\): +0: +1s\nNet0 RX: +4096bytes.*\nVBD BlkBack 51712 \[ca: 0\]/m);
  assert.equal([...screenOf({ keys: ["R"] }).text.matchAll(/^NAME/gm)].length, 3);
});

Deno.test("every tab shows what it is about", async () => {
  const expected: Readonly<Record<typeof TABS[number], RegExp>> = {
    Overview: /UUID[^]*State +running[^]*CPU 50\.0%[^]*Memory 128M/,
    Configuration: /As it was given[^]*memory = 128[^]*In effect[^]*name = "web"/,
    vCPUs: /Scheduling[^]*0 {2}runnable +0 +50\.0%[^]*all \/ 1[^]*Time[^]*run\/wait\/block/,
    Memory: /Balloon[^]*Current[^]*Target[^]*deflating[^]*Highest pfn +0x7fff[^]*writable +3,000/,
    Devices: /Networks[^]*Block devices[^]*51712 xvda[^]*vif 0 {2}frontend 4 connected[^]*bridge = xenbr0/,
    Channels: /2 event channels, 1 pending[^]*interdomain +0 +- +domain 0 port 7[^]*pending {2}VIRQ timer/,
    Grants: /1 of 512 entries filled in, 1 in use[^]*0x1234 {2}read +reading/,
    Inside:
      /Instructions +4\.0k\/s, 8,000 in all[^]*Interpreted +25\.0%[^]*TLB misses +40\/s[^]*sched_op +500 +1,000/,
    Console: /Linux version 6\.1\nlogin:/,
    Log: /xend has started/,
  };
  const detail: DetailData = {
    detail: await new FakeXend().detail(1),
    inspection: INSPECTION,
    console: ["Linux version 6.1", "login: "],
    log: ["INFO (xend:1) xend has started"],
  };
  TABS.forEach((tab, index) => {
    for (const [columns, rows] of [[80, 40], [200, 60]]) {
      const screen = screenOf({ columns, rows, detail, keys: ["Down", String((index + 1) % 10)] });
      assertFits(screen, columns, rows);
      assert.match(screen.text, /Domain web +id 1 +running/);
      assert.match(screen.text, expected[tab], tab);
    }
  });
});

Deno.test("a tab says that it waits for xend, and what xend refused", () => {
  assert.match(screenOf({ keys: ["Down", "2"] }).text, /asking xend/);
  assert.match(
    screenOf({ keys: ["Down", "6"], detail: { error: "no such domain" } }).text,
    /xend: no such domain/,
  );
});

Deno.test("the detail of a domain that is gone says so", () => {
  const change = (state: UiState): UiState => ({ ...state, detail: { uuid: "gone", tab: 0 } });
  assert.match(screenOf({ change }).text, /This domain is gone/);
});

Deno.test("pCPUs: who runs where, who waits", () => {
  const { text } = screenOf({ keys: ["p"] });
  assert.match(text, /0 of 2 pCPUs busy, 1 vCPUs wait/);
  assert.match(text, /Waiting for a pCPU\n[^]*web +0 {2}under/);
  assert.match(text, /Busiest vCPUs\n[^]*web +0 +50\.0%/);
});

Deno.test("events and commands follow their end and scroll back", () => {
  const notices = Array.from({ length: 50 }, (_, index): Notice => ({
    at: index * 1000,
    severity: index === 49 ? "alert" : "info",
    domain: "web",
    text: `event ${index}`,
  }));
  const { text } = screenOf({ keys: ["e"], notices });
  assert.match(text, /ALERT +web event 49/);
  assert.doesNotMatch(text, /event 3\n/);
  assert.match(text, /lines 34-50 of 50/);
  assert.match(screenOf({ keys: ["e", "Home"], notices }).text, /event 0\n[^]*lines 1-17 of 50/);
  const change = (state: UiState): UiState => ({
    ...state,
    commands: [{
      id: 1,
      at: 0,
      line: "xenolith pause web",
      state: "failed",
      output: "it is\tgone\x1b[31m\n",
    }],
  });
  assert.match(
    screenOf({ keys: ["l"], change }).text,
    /FAILED +xenolith pause web\n +it is {8}gone\?\[31m/,
  );
});

Deno.test("the help shows every entry of the key table", () => {
  const { text } = screenOf({ keys: ["?"], rows: 120, columns: 100 });
  for (const { title } of KEY_TABLE) assert.ok(text.includes(title), title);
  const small = screenOf({ keys: ["?", "PageDown"] });
  assertFits(small, 80, 24);
  assert.doesNotMatch(small.text, /one line up/);
  const readOnly = screenOf({ keys: ["?"], rows: 120, columns: 100, options: { readOnly: true } });
  assert.match(readOnly.text, /X +refused, read-only: destroy at once/);
});

Deno.test("the palette finds, completes and tells what there is not", () => {
  const all = screenOf({ keys: [":"] });
  assertFits(all, 80, 24);
  assert.match(all.text, /Command palette[^]*open the selected domain/);
  assert.match(screenOf({ keys: ["Down", ":", '"unpause"'] }).text, /▸ xenolith unpause web +let it go on/);
  assert.match(
    screenOf({ keys: [":", '"migrate"'] }).text,
    /xenolith migrate +not available in this version/,
  );
  assert.match(screenOf({ keys: [":", '"list -l"'] }).text, /▸ run: xenolith list -l/);
  assert.match(screenOf({ keys: [":", '"save web"', "Enter"] }).text, /save: not available in this version/);
});

Deno.test("dialogs of devices: a disk's specification, an interface's settings, a list to detach from", () => {
  const disk = screenOf({ keys: ["Down", "A", '"x"', "Enter"] });
  assertFits(disk, 80, 24);
  assert.match(disk.text, /Disk for web[^]*FILE,raw,xvdb,rw as in a configuration[^]*> x[^]*expected FILE/);
  assert.match(screenOf({ keys: ["Down", "L"] }).text, /Interface for web[^]*mac=\.\.\., bridge=/);
  const list = screenOf({ keys: ["Down", "J"] });
  assertFits(list, 80, 24);
  assert.match(list.text, /Detach a device of web[^]*▸ disk xvda[^]*interface 0[^]*detach/);
  assert.match(screenOf({ keys: ["J"] }).text, /Detach a device of Domain-0[^]*no such device/);
});

Deno.test("dialogs: destroy, memory, weight and cap, columns, create", () => {
  const confirm = screenOf({ keys: ["Down", "X", '"mail"', "Enter"] });
  assertFits(confirm, 80, 24);
  assert.match(
    confirm.text,
    /Destroy web\?[^]*Type its name to confirm: mail[^]*that is not "web": nothing was done/,
  );
  assert.match(screenOf({ keys: ["Down", "M"] }).text, /Memory of web[^]*at most 256[^]*> 192/);
  assert.match(
    screenOf({ keys: ["Down", "W", "Up", "Right"] }).text,
    /Weight and cap of web[^]*272[^]*\(now 256\)[^]*5 %[^]*\(now none\)/,
  );
  assert.match(screenOf({ keys: ["c", "Down", "Space"] }).text, /▸ \[ \] ID[^]*\[x\] STATE/);
  assert.match(screenOf({ keys: ["C"] }).text, /Create a domain from a configuration[^]*looking \.\.\./);
});

Deno.test("the filter shows what it leaves, with the letters that it found", () => {
  const { text, ansi } = screenOf({ keys: ["/", '"wb"'] });
  assert.match(text, /Domains 1\/3/);
  assert.doesNotMatch(text, /^mail/m);
  assert.match(ansi, /w\x1b\[[\d;]*m.*e\x1b\[[\d;]*m.*b/);
  assert.match(screenOf({ keys: ["/", '"zz"'] }).text, /no domain's name has the letters of "zz"/);
});

Deno.test("ASCII: nothing that a terminal of another locale could not show, in any view", () => {
  const views = [[], ["1"], ["4"], ["p"], ["?"], [":"], ["c"], ["W"], ["X"], ["/", '"w"']];
  for (const environment of [{ TERM: "xterm", LANG: "" }, { TERM: "linux", LANG: "C" }]) {
    for (const keys of views) {
      const { text } = screenOf({ environment, keys: ["Down", ...keys], detail: { inspection: INSPECTION } });
      assert.match(text, /^[\x20-\x7e\n]*$/, keys.join(" "));
    }
  }
  assert.match(screenOf({ options: { ascii: true } }).text, /^[\x20-\x7e\n]*$/);
});

Deno.test("NO_COLOR: no colours, only shapes", () => {
  const { ansi } = screenOf({ environment: { ...UNICODE, NO_COLOR: "1" } });
  assert.doesNotMatch(ansi, /\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9\d|10\d)[;m]/);
  assert.match(ansi, /\x1b\[7m/);
});

Deno.test("every theme draws every view", () => {
  const { names } = new Looks({ get: () => undefined }, { ascii: false });
  assert.ok(names.length >= 4);
  for (const theme of names) assert.match(screenOf({ options: { theme } }).text, /^web/m);
});

Deno.test("a lost xend: a bar, the old figures grey", () => {
  const connection = { kind: "lost", since: 1_700_000_000_000, message: "it does not answer" } as const;
  const { text, ansi } = screenOf({ connection });
  assert.match(text, /xend is lost since \d\d:\d\d:\d\d \(1 min\): it does not answer/);
  assert.match(text, /^web/m);
  const colours = (screen: string) => new Set(screen.match(/\x1b\[38;5;\d+m/g) ?? []).size;
  assert.ok(colours(ansi) < colours(screenOf().ansi));
});

Deno.test("a hundred domains: a window of rows around the selected one", () => {
  const names = Array.from({ length: 100 }, (_, index) => `guest-${String(index).padStart(3, "0")}`);
  const top = screenOf({ names });
  assertFits(top, 80, 24);
  assert.match(top.text, /\d+ domains below/);
  const end = screenOf({ names, keys: ["End"] });
  assert.match(end.text, /guest-099/);
  assert.match(end.text, /\d+ domains above/);
  assert.equal(end.state.selected, "00000000-0000-0000-0000-000000000100");
  const middle = screenOf({ names, keys: ["PageDown", "PageDown", "PageDown"] });
  assert.match(middle.text, /above, \d+ domains? below/);
  assertFits(screenOf({ names, keys: ["V", "N", "B", "R", "End"] }), 80, 24);
});

Deno.test("names and texts from outside cannot control the terminal", () => {
  const evil = "a\x1b[31m\u202eb\u0007";
  const { ansi } = screenOf({
    names: [evil],
    notices: [{ at: 0, severity: "info", domain: evil, text: evil }],
    keys: ["Down", "X"],
  });
  assert.doesNotMatch(ansi, /\x1b\[31m|\u202e|\u0007/);
  assert.match(ansi, /a\?\[31m\?b\?/);
});
