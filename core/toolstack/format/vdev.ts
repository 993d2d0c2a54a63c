/** Device numbers of disks (xen-vbd-interface(7)). */

/** A device number as a name: 51712 is xvda. */
export function vdevName(devid: number): string {
  if (devid >= 1 << 28) return `xvd${letters((devid >> 8) & 0xfffff)}${part(devid & 0xff)}`;
  const [major, minor] = [devid >> 8, devid & 0xff];
  if (major === 202) return `xvd${letters(minor >> 4)}${part(minor & 15)}`;
  if (major === 8) return `sd${letters(minor >> 4)}${part(minor & 15)}`;
  if (major === 3 || major === 22) {
    return `hd${letters((major === 3 ? 0 : 2) + (minor >> 6))}${part(minor & 63)}`;
  }
  return String(devid);
}

const part = (number: number) => number === 0 ? "" : String(number);

function letters(index: number): string {
  const last = String.fromCharCode(97 + index % 26);
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}
