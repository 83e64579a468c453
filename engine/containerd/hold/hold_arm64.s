#include "textflag.h"

// Where the program keeps what it works with: addresses of its second segment (hold.go).
#define ADDRESS 0x10000000
#define MESSAGE 0x10000080
#define COMMAND 0x10001000

// SEND tells the host of MESSAGE: sendto(socket, message, 16, MSG_NOSIGNAL, 0, 0).
#define SEND \
	MOVD R19, R0; MOVD $MESSAGE, R1; MOVD $16, R2; MOVD $0x4000, R3; MOVD $0, R4; MOVD $0, R5; MOVD $206, R8; SVC

// func code()
TEXT ·code(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $172, R8 // getpid: anywhere else than in a namespace of its own it does nothing
	SVC
	CMP  $1, R0
	BNE  exit
	MOVD $4, R0 // prctl(PR_SET_DUMPABLE, 0): what it starts cannot trace it, nor have its socket
	MOVD $0, R1
	MOVD $167, R8
	SVC
	MOVD $1, R0 // socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0)
	MOVD $0x80001, R1
	MOVD $0, R2
	MOVD $198, R8
	SVC
	CMP  $0, R0
	BLT  exit
	MOVD R0, R19
	MOVD $ADDRESS, R1 // connect(socket, address, 110)
	MOVD $110, R2
	MOVD $203, R8
	SVC
	CBNZ R0, exit
	MOVD $17, R0 // clone(SIGCHLD): the child takes commands
	MOVD $0, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $220, R8
	SVC
	CMP  $0, R0
	BLT  exit
	BEQ  next
	MOVD R0, R20

reap:
	MOVD $-1, R0 // wait4(-1, &message.status, 0, 0)
	MOVD $(MESSAGE+8), R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $260, R8
	SVC
	CMN  $4, R0 // EINTR
	BEQ  reap
	CMP  $0, R0
	BLT  exit
	CMP  R20, R0 // nobody takes commands any more: the end of this process is that of all
	BEQ  exit
	MOVD $MESSAGE, R1
	MOVD $2, R2
	MOVW R2, 0(R1)
	MOVW R0, 4(R1)
	SEND
	B    reap

next:
	MOVD $0, R21 // bytes that are there
	MOVD $8, R22 // bytes that there are to be

more:
	MOVD R19, R0 // read(socket, command+there, rest)
	MOVD $COMMAND, R1
	ADD  R21, R1
	SUB  R21, R22, R2
	MOVD $63, R8
	SVC
	CMN  $4, R0 // EINTR
	BEQ  more
	CMP  $0, R0
	BLE  exit
	ADD  R0, R21
	CMP  R22, R21
	BNE  more
	CMP  $8, R21
	BNE  run
	MOVD $COMMAND, R1
	MOVD 0(R1), R22
	B    more

run:
	MOVD $0x8011, R0 // clone(CLONE_PARENT|SIGCHLD): the first process reaps it
	MOVD $0, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $220, R8
	SVC
	CBZ  R0, child
	MOVD $MESSAGE, R1
	MOVD $1, R2
	MOVW R2, 0(R1)
	MOVW R0, 4(R1)
	SEND
	B    next

child:
	MOVD $157, R8 // setsid
	SVC
	MOVD $COMMAND, R23
	MOVD 40(R23), R0 // dup3(output, 1, 0): it fails where that is the same
	MOVD $1, R1
	MOVD $0, R2
	MOVD $24, R8
	SVC
	MOVD 40(R23), R0 // dup3(output, 2, 0)
	MOVD $2, R1
	MOVD $0, R2
	MOVD $24, R8
	SVC
	MOVD $3, R0 // close(3)
	MOVD $57, R8
	SVC
	MOVD 32(R23), R0 // chdir
	MOVD $49, R8
	SVC
	MOVD $4, R24
	CMP  $0, R0
	BLT  failed
	MOVD 8(R23), R0 // execve
	MOVD 16(R23), R1
	MOVD 24(R23), R2
	MOVD $221, R8
	SVC
	MOVD $3, R24

failed:
	NEG  R0, R0
	MOVD $MESSAGE, R1
	MOVW R24, 0(R1)
	MOVW R0, 8(R1)
	MOVD $172, R8 // getpid
	SVC
	MOVD $MESSAGE, R1
	MOVW R0, 4(R1)
	SEND

exit:
	MOVD $127, R0 // exit_group(127)
	MOVD $94, R8
	SVC
	WORD $0x57a9e1d3 // the end, which hold.go looks for
	WORD $0x1c6b80f5

// func start() *byte
TEXT ·start(SB), NOSPLIT, $0-8
	MOVD $·code(SB), R0
	MOVD R0, ret+0(FP)
	RET
