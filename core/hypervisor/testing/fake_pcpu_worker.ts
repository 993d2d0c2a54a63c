import { servePcpu } from "../pcpu_service.ts";
import { fakeEngine, fakeSupport } from "./fake_guest.ts";

servePcpu({ support: () => fakeSupport, makeEngine: (_start, domain) => fakeEngine(domain) });
