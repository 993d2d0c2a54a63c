/** xm's files, each construct by itself. */
import assert from "node:assert/strict";
import { BARE_ENVIRONMENT, ConfigError, type PythonEnvironment, showConfig } from "./mod.ts";

const HOST: PythonEnvironment = {
  variables: { HOME: "/root", XEN_BRIDGE: "xenbr7" },
  uname: ["Linux", "dom0", "6.1.0", "#1 SMP", "x86_64"],
  directory: "/etc/xen",
  fileKind: (path) => path === "/etc/xen/there" ? "file" : undefined,
};

function keys(text: string, ...overrides: string[]) {
  return showConfig({ name: "f", text }, overrides, HOST).keys;
}

function fault(text: string, ...overrides: string[]): string {
  try {
    keys(text, ...overrides);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.split("\n")[0];
  }
  return "";
}

Deno.test("strings are joined and formatted, integers calculated", () => {
  assert.deepEqual(
    keys(`
n = 3
name = "vm" + str(n) + '-' + "a" 'b'
memory = 2 * (128 + n) // 3 - 7 % 4
disk = ["phy:vg/%s%02d,%s,%c" % ("root", n, 'xvda', "w"), 'file:%(a)s,%(b)s,r' % {"a": "/x", "b": "xvdb"}]
vif = ['mac=00:16:3e:%02x:%02X:%s' % (10, 11, "00")]
extra = """two
lines""" + r"\\d" + '\\x41\\102'
bits = 1 << 4 | 3
neg = -(-2) ** 3
text = "{0}/{1:>4}/{x}".format(1, "a", x=[1, 'b'])
f = 7 / 2
`),
    {
      n: 3,
      name: "vm3-ab",
      memory: 84,
      disk: ["phy:vg/root03,xvda,w", "file:/x,xvdb,r"],
      vif: ["mac=00:16:3e:0a:0B:00"],
      extra: "two\nlines\\dAB",
      bits: 19,
      neg: 8,
      text: "1/   a/[1, 'b']",
      f: 3,
    },
  );
});

Deno.test("a file is run: if, for, while, def, try, comprehensions", () => {
  assert.deepEqual(
    keys(`
def mac(i, prefix="00:16:3e", *rest):
    """What a docstring says."""
    if i > 9:
        return None
    elif i == 0: return prefix
    else:
        return prefix + ":00:00:%02d" % i

vif = []
for i in range(1, 4):
    if i == 2: continue
    vif.append("mac=" + mac(i))
else:
    vif += ["bridge=x"]
while len(vif) < 5:
    vif.insert(0, '')
    if len(vif) == 4: break
try:
    memory = undefined_name
except NameError:
    memory = 64
finally:
    vcpus = 2
cpus = ["%d" % c for c in range(4) if c % 2]
table = dict([(k, k * 2) for k in "ab"])
name = "x" if memory > 32 and not vcpus == 1 else "y"
a, (b, c) = 1, [2, 3]
del a
`),
    {
      vif: ["", "mac=00:16:3e:00:00:01", "mac=00:16:3e:00:00:03", "bridge=x"],
      i: 3,
      memory: 64,
      vcpus: 2,
      cpus: ["1", "3"],
      table: { a: "aa", b: "bb" },
      name: "x",
      b: 2,
      c: 3,
    },
  );
});

Deno.test("the variables can be formatted by name", () => {
  assert.deepEqual(
    keys(`
def path(vg):
    size = 4
    return '%(vg)s-%(size)d' % locals()
name = 'g'
root = path("a") + '/%(name)s' % globals() + '%(name)s' % vars()
`),
    { name: "g", root: "a-4/gg" },
  );
});

Deno.test("modules tell what the environment that was given says", () => {
  assert.deepEqual(
    keys(`import os, re, string, time
import os.path as p
from os.path import basename
arch = os.uname()[4]
if os.uname()[0] == 'Linux' and re.search('64$', arch):
    lib = 'lib64'
bridge = os.environ['XEN_BRIDGE'] + os.environ.get("NONE", "-") + os.getenv('HOME')
path = p.join(os.getcwd(), "a", "../b") + ";" + basename("/x/y.img") + ";" + p.splitext("y.tar.gz")[1]
there = os.path.exists("there"); absent = os.path.isfile("/nowhere")
m = re.match(r'(?P<base>[a-z]+)(\\d+)?', 'sda12')
parts = [m.group('base'), m.group(2), re.sub(r'\\s+', '_', 'a  b c')]
up = string.upper("abc") + string.join(["a", "b"], "+") + string.digits[:3]
`),
    {
      arch: "x86_64",
      lib: "lib64",
      bridge: "xenbr7-/root",
      path: "/etc/xen/a/../b;y.img;.gz",
      there: true,
      absent: false,
      parts: ["sda", "12", "a_b_c"],
      up: "ABCa+b012",
    },
  );
  assert.match(fault("import os\nos.environ['A'] = 'b'\n"), /f:2:1: TypeError: os.environ is read only/);
  const bare = () =>
    showConfig({ name: "f", text: "import os\nx = os.path.exists('/etc')\n" }, [], BARE_ENVIRONMENT);
  assert.throws(bare, /f:2:5: os.path.exists\(\), which looks at files,/);
});

