/*
 * Runs single instructions on the physical processor and reports what came out.
 *
 * Reads test cases from standard input, one `struct input` each, and writes one outcome each to standard
 * output. The instruction is entered by returning from a signal handler with TF set in the saved flags,
 * so every register, RSP included, may hold anything; it is left by the single-step trap or by the fault
 * it raised. A REP instruction traps after each iteration and is stepped until RIP moves.
 *
 * Address space of a case (all below 4 GiB so that 32-bit code reaches it):
 *   DATA      two pages, read and write          (0x10000000, and the same memory again at 0x4000
 *   DATA+2p   one page, read only                  for 16-bit addresses: mapping it needs root)
 *   DATA+3p   one page, no access
 *   CODE      two pages, execute; then no access (0x20000000)
 * CS selects the mode: 0x33 64-bit code, 0x23 32-bit code (compatibility mode), or for 16-bit code a segment of
 * our own whose base is CODE; SS then is a 16-bit stack segment with base 0 (the stack is in the low data pages).
 *
 * Build: gcc -O2 -mno-red-zone -fno-stack-protector -fcf-protection=none -o recorder recorder.c   (x86-64 Linux only)
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#define PAGE 4096
#define DATA ((uint8_t *)0x10000000)
#define LOW ((uint8_t *)0x4000)
#define DATA_BYTES (3 * PAGE)
#define CODE ((uint8_t *)0x20000000)
#define FLAG_TF 0x100
#define CODE16 0x07  /* first entry of the LDT, ring 3 */
#define STACK16 0x0f /* second */
#define UC_STRICT_RESTORE_SS 4
#define MAX_STEPS 70000

/* Little-endian, packed; kept in step with format.ts. */
struct input {
  uint64_t gpr[16]; /* in encoding order: rax rcx rdx rbx rsp rbp rsi rdi r8.. */
  uint8_t xmm[16][16];
  uint64_t rflags;
  uint64_t gs_base;
  uint32_t mxcsr;
  uint32_t seed; /* of the data pages, see fill(); bit 16: aligned quadwords are canonical
                    addresses; bit 17: aligned doublewords are below 65536;
                    bits 18 to 20: numbers of a format */
  uint16_t code_offset;
  uint8_t code_length;
  uint8_t bits; /* 64, 32 or 16 */
  uint8_t code[20];
  uint8_t st[8][16]; /* from ST(0), as FXSAVE places them */
  uint16_t fcw;
  uint16_t fsw;
  uint16_t ftw; /* abridged */
} __attribute__((packed));

struct outcome {
  uint64_t gpr[16];
  uint8_t xmm[16][16];
  uint64_t rip;
  uint64_t rflags;
  uint64_t cr2;
  uint32_t mxcsr;
  uint32_t error;
  int32_t vector;      /* -1: completed */
  uint8_t st[8][16];
  uint16_t fcw;
  uint16_t fsw;
  uint16_t ftw;
  uint16_t fop;
  uint64_t fip;
  uint64_t fdp;
  uint32_t differences; /* how many {offset, byte} pairs of changed memory follow */
} __attribute__((packed));

struct difference {
  uint16_t offset;
  uint8_t value;
} __attribute__((packed));

static struct input in;
static uint8_t before[DATA_BYTES];
static int started;
static long steps;

