; ---- rounds

main:
        cld
        mov     rsp, [rbp + S_STACK]
        inc     qword [rbp + S_PROGRESS]
        call    rnd
        test    al, 31
        jnz     .go
        call    restore
.go:
        call    rnd
        mov     esi, eax
        and     esi, 7
        shl     rsi, 12
        lea     rdx, [rel areas]
        add     rdx, rsi
        mov     [rbp + S_AREA], rdx
        shr     rax, 59
        mov     [rbp + S_ACTION], rax
        lea     rdx, [rel counts]
        lock inc qword [rdx + rax*8]
        lea     rdx, [rel actions]
        lea     rcx, [rel main]
        push    rcx
        jmp     qword [rdx + rax*8]

; What keeps this domain alive, set again: whatever came before may have ruined it.
restore:
        mov     rdi, [rbp + S_TABLE]
        xor     eax, eax
        syscall
        mov     rdi, [rbp + S_UPCALL]
        lea     rsi, [rel failsafe]
        xor     edx, edx
        mov     eax, 4
        syscall
        mov     edi, 0xe02b
        mov     rsi, [rbp + S_STACK]
        mov     eax, 3
        syscall
        xor     edi, edi                        ; VMASST_CMD_enable
        mov     esi, 2                          ; writable page tables
        mov     eax, 21
        syscall
        mov     dword [rel op], 15              ; MMUEXT_NEW_USER_BASEPTR
        mov     rax, [rel user_l4_mfn]
        mov     [rel op + 8], rax
        call    extended
        mov     edi, 1                          ; EVTCHNOP_bind_virq
        mov     dword [rbp + S_BIND], 0
        mov     eax, [rbp + S_VCPU]
        mov     [rbp + S_BIND + 4], eax
        lea     rsi, [rbp + S_BIND]
        mov     eax, 32
        syscall
        test    rax, rax
        jnz     .bound
        mov     eax, [rbp + S_BIND + 8]
        mov     [rbp + S_PORT], rax
.bound:
        lea     rdx, [rel shared_page]
        mov     eax, [rbp + S_PORT]
        and     eax, 1023
        lock btr qword [rdx + 2560], rax
        call    rnd
        test    al, 3
        jz      grant
        ret

; The timer, in a while: what follows may not come back by itself.
arm:
        rdtsc
        shl     rdx, 32
        lea     rdi, [rdx + rax + TIMESLICE]
        mov     eax, 15
        syscall
        ret

; A template's structures and arguments; then the call.
act_template:
        call    choose
        call    fill
        call    arguments
        call    pollute
        call    perform
        ; What is rare takes away what this domain stands on; one time in eight it stays so for a while.
        mov     rbx, [rbp + S_TEMPLATE]
        test    byte [rbx + 7], 1
        jz      .end
        call    rnd
        test    al, 7
        jnz     restore
.end:
        ret
; The call in S_TEMPLATE with S_ARGS.
perform:
        mov     rbx, [rbp + S_TEMPLATE]
        movzx   eax, word [rbx]
        mov     [rbp + S_CALL], rax
        cmp     eax, 29
        jne     .quick
        call    arm
.quick:
        mov     rax, [rbx + 8]
        lea     rdx, [rel template_calls]
        lock inc qword [rdx + rax*8]
        call    issue
        test    rax, rax
        js      .failed
        mov     rax, [rbx + 8]
        lea     rdx, [rel template_successes]
        lock inc qword [rdx + rax*8]
        cmp     word [rbx], 12
        jne     .failed
        ; memory_op: the frames in the list may be new ones
        call    rnd
        mov     esi, eax
        shr     rax, 58
        and     esi, 7
        mov     rdx, [rbp + S_AREA]
        mov     rsi, [rdx + rsi*8 + 2048]
        mov     rdx, rsi
        sub     rdx, [rel own_base]
        cmp     rdx, [rel own_frames]
        jae     .failed
        lea     rdx, [rel frames]
        mov     [rdx + rax*8], rsi
.failed:
        ret

; rbx = [rbp + S_TEMPLATE] = one of them; rare ones rarely
choose:
        lea     rcx, [rel template_count]
        mov     rcx, [rcx]
        call    below
        lea     rdx, [rel templates]
        mov     rbx, [rdx + rax*8]
        test    byte [rbx + 7], 1
        jz      .take
        call    rnd
        test    rax, 0x3f
        jnz     choose
.take:
        mov     [rbp + S_TEMPLATE], rbx
        ret

; rbx: template. Its structures in the area, `repeat` of them at `stride`
fill:
        push    r12
        push    r13
        push    r14
        push    r15
        mov     r12, [rbp + S_AREA]
        movzx   r15d, byte [rbx + 3]
.structure:
        movzx   r14d, byte [rbx + 2]
        lea     r13, [rbx + 16 + 6*16]
