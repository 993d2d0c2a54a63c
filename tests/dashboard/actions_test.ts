/** What the dashboard does to domains, seen by other processes: each action by its key, as the command line that the log has. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertLogged, hasSelected, selectDomain } from "./domain_table.ts";
import { CLEAR_ESCAPE, keyBytes } from "./key_bytes.ts";
import { KEY } from "./screen_session.ts";
import { XendPlace } from "./xend_place.ts";

const place = new XendPlace();
Deno.test.beforeAll(() => place.start("alpha", "beta", "gamma"));
Deno.test.afterAll(() => place.stop());

const CLEAR_LINE = "\x15";

async function read(...words: string[]): Promise<string> {
  return (await place.succeeds(...words)).trimEnd();
}

async function store(name: string, node: string): Promise<string> {
  const domid = (await place.domain(name))?.domid;
  return await read("xenstore-read", `/local/domain/${domid}/${node}`);
}

place.test("P pauses the selected domain, U lets it go on", {}, async (top) => {
  await selectDomain(top, "beta");
  await top.press("P");
  await assertLogged(top, "xenolith pause beta");
  assert.equal((await place.domain("beta"))?.state.paused, true);
  await top.waitFor(/^beta +----p-/m);
  await top.press("U");
  await assertLogged(top, "xenolith unpause beta");
  assert.equal((await place.domain("beta"))?.state.paused, false);
  assert.equal((await place.domain("alpha"))?.state.paused, false);
  await top.waitFor(/^beta +--b---/m);
  // Both are told of as events.
  await top.press("e");
  await top.waitFor(/beta paused[^]*beta unpaused/);
});

place.test("H and O ask the guest to power off and to start again", {}, async (top) => {
  // These built-in guests do not listen: what they were asked stays in XenStore.
  await selectDomain(top, "alpha");
  await top.press("H");
  await assertLogged(top, "xenolith shutdown alpha");
  assert.equal(await store("alpha", "control/shutdown"), "poweroff");
  await selectDomain(top, "gamma");
  await top.press("O");
  await assertLogged(top, "xenolith reboot gamma");
  assert.equal(await store("gamma", "control/shutdown"), "reboot");
});

place.test("M asks how much memory, refuses what cannot be, and sets it", {}, async (top) => {
  await selectDomain(top, "beta");
  await top.press("M");
  await top.waitFor(/Memory of beta[^]*at most 16/);
  await top.press(CLEAR_LINE + "17\r");
  await top.waitFor(/its maximum is 16 MiB/);
  await top.press(CLEAR_LINE + "much\r");
  await top.waitFor(/expected MiB/);
  await top.press(CLEAR_LINE + "12\r");
  await assertLogged(top, "xenolith mem-set beta 12");
  assert.equal(await store("beta", "memory/target"), String(12 * 1024));
});

place.test("W: weight and cap by the arrows", {}, async (top) => {
  const parameters = async () => JSON.parse(await read("sched-credit", "-d", "alpha", "--json"))[0].scheduler;
  await selectDomain(top, "alpha");
  await top.press("W");
  await top.waitFor(/Weight and cap of alpha[^]*Weight +256 [^]*Cap +none/);
  await top.press(KEY.up.repeat(4) + KEY.right.repeat(3) + KEY.left);
  await top.waitFor(/Weight +320 .*now 256[^]*Cap +10 %/);
  await top.press(KEY.pageUp);
  await top.waitFor(/Weight +640 /);
  await top.press("\r");
  await assertLogged(top, "xenolith sched-credit -d alpha -w 640 -c 10");
  assert.deepEqual(await parameters(), { weight: 640, cap: 10 });
  // Esc leaves both as they are.
  await top.press("W" + KEY.down);
  await top.waitFor(/Weight +624 /);
  await top.press(CLEAR_ESCAPE);
  await top.waitWithout(/Weight and cap/);
  assert.deepEqual(await parameters(), { weight: 640, cap: 10 });
});

place.test("Y, Z and K: vCPUs, a magic key, a core dump", {}, async (top) => {
  await selectDomain(top, "beta");
  await top.press("Y");
  await top.waitFor(/vCPUs of beta[^]*1 to 1/);
  await top.press(CLEAR_LINE + "2\r");
  await top.waitFor(/expected a number from 1 to 1/);
  await top.press(CLEAR_LINE + "1\r");
  await assertLogged(top, "xenolith vcpu-set beta 1");
  await top.press("Z");
  await top.waitFor(/Magic key for beta/);
  await top.press("h\r");
  await assertLogged(top, "xenolith sysrq beta h");
  assert.equal(await store("beta", "control/sysrq"), "h");
  const file = join(place.directory, "beta.core");
  await top.press("K");
  await top.waitFor(/Core dump of beta/);
  await top.press(`${file}\r`);
  await top.waitFor(/xenolith dump-core beta .*: /);
  const dump = await Deno.readFile(file);
  assert.deepEqual([...dump.subarray(0, 4)], [0x7f, 0x45, 0x4c, 0x46]);
});

place.test(
  "A, L and J: a disk and an interface come and go",
  { size: { rows: 24, columns: 132 } },
  async (top) => {
    const image = join(place.directory, "disk.img");
    await Deno.writeFile(image, new Uint8Array(65536));
    const devices = async () =>
      (await Promise.all(["block-list", "network-list"].map((list) => read(list, "beta", "--json"))))
        .flatMap((text) =>
          JSON.parse(text).map(({ kind, devid }: Record<string, unknown>) => `${kind} ${devid}`)
        );
    await selectDomain(top, "beta");
    await top.press("A");
    await top.waitFor(/Disk for beta/);
    await top.press("what\r");
    await top.waitFor(/expected FILE,raw,xvdb,rw/);
    await top.press(`${CLEAR_LINE}${image},raw,xvdb,rw\r`);
    await assertLogged(top, `xenolith block-attach beta ${image},raw,xvdb,rw`);
    await selectDomain(top, "beta");
    await top.press("L");
    await top.waitFor(/Interface for beta/);
    await top.press("\r");
    await assertLogged(top, "xenolith network-attach beta");
    assert.deepEqual(await devices(), ["vbd 51728", "vif 0"]);
    // A second domain does not get the disk.
    await selectDomain(top, "alpha");
    await top.press("A");
    await top.press(`${image},raw,xvdb,rw\r`);
    await assertLogged(top, `xenolith block-attach alpha ${image},raw,xvdb,rw`, "FAILED");
    await selectDomain(top, "beta");
    await top.press("J");
    await top.waitFor(/Detach a device of beta[^]*disk xvdb[^]*interface 0/);
    await top.press(KEY.down + "\r");
    await assertLogged(top, "xenolith network-detach beta 0");
    assert.deepEqual(await devices(), ["vbd 51728"]);
    await selectDomain(top, "beta");
    await top.press("J");
    await top.waitFor((screen) =>
      /Detach a device of beta[^]*disk xvdb/.test(screen) && !screen.includes("interface 0")
    );
    await top.press("\r");
    await assertLogged(top, "xenolith block-detach beta xvdb");
    assert.deepEqual(await devices(), []);
  },
);

place.test("C offers the configurations here, takes any other file's path, and creates", {}, async (top) => {
  await top.press("C");
  await top.waitFor(/Create a domain from a configuration[^]*configs\/builtin\.cfg[^]*configs\/grub\.cfg/);
  await top.press("bltn");
  await top.waitFor((screen) =>
    screen.includes("configs/builtin.cfg") && !screen.includes("configs/grub.cfg")
  );
  await top.press("\r");
  await assertLogged(top, "xenolith create configs/builtin.cfg");
  await top.waitFor(/^builtin +--b---/m);
  const other = await place.file("other");
  await top.press("C");
  await top.waitFor(/configs\/grub\.cfg/);
  await top.press(`${other}\r`);
  await top.waitFor(/^other +--b---/m);
  assert.ok((await place.domain("other"))?.state.blocked);
  // A second one of that name is refused, in the command's own words.
  await top.press("C");
  await top.waitFor(/configs\/grub\.cfg/);
  await top.press(`${other}\r`);
  await assertLogged(top, `xenolith create ${other}`, "FAILED");
  await top.press("l");
  await top.waitFor(/FAILED +xenolith create .*\n(?: +.*\n)? +.*other .*already/);
});

place.test("T starts a managed domain that does not run", {}, async (top) => {
  await place.succeeds("new", await place.file("kept"));
  await top.press("T");
  await top.waitFor(/Start a managed domain[^]*kept/);
  await top.press("\r");
  await assertLogged(top, "xenolith start kept");
  await top.waitFor(/^kept +--b---/m);
  assert.notEqual((await place.domain("kept"))?.domid, undefined);
});

place.test("E renames, X destroys once its name is typed and refuses every other", {}, async (top) => {
  await place.create("doomed");
  await selectDomain(top, "doomed");
  await top.press("E");
  await top.waitFor(/New name of doomed/);
  await top.press(CLEAR_LINE + "17\r");
  await top.waitFor(/expected a name without blanks/);
  await top.press(CLEAR_LINE + "damned\r");
  await assertLogged(top, "xenolith rename doomed damned");
  assert.equal(await place.domain("doomed"), undefined);
  await selectDomain(top, "damned");
  await top.press("X");
  await top.waitFor(/Destroy damned\?/);
  await top.press("doomed\r");
  await top.waitFor(/that is not "damned": nothing was done/);
  await top.press(CLEAR_LINE + "\r");
  await top.waitFor(/that is not "damned": nothing was done/);
  assert.notEqual((await place.domain("damned"))?.domid, undefined);
  await top.press(CLEAR_LINE + "damned\r");
  await assertLogged(top, "xenolith destroy damned");
  assert.equal(await place.domain("damned"), undefined);
  await top.waitWithout(/^damned/m);
});

place.test("the palette: an entry by some of its letters, a command line as it is typed", {}, async (top) => {
  await selectDomain(top, "gamma");
  await top.press(":");
  await top.waitFor(/Command palette/);
  await top.press("unps");
  const found = await top.waitFor(/gamma: unpause/);
  assert.doesNotMatch(found, /gamma: rename/);
  await top.press(CLEAR_LINE + "paus");
  await top.waitFor(/gamma: pause/);
  await top.press("\r");
  await assertLogged(top, "xenolith pause gamma");
  assert.equal((await place.domain("gamma"))?.state.paused, true);
  // Its output is what one wants to see.
  await top.press(":unpause gamma\r");
  await top.waitFor(/done +xenolith unpause gamma/);
  await top.press(":sched-credit -d gamma -w 512\r");
  await top.waitFor(/done +xenolith sched-credit -d gamma -w 512/);
  assert.match(await read("sched-credit", "-d", "gamma"), /gamma +\d+ +512/);
  await top.press(":list gamma\r");
  await top.waitFor(/done +xenolith list gamma\n *Name .*Time\(s\)\n *gamma +\d+ .*\d\.\d$/m);
  await top.press(":frobnicate\r");
  await top.waitFor(/FAILED +xenolith frobnicate\n +.*frobnicate/);
  await top.press(":top\r");
  await top.waitFor(/you are in it/);
  await top.press(CLEAR_ESCAPE);
  await top.waitWithout(/Command palette/);
});

place.test(
  "a console: keys go to the guest and its answers come; ^] comes back to the same screen",
  {},
  async (top) => {
    await selectDomain(top, "beta");
    await top.press("V");
    await top.waitFor(/VCPUs\(sec\)/);
    await top.press("a");
    await top.waitFor(/\[console of beta: \^\] comes back[^]*Type help for the commands/);
    assert.equal(top.terminal.buffer.active.type, "normal");
    await top.press("help\r");
    await top.waitFor(/milliseconds since the host started/);
    // Keys of the dashboard are the guest's here.
    await top.press("q?X\x03\r");
    await top.waitFor(/No such command/);
    await top.press(keyBytes("^]"));
    const back = await top.waitFor(/xenolith console beta: done[^]*q quit/);
    assert.equal(top.terminal.buffer.active.type, "alternate");
    assert.match(back, /VCPUs\(sec\)/);
    assert.ok(hasSelected("beta")(back));
    assert.doesNotMatch(back, /No such command/);
    // What a guest said meanwhile is in its tab.
    await top.press("9");
    await top.waitFor(/Domain beta[^]*> help[^]*No such command/);
  },
);

place.test("a console whose domain ends gives the dashboard back", {}, async (top) => {
  await place.create("brief");
  await selectDomain(top, "brief");
  await top.press("a");
  await top.waitFor(/Type help/);
  await top.press("halt\r");
  await top.waitFor(/the console has ended/);
  await top.waitWithout(/^brief/m);
  await top.press("e");
  await top.waitFor(/brief .*(shut ?down|powered off|ended)/);
});

place.test("--readonly refuses each action in words, and offers none", {
  args: ["-d", "1", "--readonly"],
}, async (top) => {
  const hints = await top.waitFor(/read-only/);
  assert.doesNotMatch(hints.split("\n")[23], /create|destroy|console|pause/);
  await selectDomain(top, "alpha");
  const before = await read("list", "--json", "alpha");
  for (const key of "aPUHOXMYWEZKCT") {
    await top.press(key);
    await top.waitFor(/^read-only: "/m);
    await top.press("d");
    await top.waitFor(/Delay between refreshes/);
    await top.press(CLEAR_ESCAPE);
    await top.waitWithout(/Delay between refreshes/);
  }
  await top.press(":destroy alpha\r");
  await top.waitFor(/read-only: destroy is not run/);
  await top.press(CLEAR_LINE + "domstate alpha\r");
  await top.waitFor(/done +xenolith domstate alpha\n +\S+/);
  const after = JSON.parse(await read("list", "--json", "alpha"));
  assert.deepEqual(after.state, JSON.parse(before).state);
});
