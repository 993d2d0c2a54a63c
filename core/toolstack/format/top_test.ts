/** xentop's table against a transcript of the real one; the same for machines. */
import assert from "node:assert/strict";
import type { DomainFigures, MachineFigures } from "../api/figures.ts";
import { machineRates } from "./rates.ts";
import { DOM0_FIGURES, FIGURES, GUEST_FIGURES, VCPU_FIGURES, VIF_FIGURES } from "./testing.ts";
import { topDomains, topTable } from "./top.ts";
import { topCsv, topCsvHeader, topJson } from "./top_records.ts";

const lines = (...all: string[]) => all.map((line) => `${line}\n`).join("");
const HEADER =
  "      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k) MAXMEM(%) VCPUS NETS NETTX(k) NETRX(k) VBDS   VBD_OO   VBD_RD   VBD_WR  VBD_RSECT  VBD_WSECT SSID";
const { node } = FIGURES;

const later = (seconds: number, ...domains: DomainFigures[]): MachineFigures => ({
  ...FIGURES,
  clock: FIGURES.clock + seconds * 1000,
  domains,
});

Deno.test("xentop -b", () => {
  assert.equal(
    topTable(topDomains(FIGURES), node),
    lines(
      HEADER,
      "  Domain-0 -----r         11    0.0    1048576   33.3   no limit       n/a     1    0        0        0    0        0        0        0          0          0    0",
      "lin-cloud- ----p-          0    0.0     262144    8.3     205824       6.5     2    0        0        0    1        0        0        0          0          0    0",
    ),
  );
  const busy = later(2, { ...DOM0_FIGURES, seconds: 11.8 }, GUEST_FIGURES);
  assert.match(
    topTable(topDomains(busy, machineRates(FIGURES, busy)), node),
    /\n {2}Domain-0 -----r {9}11 {4}5\.0 {4}1048576/,
  );
  assert.equal(
    topTable(topDomains(FIGURES), node, { fullName: true, networks: true, vbds: true, vcpus: true }),
    lines(
      `  ${HEADER}`,
      "    Domain-0 -----r         11    0.0    1048576   33.3   no limit       n/a     1    0        0        0    0        0        0        0          0          0    0",
      "VCPUs(sec):   0:         11s",
      "lin-cloud-pv ----p-          0    0.0     262144    8.3     205824       6.5     2    0        0        0    1        0        0        0          0          0    0",
      "VCPUs(sec):   0:          0s",
      "VBD BlkBack 51712 [ca: 0]  OO:        0   RD:        0   WR:        0   RSECT:          0   WSECT:          0",
    ),
  );
});

Deno.test("xentop's rows of networks and many vCPUs, the header again", () => {
  const vcpus = Array.from({ length: 7 }, (_, id) => ({ ...VCPU_FIGURES, id, seconds: id * 10 }));
  const domains = topDomains(later(0, { ...GUEST_FIGURES, vcpus, vifs: [VIF_FIGURES] }));
  assert.equal(
    topTable(domains, node, { networks: true, vcpus: true, repeatHeader: true }),
    lines(
      HEADER,
      "lin-cloud- ----p-          0    0.0     262144    8.3     205824       6.5     7    1        2        3    1        0        0        0          0          0    0",
      "VCPUs(sec):   0:          0s  1:         10s  2:         20s  3:         30s  4:         40s",
      "          5:         50s  6:         60s",
      "Net0 RX:     4000bytes       30pkts        2err        1drop  TX:     2048bytes       20pkts        0err        0drop",
    ),
  );
});

Deno.test("a JSON object a sample: every column, rates, and what is below", () => {
  const after = later(2, {
    ...GUEST_FIGURES,
    seconds: 1.04,
    vifs: [{ ...VIF_FIGURES, txBytes: 6000 }],
    counters: { ...GUEST_FIGURES.counters, tlbMisses: 300 },
  }, DOM0_FIGURES);
  const text = topJson(after, topDomains(after, machineRates(FIGURES, after)));
  assert.equal(text.split("\n").length, 2);
  const { at, domains } = JSON.parse(text);
  assert.equal(at, 1_010_000);
  const [guest, dom0] = domains;
  assert.deepEqual(
    [guest.cpu_percent, guest.nettx_kib, guest.nettx_bytes_per_sec, guest.maxmem_percent, guest.vbds],
    [50, 5, 3000, 6.544, 1],
  );
  assert.equal(guest.counters_per_sec.tlbMisses, 100);
  assert.deepEqual([dom0.maxmem_kib, dom0.state.running], [null, true]);
});

Deno.test("CSV: a header and lines with as many fields, quoted where they must be", () => {
  const odd = later(0, { ...GUEST_FIGURES, name: 'a,"b"' });
  const csv = topCsv(odd, topDomains(odd));
  assert.match(csv, /^1970-01-01T00:16:50\.000Z,1,22f89fe5-[^,]*,"a,""b""",----p-,0\.04,0,262144,8\.334,/);
  const fields = csv.trimEnd().replace(/"(?:[^"]|"")*"/g, "quoted").split(",");
  assert.equal(fields.length, topCsvHeader().split(",").length);
});
