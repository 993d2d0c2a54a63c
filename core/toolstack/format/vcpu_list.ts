/** `vcpu-list`: a row for each vCPU (xl_vcpu.c, print_vcpuinfo; xm's main.py). */
import type { DomainDetail, VcpuRecord } from "../api/types.ts";
import { cpuList, decimal, left, ranges, right } from "./text.ts";

type Domain = Pick<DomainDetail, "name" | "domid" | "vcpuList">;

function header(affinity: string): string {
  return `${left("Name", 32)} ${right("ID", 5)} ${right("VCPU", 5)} ${right("CPU", 5)} ${right("State", 5)} ${
    right("Time(s)", 9)
  } ${affinity}\n`;
}

const flags = ({ state }: VcpuRecord) =>
  `${state === "running" ? "r" : "-"}${state === "blocked" ? "b" : "-"}`;

/** @param pcpus how many the host has */
export function xlVcpuList(domains: readonly Domain[], pcpus: number): string {
  const rows = domains.flatMap(({ name, domid = 0, vcpuList }) =>
    vcpuList.map((vcpu) => {
      // "%5u %3c%c- ": the first flag stands in a field of three.
      const cpu = vcpu.online
        ? `${right(Math.max(0, vcpu.pcpu), 5)}   ${flags(vcpu)}- `
        : `${right("-", 5)}   --p `;
      return `${left(name, 32)} ${right(domid, 5)} ${right(vcpu.id, 5)}${cpu}${decimal(vcpu.seconds, 9)}  ${
        cpuList(vcpu.hardAffinity, pcpus)
      } / ${cpuList(vcpu.softAffinity, pcpus)}\n`;
    })
  );
  return header("Affinity (Hard / Soft)") + rows.join("");
}

export function xmVcpuList(domains: readonly Domain[], pcpus: number): string {
  const rows = domains.flatMap(({ name, domid, vcpuList }) =>
    vcpuList.map((vcpu) => {
      const cpu = vcpu.online && vcpu.pcpu >= 0 ? String(vcpu.pcpu) : "-";
      const state = vcpu.online ? `${flags(vcpu)}-` : "--p";
      const affinity = new Set(vcpu.hardAffinity).size >= pcpus ? "any cpu" : ranges(vcpu.hardAffinity);
      return `${left(name, 32)} ${right(domid ?? "", 5)} ${right(vcpu.id, 5)} ${right(cpu, 5)} ${
        right(state, 5)
      }  ${decimal(vcpu.seconds, 8)} ${affinity}\n`;
    })
  );
  return header("CPU Affinity") + rows.join("");
}
