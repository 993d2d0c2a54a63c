import assert from "node:assert/strict";
import fc from "fast-check";
import { TOP_COLUMNS } from "../../core/toolstack/format/top.ts";
import { cell, type ColumnContext, COLUMNS, firstPan, fitColumns, headerCell } from "./columns.ts";
import { fuzzyFind, fuzzyMatch, matchIndices } from "./fuzzy.ts";
import { NO_RATES } from "../../core/toolstack/format/rates.ts";
import { rowWindow, tableRows } from "./table.ts";
import { domain, vbd, vcpu, vif } from "./testing.ts";
import type { DomainRow, Rates } from "./types.ts";

const CONTEXT: ColumnContext = {
  totalMemoryKiB: 1048576,
  sparkline: (series, width, most) => `${series.length}/${width}/${most}`,
};

function row(
  fields: Parameters<typeof domain>[1] & { domid: number },
  rates: Partial<Rates> = {},
): DomainRow {
  return {
    figures: domain(fields.domid, fields),
    rates: { ...NO_RATES, ...rates },
    vcpuPercent: [],
    history: { cpu: [1, 2], memory: [], network: [], disk: [] },
  };
}

const WEB = row({
  domid: 3,
  name: "webserver-long-name",
  seconds: 12.9,
  memoryKiB: 131072,
  maxMemoryKiB: 262144,
  vcpus: [vcpu(0), vcpu(1), vcpu(2, { online: false })],
  vifs: [vif(0, 3000, 10_240), vif(1, 1000, 1)],
  vbds: [vbd(1, { reads: 5, writes: 6, readSectors: 70, writtenSectors: 80, outOfRequests: 1 })],
  weight: 512,
  cap: 50,
}, { cpuPercent: 49.96, netTx: 2048, vbdReads: 0.5, instructions: 1.5e8 });

Deno.test("columns: xentop's in its order and format, rates beside them", () => {
  const titles = COLUMNS.map(({ title }) => title);
  assert.deepEqual(titles.filter((title) => TOP_COLUMNS.some((column) => column.title === title)), [
    "NAME",
    "STATE",
    "CPU(sec)",
    "CPU(%)",
    "MEM(k)",
    "MEM(%)",
    "MAXMEM(k)",
    "MAXMEM(%)",
    "VCPUS",
    "NETS",
    "NETTX(k)",
    "NETRX(k)",
    "VBDS",
    "VBD_OO",
    "VBD_RD",
    "VBD_WR",
    "VBD_RSECT",
    "VBD_WSECT",
    "SSID",
  ]);
  assert.equal(new Set(COLUMNS.map(({ id }) => id)).size, COLUMNS.length);
  assert.equal(new Set(COLUMNS.map(({ rank }) => rank)).size, COLUMNS.length);
  assert.ok(COLUMNS.every(({ title, width, summary }) => title.length <= width && summary !== ""));
  const shown = Object.fromEntries(COLUMNS.map((column) => [column.id, column.text(WEB, CONTEXT)]));
  assert.deepEqual(shown, {
    "name": "webserver-long-name",
    "id": "3",
    "state": "--b---",
    "cpu-seconds": "12",
    "cpu": "50.0",
    "cpu-history": "2/12/200",
    "memory": "131072",
    "memory-percent": "12.5",
    "max-memory": "262144",
    "max-memory-percent": "25.0",
    "vcpus": "3",
    "weight": "512",
    "cap": "50",
    "insn-rate": "150M",
    "nets": "2",
    "net-tx": "10",
    "net-rx": "3",
    "net-tx-rate": "2.0K",
    "net-rx-rate": "0B",
    "vbds": "1",
    "vbd-oo": "1",
    "vbd-rd": "5",
    "vbd-wr": "6",
    "vbd-rd-rate": "0.5",
    "vbd-wr-rate": "0",
    "vbd-rsect": "70",
    "vbd-wsect": "80",
    "read-rate": "0B",
    "write-rate": "0B",
    "ssid": "0",
  });
  const dom0 = row({ domid: 0 });
  const max = COLUMNS.filter(({ id }) => id.startsWith("max-memory")).map((column) =>
    cell(column, dom0, CONTEXT)
  );
  assert.deepEqual(max, ["  no limit", "      n/a"]);
});

const lineWidth = (columns: readonly { width: number }[]) =>
  columns.reduce((sum, { width }) => sum + width + 1, -1);

