/** No text makes the reader throw anything but ConfigError, or take long. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { formatDisk, parseDisk, SpecificationError } from "./devices/disk.ts";
import { formatVif, parseVif } from "./devices/vif.ts";
import {
  BARE_ENVIRONMENT,
  checkConfig,
  ConfigError,
  CONVERSION_TARGETS,
  convertConfig,
  readDomainConfig,
  showConfig,
} from "./mod.ts";

/** What nobody's file takes; a hang takes for ever. */
const LONG_MS = 10_000;

const SEED = Number(Deno.env.get("XENOLITH_SEED") ?? 20261121);
const RUNS = Number(Deno.env.get("XENOLITH_RUNS") ?? 1500);

/** Reads a text in every way there is; only ConfigError may come out, and it has a place in the text. */
function readEveryWay(text: string, overrides: readonly string[]): void {
  const source = { name: "f", text };
  const began = performance.now();
  const ways = [
    () => JSON.stringify(showConfig(source, overrides, BARE_ENVIRONMENT)),
    () => readDomainConfig(source, overrides),
    ...CONVERSION_TARGETS.map((target) => () => convertConfig(source, target, { overrides })),
  ];
  for (const way of ways) {
    try {
      way();
    } catch (error) {
      assert.ok(
        error instanceof ConfigError,
        `${error instanceof Error ? error.stack : error}\n${JSON.stringify(text)}`,
      );
      for (const { span } of error.diagnostics) {
        assert.ok(
          span.start.line >= 1 && span.start.column >= 1 && span.start.offset <= span.source.text.length,
        );
      }
    }
  }
  checkConfig([source], { environment: BARE_ENVIRONMENT, overrides });
  const took = performance.now() - began;
  assert.ok(took < LONG_MS, `${took} ms for ${JSON.stringify(text.slice(0, 500))}`);
}

const WORDS =
  ("name memory disk vif vcpus kernel extra cpus on_crash uuid type builder vnuma a b i x def if elif else for while in " +
    "not and or is lambda return import os re from try except finally raise print pass break continue global del assert None True " +
    "range len str int sorted map join format split append replace upper os.environ os.path.join re.sub xm_vars vmid class yield")
    .split(" ");

const PIECES = [
  ...WORDS.map((word) => `${word} `),
  ..."= == += -= *= ** // << >> % + - * / & | ^ ~ < > != ( ) [ ] { } , : ; . @ ` # \\ ' \" \n \t".split(" "),
  "\n",
  "\n    ",
  "\n        ",
  " ",
  "'a'",
  '"%s%d"',
  "'''",
  "r'(a*)*'",
  "0",
  "1",
  "-1",
  "0x1f",
  "017",
  "1e9",
  "99999999999999999999",
  "'phy:/dev/x,xvda,w'",
  "'mac=00:16:3e:1:2:3'",
  "\r\n",
  "\0",
  "é",
  "😀",
  "\ud800",
  "'x' * 99999999",
  "10 ** 9 ** 9",
  "[0] * 99999999",
  "while 1: pass",
  "def f(): return f()\n",
  "f()",
];

const text = fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((pieces) => pieces.join(""));

Deno.test("any text of the languages' words is read, or refused with ConfigError", () => {
  fc.assert(
    fc.property(
      text,
      fc.array(fc.constantFrom("vmid=1", "memory=x", "a+=[1]", "=", "a", "é=1"), { maxLength: 2 }),
      readEveryWay,
    ),
    { numRuns: RUNS, seed: SEED },
  );
});

Deno.test("any text at all is read, or refused with ConfigError", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), (any) => readEveryWay(any, [])), {
    numRuns: RUNS,
    seed: SEED,
  });
});