.field:
        sub     r14d, 1
        js      .filled
        call    generate
        movzx   edx, word [r13 + 4]
        movzx   ecx, byte [r13 + 1]
        add     r13, 16
        cmp     ecx, 8
        je      .eight
        cmp     ecx, 4
        je      .four
        cmp     ecx, 2
        je      .two
        mov     [r12 + rdx], al
        jmp     .field
.two:
        mov     [r12 + rdx], ax
        jmp     .field
.four:
        mov     [r12 + rdx], eax
        jmp     .field
.eight:
        mov     [r12 + rdx], rax
        jmp     .field
.filled:
        movzx   eax, word [rbx + 4]
        add     r12, rax
        ; (a template that was overwritten may say 0)
        sub     r15d, 1
        jg      .structure
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        ret

; rbx: template. S_ARGS = its arguments; one in sixteen calls has a wild one
arguments:
        push    r13
        push    r14
        lea     r13, [rbx + 16]
        xor     r14d, r14d
.next:
        call    generate
        mov     [rbp + r14*8 + S_ARGS], rax
        add     r13, 16
        inc     r14d
        cmp     r14d, 6
        jb      .next
        call    rnd
        test    eax, 0xf0000
        jnz     .end
        mov     ecx, 6
        call    below
        mov     r14, rax
        call    value
        mov     [rbp + r14*8 + S_ARGS], rax
.end:
        pop     r14
        pop     r13
        ret

; One time in four: a word of the structures is something else.
pollute:
        call    rnd
        test    eax, 0x30000
        jnz     .end
        mov     r8d, eax
        and     r8d, 63
        call    value
        mov     rdx, [rbp + S_AREA]
        mov     [rdx + r8*8], rax
.end:
        ret

; The hypercall S_CALL with S_ARGS. rax = its result
issue:
        mov     rdi, [rbp + S_ARGS]
        mov     rsi, [rbp + S_ARGS + 8]
        mov     rdx, [rbp + S_ARGS + 16]
        mov     r10, [rbp + S_ARGS + 24]
        mov     r8, [rbp + S_ARGS + 32]
        mov     r9, [rbp + S_ARGS + 40]
        mov     rax, [rbp + S_CALL]
        syscall
        mov     [rbp + S_RESULT], rax
        ret

; Any number with any arguments: but for iret, sched_op and the old sched_op, which end a round or a life
act_raw:
        xor     ebx, ebx
.argument:
        call    value
        mov     [rbp + rbx*8 + S_ARGS], rax
        inc     ebx
        cmp     ebx, 6
        jb      .argument
        call    rnd
        mov     ebx, eax
        and     ebx, 63
        test    eax, 0xf0000
        jnz     .number
        mov     rbx, rax
.number:
        cmp     rbx, 23
        je      .end
        cmp     rbx, 29
        je      .end
        cmp     rbx, 6
        je      .end
        mov     [rbp + S_CALL], rbx
        mov     rax, rbx
        mov     edx, 64
        cmp     rax, rdx
        cmova   rax, rdx
        lea     rdx, [rel raw_calls]
        lock inc qword [rdx + rax*8]
        ; A sub-operation that exists, most of the time
        call    rnd
        test    al, 3
        jz      .issue
        and     eax, 0x1f00
        shr     eax, 8
        mov     [rbp + S_ARGS], rax
        test    al, 1
        jz      .issue
        mov     rax, [rbp + S_AREA]
        mov     [rbp + S_ARGS + 8], rax
.issue:
        call    issue
        cmp     ebx, 5
        jb      restore
        cmp     ebx, 28
        je      restore
        cmp     ebx, 30
        je      restore
.end:
        ret

; multicall of up to eight templates, each in an area of its own
act_multicall:
        call    rnd
        mov     r12d, eax
        and     r12d, 7
        inc     r12d
        xor     r14d, r14d
        mov     r15, [rbp + S_AREA]
        lea     r15, [r15 + 3072]
.entry:
        lea     rdx, [rel areas]
        mov     rax, r14
        shl     rax, 12
        add     rdx, rax
        mov     [rbp + S_AREA], rdx
        call    choose
        movzx   eax, word [rbx]
        cmp     eax, 29
        je      .entry
        mov     [r15], rax
        mov     qword [r15 + 8], 0
        call    fill
        call    arguments
        xor     ecx, ecx
.argument:
        mov     rax, [rbp + rcx*8 + S_ARGS]
        mov     [r15 + rcx*8 + 16], rax
        inc     ecx
        cmp     ecx, 6
        jb      .argument
        add     r15, 64
        inc     r14d
        cmp     r14d, r12d
        jb      .entry
        mov     rax, r12
        shl     rax, 6
        sub     r15, rax
        mov     [rbp + S_ARGS], r15
        mov     [rbp + S_ARGS + 8], r12
        call    rnd
        test    eax, 0x1f000
        jnz     .count
        call    value
        mov     [rbp + S_ARGS + 8], rax
.count:
        mov     qword [rbp + S_CALL], 13
        call    issue
        call    rnd
        test    al, 3
        jnz     restore
        ret
