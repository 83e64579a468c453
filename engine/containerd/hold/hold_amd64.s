#include "textflag.h"

// Where the program keeps what it works with: addresses of its second segment (hold.go).
#define ADDRESS 0x10000000
#define MESSAGE 0x10000080
#define COMMAND 0x10001000

// SEND tells the host of MESSAGE: sendto(socket, message, 16, MSG_NOSIGNAL, 0, 0).
#define SEND \
	MOVL $44, AX; MOVL R12, DI; MOVL $MESSAGE, SI; MOVL $16, DX; MOVL $0x4000, R10; XORL R8, R8; XORL R9, R9; SYSCALL

// func code()
TEXT ·code(SB), NOSPLIT|NOFRAME, $0-0
	MOVL $39, AX // getpid: anywhere else than in a namespace of its own it does nothing
	SYSCALL
	CMPL AX, $1
	JNE  exit
	MOVL $157, AX // prctl(PR_SET_DUMPABLE, 0): what it starts cannot trace it, nor have its socket
	MOVL $4, DI
	XORL SI, SI
	SYSCALL
	MOVL $41, AX // socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0)
	MOVL $1, DI
	MOVL $0x80001, SI
	XORL DX, DX
	SYSCALL
	TESTL AX, AX
	JLT  exit
	MOVL AX, R12
	MOVL $42, AX // connect(socket, address, 110)
	MOVL R12, DI
	MOVL $ADDRESS, SI
	MOVL $110, DX
	SYSCALL
	TESTL AX, AX
	JNE  exit
	MOVL $56, AX // clone(SIGCHLD): the child takes commands
	MOVL $17, DI
	XORL SI, SI
	XORL DX, DX
	XORL R10, R10
	XORL R8, R8
	SYSCALL
	TESTL AX, AX
	JLT  exit
	JEQ  next
	MOVL AX, R13

reap:
	MOVL $61, AX // wait4(-1, &message.status, 0, 0)
	MOVQ $-1, DI
	MOVL $(MESSAGE+8), SI
	XORL DX, DX
	XORL R10, R10
	SYSCALL
	CMPQ AX, $-4 // EINTR
	JEQ  reap
	TESTQ AX, AX
	JLT  exit
	CMPL AX, R13 // nobody takes commands any more: the end of this process is that of all
	JEQ  exit
	MOVL $MESSAGE, SI
	MOVL $2, 0(SI)
	MOVL AX, 4(SI)
	SEND
	JMP  reap

next:
	XORL BX, BX // bytes that are there
	MOVL $8, BP // bytes that there are to be

more:
	XORL AX, AX // read(socket, command+there, rest)
	MOVL R12, DI
	MOVL $COMMAND, SI
	ADDQ BX, SI
	MOVQ BP, DX
	SUBQ BX, DX
	SYSCALL
	CMPQ AX, $-4 // EINTR
	JEQ  more
	TESTQ AX, AX
	JLE  exit
	ADDQ AX, BX
	CMPQ BX, BP
	JNE  more
	CMPQ BX, $8
	JNE  run
	MOVL $COMMAND, SI
	MOVQ 0(SI), BP
	JMP  more

run:
	MOVL $56, AX // clone(CLONE_PARENT|SIGCHLD): the first process reaps it
	MOVL $0x8011, DI
	XORL SI, SI
	XORL DX, DX
	XORL R10, R10
	XORL R8, R8
	SYSCALL
	TESTL AX, AX
	JEQ  child
	MOVL $MESSAGE, SI
	MOVL $1, 0(SI)
	MOVL AX, 4(SI)
	SEND
	JMP  next

child:
	MOVL $112, AX // setsid
	SYSCALL
	MOVL $COMMAND, R14
	MOVL $292, AX // dup3(output, 1, 0): it fails where that is the same
	MOVQ 40(R14), DI
	MOVL $1, SI
	XORL DX, DX
	SYSCALL
	MOVL $292, AX // dup3(output, 2, 0)
	MOVQ 40(R14), DI
	MOVL $2, SI
	XORL DX, DX
	SYSCALL
	MOVL $3, AX // close(3)
	MOVL $3, DI
	SYSCALL
	MOVL $80, AX // chdir
	MOVQ 32(R14), DI
	SYSCALL
	MOVL $4, R15
	TESTL AX, AX
	JLT  failed
	MOVL $59, AX // execve
	MOVQ 8(R14), DI
	MOVQ 16(R14), SI
	MOVQ 24(R14), DX
	SYSCALL
	MOVL $3, R15

failed:
	NEGL AX
	MOVL $MESSAGE, SI
	MOVL R15, 0(SI)
	MOVL AX, 8(SI)
	MOVL $39, AX // getpid
	SYSCALL
	MOVL $MESSAGE, SI
	MOVL AX, 4(SI)
	SEND

exit:
	MOVL $231, AX // exit_group(127)
	MOVL $127, DI
	SYSCALL
	LONG $0x57a9e1d3 // the end, which hold.go looks for
	LONG $0x1c6b80f5

// func start() *byte
TEXT ·start(SB), NOSPLIT, $0-8
	LEAQ ·code(SB), AX
	MOVQ AX, ret+0(FP)
	RET