Deno.test("programs that want all memory and time are given up", () => {
  const greedy = [
    "a = 'x'\nwhile True:\n    a = a + a\n",
    "a = []\nwhile True:\n    a.append(a)\n",
    "a = [[]]\nfor i in range(60):\n    a = [a, a]\n",
    "a = 1\nwhile True:\n    a = a * 3\n",
    "d = {}\ni = 0\nwhile True:\n    d[i] = 'x' * 1000\n    i += 1\n",
    "a = [i for i in range(10 ** 12)]\n",
    "a = range(10 ** 9)\n",
    "a = '%*d' % (10 ** 9, 1)\n",
    "a = '%.999999999f' % 1.5\n",
    "a = '{:>999999999}'.format(1)\n",
    "a = 'x'.ljust(10 ** 10)\n",
    "a = 'x'.join(['y' * 1000] * 100000)\n",
    "a = ('x' * 100000).replace('x', 'y' * 100000)\n",
    "a = ('x' * 1000000).split('x')\n",
    "a = ('a' * 2000000).count('a')\nb = -1\n",
    "import re\na = re.sub('', 'x' * 1000, 'y' * 100000)\n",
    "import re\na = re.search('(x+x+)+y', 'x' * 100)\n",
    "import re\na = re.compile('(((a{1000}){1000}){1000}){1000}')\n",
    "import re\na = re.findall('(a|b)*?c', 'ab' * 100000)\n",
    "a = 1 << 10 ** 12\n",
    "a = 2 ** -1 ** 1\nb = 7 ** 99999\n",
    "f = lambda n: f(n - 1) + f(n - 2)\na = f(50)\n",
    "f = lambda n: n if n < 2 else f(n - 1) + f(n - 2)\na = f(40)\n",
    "def f(*a): return f(*(a + a))\nx = f(1)\n",
    "a = sorted(range(100000), key=lambda v: -v)\nb = -1\n",
    "t = ()\nfor i in range(100000):\n    t = (t,)\nd = {t: 1}\n",
    "try:\n    while True: pass\nexcept Exception:\n    a = 1\n",
    `a = ${"[".repeat(3000)}${"]".repeat(3000)}\nb = -1\n`,
    `a = ${"-".repeat(100000)}1\n`,
    `a = ${"1 + ".repeat(50000)}1\n`,
    `a = ${"not ".repeat(50000)}1\n`,
    `a = ${"f".repeat(1000000)}()\n`,
    `a = f${"()".repeat(100000)}\n`,
    `a = x${".y".repeat(100000)}\n`,
    `a = ${"'x' ".repeat(100000)}\n`,
    `${"if 1:\n ".repeat(1)}${
      Array.from({ length: 300 }, (_, depth) => `${" ".repeat(depth + 1)}if 1:\n`).join("")
    }`,
    `a = '${"\\x41".repeat(200000)}'\n`,
    `a = "${"%".repeat(200000)}" % 1\n`,
    `a = "${"{".repeat(200001)}".format(1)\n`,
    `a = [ ${"'x', ".repeat(200000)} ]\n`,
    `${"# x\n".repeat(200000)}a = -1\n`,
    `${"a = 1\n".repeat(50000)}b = -1\n`,
    `disk = [ '${",".repeat(100000)}' ]\n`,
    `disk = [ '${"tap:".repeat(20000)}x,xvda,w' ]\n`,
    `vif = [ '${"a=b,".repeat(100000)}' ]\n`,
    `a${"a".repeat(100000)} = 1\n`,
    "x".repeat(5 << 20),
  ];
  for (const program of greedy) {
    const began = performance.now();
    try {
      JSON.stringify(showConfig({ name: "f", text: program }, [], BARE_ENVIRONMENT));
    } catch (error) {
      assert.ok(error instanceof ConfigError, `${error instanceof Error ? error.stack : error}`);
    }
    const took = performance.now() - began;
    assert.ok(took < LONG_MS, `${took} ms for ${JSON.stringify(program.slice(0, 200))}`);
  }
});

Deno.test("a list nested a thousand deep is read, a deeper one is refused", () => {
  const nested = (depth: number) => `a = ${"[".repeat(depth)}${"]".repeat(depth)}\n`;
  showConfig({ name: "f", text: nested(1000) }, [], BARE_ENVIRONMENT);
  assert.throws(() => showConfig({ name: "f", text: nested(1001) }, [], BARE_ENVIRONMENT), ConfigError);
});

const value = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.array(fc.oneof(fc.string({ unit: "grapheme" }), fc.array(fc.string(), { maxLength: 3 })), {
    maxLength: 4,
  }),
  fc.nat(),
);

Deno.test("what is converted to xl is the same configuration", () => {
  let converted = 0;
  const key = fc.constantFrom(
    "name",
    "extra",
    "kernel",
    "unknown_key",
    "bootloader_args",
    "vnuma2",
    "memory2",
  );
  fc.assert(
    fc.property(fc.dictionary(key, value, { maxKeys: 5 }), (settings) => {
      // A Python text of the values; xl's reading of what comes out has to be the same.
      const lines = Object.entries(settings).map(([name, held]) => `${name} = ${JSON.stringify(held)}\n`);
      const source = { name: "f", text: `${lines.join("")}xl_refuses_this = (1)\n` };
      let before;
      try {
        before = showConfig(source, [], BARE_ENVIRONMENT);
        const { text } = convertConfig(source, "xl");
        const after = showConfig({ name: "g", text }, [], BARE_ENVIRONMENT);
        assert.deepEqual(after.effective, before.effective, text);
        converted++;
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
      }
    }),
    { numRuns: 300, seed: SEED },
  );
  assert.ok(converted > 100, String(converted));
});

Deno.test("disk and vif specifications are read or refused, and written so that they are read the same", () => {
  const parts =
    ("phy: file: tap:aio: qcow2: nbd: /dev/x xvda hda:cdrom , , , , r w ro raw qcow2 format=raw vdev=xvda target=/a,b access=r " +
      "cdrom devtype=cdrom backend=d backendtype=phy script=s direct-io-safe discard no-discard colo-port=3 foo=bar = mac=0:1:2:3:4:5 " +
      "bridge=xenbr0 rate=10Mb/s@20ms type=vif model=e1000 ip=10.0.0.1 trusted devid=3 mtu=9000 vifname=v")
      .split(" ");
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...parts, " "), { maxLength: 9 }),
      fc.constantFrom("", ","),
      (pieces, glue) => {
        const spec = pieces.join(glue);
        try {
          const disk = parseDisk(spec);
          if (!disk.target.endsWith(",")) assert.deepEqual(parseDisk(formatDisk(disk)), disk, spec);
        } catch (error) {
          assert.ok(error instanceof SpecificationError, spec);
        }
        try {
          const vif = parseVif(spec, 0);
          assert.deepEqual(parseVif(formatVif(vif, 0), 0), vif, spec);
        } catch (error) {
          assert.ok(error instanceof SpecificationError, spec);
        }
      },
    ),
    { numRuns: 3000, seed: SEED },
  );
});
