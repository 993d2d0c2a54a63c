/**
 * Lists of pCPUs as configurations write them (xl.cfg(5), cpus=): "all", "0-3,^1", "2,5". There is one NUMA node, 0.
 * @returns those of the list that a host with so many pCPUs has, rising
 */
export function parseCpuList(text: string, pcpus: number): number[] {
  const chosen = new Set<number>();
  for (const part of text.split(",").map((word) => word.trim()).filter((word) => word !== "")) {
    const [match, not, node, from, to] = /^(\^)?(nodes?:)?(?:all|(\d{1,5})(?:-(\d{1,5}))?)$/.exec(part) ?? [];
    if (match === undefined) throw new RangeError(`${JSON.stringify(part)} is no list of pCPUs`);
    const isEverything = from === undefined || node !== undefined && Number(from) === 0;
    const first = isEverything ? 0 : Number(from), last = isEverything ? pcpus - 1 : Number(to ?? from);
    for (let pcpu = first; pcpu <= last && pcpu < pcpus; pcpu++) {
      if (not !== undefined) chosen.delete(pcpu);
      else if (node === undefined || isEverything) chosen.add(pcpu);
    }
  }
  return [...chosen].sort((a, b) => a - b);
}
