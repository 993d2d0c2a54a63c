/** Disks and interfaces of stock Debian guests, judged by e2fsprogs, by what the guests count themselves, and by files on the host. Claims read what it prints. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Domain, Xen } from "../mod.ts";
import { ExtTools } from "./ext_image.ts";
import { OFFLINE } from "./guests.ts";
import { Place } from "./place.ts";

/** The machine may have much else to do. */
const BOOT_MS = 180_000;
const ANSWER_MS = 120_000;

const config = (name: string, lines: readonly string[]) =>
  [
    `name = "${name}"`,
    'kernel = "debian:cloud"',
    'ramdisk = "initramfs:busybox"',
    'extra = "console=hvc0 quiet"',
    "memory = 192",
    ...lines,
    "",
  ].join("\n");

/** What a command prints in a guest, on one line. */
async function shell(domain: Domain, command: string): Promise<string> {
  // The echo of what is typed shows the quotes, the output does not.
  await domain.console.write(`echo "@<"$(${command})">"\n`);
  return (await domain.console.waitFor(/@<([^"]*?)>/, { timeoutMs: ANSWER_MS }))[1].trim();
}

const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");

function assertClose(actual: number, expected: number, what: string): void {
  const text = `${what}: ${actual}, the guest says ${expected}`;
  console.log(text);
  assert.ok(expected > 0, `${what}: the guest counted nothing`);
  assert.ok(Math.abs(actual - expected) <= expected * 0.02, text);
}

interface TopDomain {
  readonly name: string;
  readonly networks: readonly Record<string, number>[];
  readonly disks: readonly Record<string, number>[];
}

/** Two guests of the same bridge, a's disk an ext4 image with `given` in it. */
async function inGuests(
  run: (guests: {
    place: Place;
    tools: ExtTools;
    image: string;
    given: Uint8Array;
    a: Domain;
    b: Domain;
    top: (name: string) => Promise<TopDomain>;
  }) => Promise<void>,
): Promise<void> {
  const tools = await ExtTools.fetch();
  await using place = await Place.make();
  const { folder } = place;
  const contents = join(folder, "contents"), image = join(folder, "disk.img");
  const given = randomBytes(3_000_000);
  await Deno.mkdir(contents);
  await Deno.writeFile(join(contents, "given"), given);
  await tools.make(image, 48, contents);
  for (
    const [name, lines] of Object.entries({
      a: ['disk = ["file:disk.img,xvda,w"]', 'vif = ["mac=00:16:3e:00:00:0a,bridge=xenbr0"]'],
      b: ['vif = ["bridge=xenbr0"]'],
    })
  ) {
    await Deno.writeTextFile(join(folder, `${name}.cfg`), config(name, lines));
  }
  const paths = { state: join(folder, "state"), log: join(folder, "log"), run: join(folder, "run") };
  const xenolith = place.as("xenolith");
  await xenolith("xend start");
  await using xen = await Xen.connect({ paths });
  await using a = await xen.domains.createFromFile(join(folder, "a.cfg"));
  await using b = await xen.domains.createFromFile(join(folder, "b.cfg"));
  for (const guest of [a, b]) await guest.console.waitFor("# ", { timeoutMs: BOOT_MS });
  const top = async (name: string) => {
    const sample = JSON.parse((await xenolith("top -b -i 1 -o json")).stdout);
    return sample.domains.find((domain: TopDomain) => domain.name === name);
  };
  await run({ place, tools, image, given, a, b, top });
}

Deno.test({
  name: "a disk and a network: what guests read, write and send arrives, and xentop counts what they count",
  ignore: OFFLINE,
  fn: () =>
    inGuests(async ({ place, tools, image, given, a, b, top }) => {
      assert.equal(
        await shell(a, "mkdir /m; mount -t ext4 /dev/xvda /m && md5sum < /m/given"),
        `${md5(given)} -`,
      );
      const written = await shell(
        a,
        "dd if=/dev/urandom of=/m/new bs=64k count=150 2>/dev/null; md5sum < /m/new; sync",
      );
      // Reads, _, read sectors, _, writes, _, written sectors, ..., flushes (Documentation/block/stat.rst).
      const fields = (await shell(a, "umount /m; cat /sys/block/xvda/stat")).split(" ").map(Number);
      const [disk] = (await top("a")).disks;
      assertClose(disk.reads, fields[0], "reads");
      assertClose(disk.readSectors, fields[2], "sectors read");
      // Linux counts a flush that carries nothing as a write, too; xentop does not.
      const [writes, flushes] = [fields[4], fields[15]];
      assert.ok(disk.writes <= writes && disk.writes >= writes - flushes, `${disk.writes} writes, ${fields}`);
      assertClose(disk.writtenSectors, fields[6], "sectors written");
      assert.ok(disk.writtenSectors >= 150 * 128, `${disk.writtenSectors} sectors written`);
      await tools.check(image);
      const copy = join(place.folder, "copy");
      await tools.extract(image, "/new", copy);
      assert.equal(`${md5(await Deno.readFile(copy))} -`, written);

      await shell(b, "ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up");
      await shell(a, "ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up");
      assert.match(await shell(a, "ping -c 3 -i 0.2 10.0.0.2"), /3 packets received/);
      await b.console.write("nc -l -p 99 > /got; echo got it\n");
      // Until b listens.
      await shell(a, "until nc 10.0.0.2 99 < /bin/busybox; do sleep 0.2; done");
      await b.console.waitFor(/\ngot it/, { timeoutMs: ANSWER_MS });
      assert.equal(await shell(b, "cmp /got /bin/busybox && echo same"), "same");
      for (const guest of [a, b]) {
        const said = await shell(
          guest,
          "cd /sys/class/net/eth0/statistics; cat tx_bytes tx_packets rx_bytes rx_packets",
        );
        const [txBytes, txPackets, rxBytes, rxPackets] = said.split(" ").map(Number);
        const [vif] = (await top(guest.name)).networks;
        assertClose(vif.txBytes, txBytes, `bytes that ${guest.name} sent`);
        assertClose(vif.txPackets, txPackets, `packets that ${guest.name} sent`);
        assertClose(vif.rxBytes, rxBytes, `bytes that ${guest.name} received`);
        assertClose(vif.rxPackets, rxPackets, `packets that ${guest.name} received`);
      }

      const [xl, xm] = [place.as("xl"), place.as("xm")];
      assert.match((await xl("block-list a")).stdout, /\n51712 +0 +\d+ +4 +\d+ +\d+ /);
      assert.match((await xm("network-list a")).stdout, /\n0 +0 +00:16:3e:00:00:0a +0 +4 /);
    }),
});

Deno.test({
  name: "devices come and go while a guest runs, on one bridge and on another",
  ignore: OFFLINE,
  fn: () =>
    inGuests(async ({ place, image, given, a, b }) => {
      const [xl, xm] = [place.as("xl"), place.as("xm")];
      assert.match((await xm(`block-attach b file:${image} xvdb w`, 1)).stderr, /is written by another disk/);
      assert.equal(
        await shell(a, "mkdir /m; mount -t ext4 /dev/xvda /m && md5sum < /m/given"),
        `${md5(given)} -`,
      );
      await shell(a, "umount /m");
      await xl("block-detach a xvda");
      assert.equal(await shell(a, "grep -c xvd /proc/partitions"), "0");
      assert.ok(!(await xl("block-list a")).stdout.includes("51712"));
      assert.match((await xl("block-detach a xvda", 1)).stderr, /not connected/);
      assert.doesNotMatch((await xl("list -l a")).stdout, /disk\.img/);
      // b's frontend of disks is not loaded: it had none.
      await xm(`block-attach a file:${image} xvdb r`);
      await shell(a, "until [ -b /dev/xvdb ]; do sleep 0.1; done");
      assert.equal(await shell(a, "mount -o ro /dev/xvdb /m && md5sum < /m/given"), `${md5(given)} -`);
      assert.match(await shell(a, "cat /sys/block/xvdb/ro"), /^1$/);
      await shell(a, "umount /m");
      await xm("block-detach a xvdb");
      assert.equal(await shell(a, "grep -c xvd /proc/partitions"), "0");

      await xl("network-detach b 0");
      assert.equal(await shell(b, "ls /sys/class/net"), "lo");
      await xl("network-attach b mac=00:16:3e:00:00:0b bridge=other");
      await shell(b, "until [ -e /sys/class/net/eth0 ]; do sleep 0.1; done");
      assert.equal(await shell(b, "cat /sys/class/net/eth0/address"), "00:16:3e:00:00:0b");
      // Another bridge is another network.
      await shell(b, "ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up");
      await shell(a, "ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up");
      assert.match(await shell(a, "ping -c 2 -w 3 10.0.0.2"), / 0 packets received/);
    }),
});

Deno.test({
  name: "GRUB for Xen, whose frontend is its own, reads a file on an ext4 disk",
  ignore: OFFLINE,
  fn: async () => {
    const tools = await ExtTools.fetch();
    const folder = await Deno.makeTempDir({ prefix: "grub-disk-" });
    try {
      const contents = join(folder, "contents"), image = join(folder, "disk.img");
      const given = randomBytes(1_000_000);
      await Deno.mkdir(contents);
      await Deno.writeFile(join(contents, "given"), given);
      await tools.make(image, 16, contents);
      await using xen = await Xen.launch();
      const grub = await xen.domains.createFromFile("configs/grub.cfg", {
        overrides: [`disk=["${image},raw,xvda,r"]`],
      });
      await grub.console.waitFor("grub> ", { timeoutMs: BOOT_MS });
      await grub.console.write("md5sum (xen/xvda)/given\r");
      const [, sum] = await grub.console.waitFor(/([0-9a-f]{32}) +\(xen\/xvda\)\/given/, {
        timeoutMs: ANSWER_MS,
      });
      assert.equal(sum, md5(given));
      await grub.destroy();
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