Deno.test("as many columns as fit, in the table's order; the name takes what is left", () => {
  for (let width = 12; width < 400; width++) {
    const { columns, left } = fitColumns(width, { nameWidth: 40 });
    assert.ok(lineWidth(columns) <= width, `${width}`);
    assert.equal(columns.length + left.length, COLUMNS.length);
    assert.deepEqual(
      columns.map(({ id }) => id),
      COLUMNS.map(({ id }) => id).filter((id) => columns.some((column) => column.id === id)),
    );
    const line = columns.map((column) => cell(column, WEB, CONTEXT)).join(" ");
    assert.equal(line.length, lineWidth(columns));
    assert.equal(columns.map(headerCell).join(" ").length, line.length);
  }
  const ids = (width: number, hidden: string[] = []) =>
    fitColumns(width, { hidden }).columns.map(({ id }) => id);
  assert.deepEqual(ids(80), [
    "name",
    "state",
    "cpu",
    "cpu-history",
    "memory",
    "memory-percent",
    "vcpus",
    "net-tx-rate",
    "net-rx-rate",
  ]);
  assert.ok(ids(80, ["cpu-history"]).includes("cpu-seconds"));
  // All of xentop's from the width on that they have in batch mode.
  const xentops = ids(162);
  assert.deepEqual(
    COLUMNS.filter(({ id }) => xentops.includes(id)).map(({ title }) => title),
    TOP_COLUMNS.map(({ title }) => title),
  );
  assert.equal(ids(161).includes("ssid"), false);
  const wide = ids(200);
  assert.ok(xentops.every((id) => wide.includes(id)) && wide.includes("cpu-history"), wide.join(" "));
  // To who moves through them they come one after the other.
  const [name, , ...others] = COLUMNS.map(({ id }) => id);
  const moved = fitColumns(80, { hidden: ["id"], inOrder: true }).columns.map(({ id }) => id);
  assert.deepEqual(moved, [name, ...others.slice(0, moved.length - 1)]);
  assert.ok(moved.length > 5);
  assert.equal(fitColumns(400).left.length, 0);
  // A step to the right shows, at every width and whatever is hidden.
  for (const hidden of [[], ["state"], ["id", "state", "cpu"], COLUMNS.slice(2).map(({ id }) => id)]) {
    for (let width = 20; width < 400; width++) {
      const fitted = fitColumns(width, { hidden });
      const passed = COLUMNS.slice(1).filter(({ id }) => !hidden.includes(id)).slice(0, firstPan(fitted));
      const moved = fitColumns(width, { hidden: [...hidden, ...passed.map(({ id }) => id)], inOrder: true });
      if (fitted.columns.length < 2) continue;
      assert.ok(!moved.columns.some(({ id }) => id === fitted.columns[1].id), `${width}`);
      assert.ok(passed.slice(0, -1).every(({ id }) => fitted.left.some((column) => column.id === id)));
    }
  }
  const full = fitColumns(60, { nameWidth: 30, fullName: true }).columns[0];
  assert.equal(full.width, 30);
});

const rows = [
  row({ domid: 0 }, { cpuPercent: 10 }),
  row({ domid: 1, name: "web-1" }, { cpuPercent: 50 }),
  row({ domid: 2, name: "database" }, { cpuPercent: 50 }),
  row({ domid: 12, name: "web-2" }, { cpuPercent: 90 }),
];
const ids = (filter: string, column?: string, descending = true) =>
  tableRows(rows, { filter, sort: column === undefined ? undefined : { column, descending } }, CONTEXT)
    .map(({ row }) => row.figures.domid);

Deno.test("rows are filtered and sorted; equal ones stay in xend's order", () => {
  assert.deepEqual(ids(""), [0, 1, 2, 12]);
  assert.deepEqual(ids("", "cpu"), [12, 1, 2, 0]);
  assert.deepEqual(ids("", "cpu", false), [0, 1, 2, 12]);
  assert.deepEqual(ids("", "name", false), [0, 2, 1, 12]);
  assert.deepEqual(ids("", "max-memory"), [0, 1, 2, 12]);
  assert.deepEqual(ids("", "no such column"), [0, 1, 2, 12]);
  assert.deepEqual(ids("wb", "cpu"), [12, 1]);
  assert.deepEqual(ids(" 12 "), [12]);
  assert.deepEqual(ids("zzz"), []);
  const [first] = tableRows(rows, { filter: "wb2" }, CONTEXT);
  assert.deepEqual(first.positions, [0, 2, 4]);
});

Deno.test("fuzzy: best first, a capital means a capital, with positions", () => {
  assert.deepEqual(matchIndices("ps", ["pulse", "maps", "ps", "x"]), [2, 0, 1]);
  assert.deepEqual(matchIndices("", ["b", "a"]), [0, 1]);
  assert.equal(fuzzyMatch("D", "domain"), undefined);
  assert.deepEqual(fuzzyMatch("d0", "Domain-0")?.positions, [0, 7]);
  assert.deepEqual(fuzzyMatch("b", "éb")?.positions, [1]);
  assert.ok(fuzzyMatch("mem", "mem-set")!.score > fuzzyMatch("mem", "my example")!.score);
  assert.deepEqual(fuzzyFind("a", [{ n: "ba" }, { n: "a" }], ({ n }) => n).map(({ item }) => item.n), [
    "a",
    "ba",
  ]);
});

Deno.test("the window holds the selected row, fits, moves no more than it must and leaves no room empty", () => {
  const heights = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(
      heights,
      fc.integer({ min: 1, max: 30 }),
      fc.nat(99),
      fc.nat(120),
      (lines, height, at, before) => {
        const selected = at % lines.length;
        const sum = (from: number, to: number) =>
          lines.slice(from, to).reduce((total, line) => total + line, 0);
        const { start, end } = rowWindow(lines, height, selected, before);
        assert.ok(start <= selected && selected < end);
        assert.ok(sum(start, end) <= height || end - start === 1);
        if (end < lines.length) assert.ok(sum(start, end + 1) > height);
        if (end === lines.length && start > 0) assert.ok(sum(start - 1, end) > height);
        // Asked again, it does not move.
        assert.deepEqual(rowWindow(lines, height, selected, start), { start, end });
      },
    ),
  );
  const hundred = Array.from({ length: 100 }, () => 1);
  assert.deepEqual(rowWindow(hundred, 10, 5, 0), { start: 0, end: 10 });
  assert.deepEqual(rowWindow(hundred, 10, 10, 0), { start: 1, end: 11 });
  assert.deepEqual(rowWindow(hundred, 10, 40, 50), { start: 40, end: 50 });
  assert.deepEqual(rowWindow(hundred, 10, 99, 95), { start: 90, end: 100 });
  assert.deepEqual(rowWindow([], 10, 0, 3), { start: 0, end: 0 });
});
