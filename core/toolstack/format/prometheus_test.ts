/** The exposition is read back by the format's rules (prometheus.io, "Exposition formats"), each of which a scrape would fail by. */
import assert from "node:assert/strict";
import type { MachineFigures } from "../api/figures.ts";
import { prometheusText } from "./prometheus.ts";
import { FIGURES, GUEST_FIGURES, VIF_FIGURES } from "./testing.ts";

interface Read {
  readonly type: string;
  /** By their labels as JSON. */
  readonly samples: Map<string, number>;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const at = LABEL.lastIndex;
    const match = LABEL.exec(text);
    assert.ok(match !== null, `labels at ${text.slice(at)}`);
    assert.ok(!(match[1] in labels) && !match[1].startsWith("__"), match[1]);
    labels[match[1]] = match[2].replace(/\\(.)/g, (_, letter) => letter === "n" ? "\n" : letter);
  }
  return labels;
}

/** Families by name; throws for what Prometheus would refuse. */
function read(text: string): Map<string, Read> {
  assert.ok(text.endsWith("\n"), "the last line ends with a line feed");
  const families = new Map<string, Read>();
  let current: string | undefined, help: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === "HELP") {
      assert.match(rest, /^(?:[^\\]|\\[\\n])*$/);
      help = name;
    } else if (kind === "TYPE") {
      assert.equal(help, name, `${name} has help before its type`);
      assert.match(name, NAME);
      assert.ok(["counter", "gauge"].includes(rest), line);
      assert.equal(name.endsWith("_total"), rest === "counter", line);
      assert.ok(!families.has(name), `${name} comes twice`);
      families.set(current = name, { type: rest, samples: new Map() });
    } else {
      const match = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      assert.ok(match !== null, line);
      assert.equal(match[1], current, `${line} stands among the samples of ${current}`);
      const value = Number(match[3]);
      assert.ok(Number.isFinite(value), line);
      const samples = families.get(match[1])?.samples;
      const labels = JSON.stringify(readLabels(match[2] ?? ""));
      assert.ok(samples !== undefined && !samples.has(labels), `${line} comes twice`);
      samples.set(labels, value);
    }
  }
  return families;
}

Deno.test("every family has help, a type and its samples together, none twice; values are what the figures say", () => {
  const families = read(prometheusText(FIGURES));
  const value = (name: string, labels: Record<string, string>) =>
    families.get(name)?.samples.get(JSON.stringify(labels));
  const guest = { domain: "lin-cloud-pv", domid: "1" };
  assert.equal(value("xen_domain_cpu_seconds_total", guest), 0.04);
  assert.equal(value("xen_domain_memory_bytes", guest), 262144 * 1024);
  assert.equal(value("xen_domain_memory_max_bytes", { domain: "Domain-0", domid: "0" }), undefined);
  assert.equal(value("xen_domain_hypercalls_total", { ...guest, name: "mmu_update" }), 12);
  assert.equal(value("xen_domain_exits_total", { ...guest, reason: "HLT" }), 3);
  assert.equal(value("xen_domain_tlb_misses_total", guest), 100);
  assert.equal(value("xen_domain_instructions_total", { ...guest, tier: "interpreted" }), 5000);
  assert.equal(value("xen_domain_state", { ...guest, state: "paused" }), 1);
  assert.equal(value("xen_vcpu_online", { ...guest, vcpu: "1" }), 0);
  assert.equal(value("xen_vbd_reads_total", { ...guest, device: "51712" }), 0);
  assert.equal(value("xen_pcpu_busy", { pcpu: "0" }), 1);
});

Deno.test("names and labels are escaped, and two domains of one name are two", () => {
  const name = 'a\\b"c\nd, e="f"';
  const domains = [1, 2].map((domid) => ({
    ...GUEST_FIGURES,
    name,
    domid,
    vifs: [VIF_FIGURES],
    counters: { 'hypercall "x\\': 1, "odd-Näme": 2 },
  }));
  const families = read(prometheusText({ ...FIGURES, domains } satisfies MachineFigures));
  const samples = families.get("xen_domain_hypercalls_total")?.samples;
  assert.deepEqual(
    [...samples?.keys() ?? []].map((labels) => JSON.parse(labels)),
    [1, 2].map((domid) => ({ domain: name, domid: String(domid), name: '"x\\' })),
  );
  assert.equal(families.get("xen_domain_odd__n_me_total")?.samples.size, 2);
});