Deno.test("names from the command line are variables, and settings in the end", () => {
  const text = `def check(var, val):
    val = int(val)
    if val <= 0:
        raise ValueError
    return val
xm_vars.var('vmid', use="which one", check=check)
xm_vars.check()
name = "VM%d" % vmid
memory = 32
`;
  assert.deepEqual(keys(text, "vmid=4", "memory=64"), { vmid: 4, memory: 64, name: "VM4" });
  assert.match(fault(text), /f:7:1: the variable vmid is not given: write vmid=VALUE behind the file/);
  assert.match(fault(text, "vmid=0"), /f:4:9: ValueError/);
  assert.deepEqual(keys('name = "g%d" % vmid\nextra = who + "!"\n', "vmid=2", "who=me", "extra+=?"), {
    vmid: 2,
    who: "me",
    name: "g2",
    extra: "me!?",
  });
  assert.match(
    fault('name = "g%d" % vmid\n'),
    /f:1:16: the name vmid is not defined; give it behind the file: vmid=1/,
  );
});

Deno.test("what is not read is named, with its place", () => {
  const cases: [string, RegExp][] = [
    ["x = 1\nclass A:\n    pass\n", /f:2:1: a class:/],
    ["with x as y:\n    pass\n", /f:1:1: a "with" statement/],
    ["import subprocess\n", /f:1:1: the module subprocess/],
    ["import os\nx = -1\nos.system('true')\n", /f:3:1: os.system\(\)/],
    ["x = [open('/etc/passwd').read()]\n", /f:1:6: open\(\)/],
    ["x = eval('1+1')\n", /f:1:5: eval\(\)/],
    ["x = __import__('os')\n", /f:1:5: __import__\(\)/],
    ["x = f'{y}'\n", /f:1:5: an f-string/],
    ["x = {1, 2}\n", /f:1:6: a set/],
    ["def f():\n    yield 1\n", /f:2:5: "yield"/],
    ["x = 'a' + 1\n", /f:1:9: TypeError: can only concatenate/],
    ["import os\nx = (1,\n  2\n", /a bracket is still open at the end/],
    ["if 1:\nx = 2\n", /f:2:1: expected an indented block, found "x"/],
    ["def f():\n    return f()\nx = f()\n", /nests calls or values too deeply/],
    ["while 1:\n    pass\n", /runs for too long/],
    ["x = 'a' * 10 ** 12\n", /needs too much memory/],
    ["x = 10 ** 10 ** 10\n", /makes too long a number/],
    ["l = [0]\nwhile 1: l = l + l\n", /needs too much memory/],
    ["import re\nx = re.match('(a*)*b', 'a' * 40)\n", /runs for too long/],
    ["a = [1]\na.append(a)\nb = -1\n", /nests calls or values too deeply/],
    [`import os\nx = ${"(".repeat(5000)}${")".repeat(5000)}\n`, /f:2:\d+: this is nested too deeply/],
    ["import sys\nsys.exit('no')\n", /f:2:1: the configuration ends itself with no/],
  ];
  for (const [text, expected] of cases) assert.match(fault(text), expected, text.slice(0, 60));
});

Deno.test("a Python variable is no unknown key when the program reads it; a misspelt key is told", () => {
  const text = 'import os\nvg = "/dev/vg"\nmemroy = 64\nNAME = 1\ndisk = ["phy:%s/a,xvda,w" % vg]\n';
  const { diagnostics } = showConfig({ name: "f", text }, [], HOST);
  assert.deepEqual(diagnostics.map(({ message }) => message), ["unknown key memroy; did you mean memory?"]);
});

Deno.test("where xl reads a file its reading wins; what xl only minds is read all the same", () => {
  assert.deepEqual(keys('a = "\\\\101\\101"\n'), { a: "\\101" });
  assert.deepEqual(keys('a = "\\x41"\n'), { a: "A" });
  assert.deepEqual(keys("a = 010\n"), { a: 8 });
  assert.deepEqual(keys("a = 1 # no line feed"), { a: 1 });
  assert.deepEqual(keys("a = 'x'\r\nb = [ 1,\r\n 2 ]\r\n"), { a: "x", b: [1, 2] });
  assert.deepEqual(keys("\ufeffa = 'x'\n"), { a: "x" });
  assert.deepEqual(keys("a = ('x',\n 'y')\nb = True\nc = None\nd = 1.5\ne = -7\n"), {
    a: ["x", "y"],
    b: true,
    c: null,
    d: 1.5,
    e: -7,
  });
});