static const int greg_of[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void fail(const char *what) {
  perror(what);
  _exit(1);
}

static int read_all(void *to, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = read(0, (char *)to + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("recorder: read");
    if (n == 0) {
      if (done == 0) return 0;
      fprintf(stderr, "recorder: input ends in the middle of a case\n");
      _exit(1);
    }
    done += n;
  }
  return 1;
}

static uint8_t out_buffer[1 << 16];
static size_t out_used;

static void flush_out(void) {
  size_t done = 0;
  while (done < out_used) {
    ssize_t n = write(1, out_buffer + done, out_used - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("recorder: write");
    done += n;
  }
  out_used = 0;
}

static void put(const void *from, size_t size) {
  if (out_used + size > sizeof out_buffer) flush_out();
  memcpy(out_buffer + out_used, from, size);
  out_used += size;
}

/* A doubleword of random numbers in a format, the same as number() in format.ts. */
static uint32_t number(uint32_t format, int at, uint32_t x) {
  static const uint32_t upper[8] = {0, 0x80000000, 0x7ff00000, 0xfff80000, 0x7ff40000, 0x00000000, 0x36a00000, 0x47efffff};
  static const uint32_t singles[8] = {0, 0x80000000, 0x7f800000, 0xffc00000, 0x7fa00000, 0x00400000, 1, 0x7f7fffff};
  static const uint32_t exponents[8] = {0, 0x7fff, 0xffff, 0x8000, 1, 0x7ffe, 0x3c00, 0x43ff};
  int corner = (x >> 8 & 3) == 0;
  switch (format) {
    case 1: /* single */
      return corner ? singles[x >> 13 & 7] : (x & 0x807fffff) | (120 + (x >> 23 & 15)) << 23;
    case 2: /* double */
      if (!(at & 4)) return corner ? 0 : x;
      return corner ? upper[x >> 13 & 7] : (x & 0x800fffff) | (1016 + (x >> 20 & 15)) << 20;
    case 3: /* extended, each in 16 bytes */
      if ((at & 12) == 0) return corner ? 0 : x;
      if ((at & 12) == 4) return (x >> 10 & 7) == 0 ? x : (x & 0x40) ? x | 0x80000000 : 0x80000000;
      return corner ? exponents[x >> 13 & 7] : 0x3ff8 + (x & 15) + (x & 0x8000);
    case 4: /* decimal digits */
      return x - (x >> 1 & x >> 3 & 0x11111111) * 8 - (x >> 2 & x >> 3 & 0x11111111 & ~(x >> 1)) * 8;
    case 5: /* of an XSAVE area */
      if ((at & 60) == 0) return (x >> 8 & 15) == 0 ? x : x & 3;
      return (at & 60) <= 20 ? 0 : (at & 60) == 24 ? x & 0xffff : x;
    default:
      return x;
  }
}

/* xorshift32, the same as fill() in format.ts */
static void fill(uint32_t seed) {
  uint32_t x = seed | 1;
  for (int i = 0; i < DATA_BYTES; i += 4) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    uint32_t word = (seed & 0x10000) && (i & 4) ? x & 0x7fff : number(seed >> 18 & 7, i, x);
    if (seed & 0x20000) word &= 0xffff;
    memcpy(before + i, &word, 4);
  }
}

static void protect(uint8_t *address, size_t size, int protection) {
  if (mprotect(address, size, protection)) fail("recorder: mprotect");
}

/* The state bits of the XSAVE header behind the legacy area: a clear SSE bit means "XMM at reset", whatever the area says. */
static uint64_t *state_bits(ucontext_t *uc) {
  struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;
  uint32_t magic;
  memcpy(&magic, (uint8_t *)fp + 464, sizeof magic); /* FP_XSTATE_MAGIC1 of asm/sigcontext.h */
  return magic == 0x46505853 ? (uint64_t *)((uint8_t *)fp + 512) : NULL;
}

/* In 16-bit code RIP counts from the segment's base. */
static greg_t start_rip(void) {
  return in.bits == 16 ? in.code_offset : (greg_t)(CODE + in.code_offset);
}

static void load_case(ucontext_t *uc) {
  static uint32_t last_seed;
  static int filled;
  if (!read_all(&in, sizeof in)) {
    flush_out();
    _exit(0);
  }
  protect(DATA + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE);
  if (!filled || in.seed != last_seed) fill(in.seed);
  filled = 1;
  last_seed = in.seed;
  memcpy(DATA, before, DATA_BYTES);
  protect(DATA + 2 * PAGE, PAGE, PROT_READ);
  /* Present in both places, so that a fault speaks of permissions. */
  for (int i = 0; i < 3; i++) *(volatile uint8_t *)(LOW + i * PAGE);
  for (int i = 0; i < 2; i++) *(volatile uint8_t *)(LOW + i * PAGE) = DATA[i * PAGE];
  memset(CODE, 0xcc, 2 * PAGE);
  memcpy(CODE + in.code_offset, in.code, in.code_length);

  greg_t *g = uc->uc_mcontext.gregs;
  for (int i = 0; i < 16; i++) g[greg_of[i]] = in.gpr[i];
  g[REG_RIP] = start_rip();
  g[REG_EFL] = in.rflags | FLAG_TF;
  uint64_t csgsfs = g[REG_CSGSFS];
  uint64_t cs = in.bits == 64 ? 0x33 : in.bits == 32 ? 0x23 : CODE16;
  uint64_t ss = in.bits == 16 ? STACK16 : 0x2b;
  g[REG_CSGSFS] = (csgsfs & 0x0000ffffffff0000ull) | cs | (ss << 48);
  uc->uc_flags |= UC_STRICT_RESTORE_SS;
  memcpy(uc->uc_mcontext.fpregs->_xmm, in.xmm, sizeof in.xmm);
  uc->uc_mcontext.fpregs->mxcsr = in.mxcsr;
  uint64_t *bits = state_bits(uc);
  if (bits) *bits |= 3;
  uc->uc_mcontext.fpregs->cwd = in.fcw;
  uc->uc_mcontext.fpregs->swd = in.fsw;
  uc->uc_mcontext.fpregs->ftw = in.ftw;
  uc->uc_mcontext.fpregs->fop = 0;
  uc->uc_mcontext.fpregs->rip = 0;
  uc->uc_mcontext.fpregs->rdp = 0;
  memcpy(uc->uc_mcontext.fpregs->_st, in.st, sizeof in.st);
  if (syscall(SYS_arch_prctl, ARCH_SET_GS, in.gs_base)) fail("recorder: arch_prctl");
  started = 1;
  steps = 0;
}

static void report(ucontext_t *uc, int vector) {
  static struct outcome o;
  static struct difference d[DATA_BYTES];
  greg_t *g = uc->uc_mcontext.gregs;
  for (int i = 0; i < 16; i++) o.gpr[i] = g[greg_of[i]];
  uint64_t *bits = state_bits(uc);
  if (bits && !(*bits & 2))
    memset(o.xmm, 0, sizeof o.xmm);
  else
    memcpy(o.xmm, uc->uc_mcontext.fpregs->_xmm, sizeof o.xmm);
  memset(o.st, 0, sizeof o.st);
  if (bits && !(*bits & 1)) {
    o.fcw = 0x37f;
    o.fsw = o.ftw = o.fop = 0;
    o.fip = o.fdp = 0;
  } else {
    struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;
    o.fcw = fp->cwd;
    o.fsw = fp->swd;
    o.ftw = fp->ftw;
    o.fop = fp->fop;
    o.fip = fp->rip;
    o.fdp = fp->rdp;
    for (int i = 0; i < 8; i++) memcpy(o.st[i], &fp->_st[i], 10);
  }
  o.rip = g[REG_RIP];
  o.rflags = g[REG_EFL];
  o.mxcsr = uc->uc_mcontext.fpregs->mxcsr;
  o.vector = vector;
  o.error = vector < 0 ? 0 : g[REG_ERR];
  o.cr2 = vector == 14 ? g[REG_CR2] : 0;
  uint32_t n = 0;
  if (memcmp(DATA, before, DATA_BYTES))
    for (int i = 0; i < DATA_BYTES; i++)
      if (DATA[i] != before[i]) {
        d[n].offset = i;
        d[n].value = DATA[i];
        n++;
      }
  o.differences = n;
  put(&o, sizeof o);
  put(d, n * sizeof d[0]);
}

static void on_signal(int signal, siginfo_t *info, void *context) {
  /* A case may have set AC and NT; the kernel leaves them on for us. */
  __asm__ volatile("pushf\n\tandq $~0x44000, (%%rsp)\n\tpopf" : : : "memory", "cc");
  (void)info;
  ucontext_t *uc = context;
  greg_t *g = uc->uc_mcontext.gregs;
  if (started) {
    int trap = g[REG_TRAPNO];
    int vector = trap;
    if (signal == SIGTRAP && trap == 1) {
      /* INT1 raises #DB too, with RIP behind it; the form list leaves it out. */
      vector = -1;
      if (g[REG_RIP] == start_rip() && ++steps < MAX_STEPS) {
        g[REG_EFL] |= FLAG_TF;
        return;
      }
    }
    report(uc, vector);
  }
  load_case(uc);
}

static void map(uint8_t *address, size_t size, int protection, int file) {
  int kind = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  if (mmap(address, size, protection, kind | MAP_FIXED_NOREPLACE, file, 0) != address) fail("recorder: mmap");
}

static void segment16(int entry, uint32_t base, int contents) {
  struct user_desc d = {.entry_number = entry, .base_addr = base, .limit = 0xffff, .contents = contents, .useable = 1};
  if (syscall(SYS_modify_ldt, 1, &d, sizeof d)) fail("recorder: modify_ldt");
}

int main(void) {
  int file = memfd_create("data", 0);
  if (file < 0 || ftruncate(file, DATA_BYTES)) fail("recorder: memfd_create");
  map(DATA, DATA_BYTES, PROT_READ | PROT_WRITE, file);
  map(LOW, DATA_BYTES, PROT_READ | PROT_WRITE, file);
  protect(LOW + 2 * PAGE, PAGE, PROT_READ);
  map(DATA + DATA_BYTES, PAGE, PROT_NONE, -1);
  map(CODE - PAGE, PAGE, PROT_NONE, -1);
  map(CODE, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, -1);
  map(CODE + 2 * PAGE, PAGE, PROT_NONE, -1);

  segment16(0, (uint32_t)(uintptr_t)CODE, MODIFY_LDT_CONTENTS_CODE);
  segment16(1, 0, MODIFY_LDT_CONTENTS_DATA);

  static uint8_t stack[1 << 18] __attribute__((aligned(64)));
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  if (sigaltstack(&alternate, NULL)) fail("recorder: sigaltstack");
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGUSR1};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    if (sigaction(signals[i], &action, NULL)) fail("recorder: sigaction");

  /* 32-bit code reads through DS and ES, which are null in a 64-bit process. */
  __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(0x2b));
  raise(SIGUSR1);
  return 1; /* not reached: the handler never returns here */
}
