# SPDX-License-Identifier: GPL-2.0-only
#
# What a kernel gives a debugger: breakpoints in text, watchpoints in debug
# registers, single steps, system calls and signals caught, calls into the
# program, registers of every kind written and read back, threads.

set pagination off
set confirm off
set width 0
set debuginfod enabled off
set disable-randomization on

break add
run
backtrace
delete
watch counter
rwatch signals
continue
backtrace 1
continue
delete
tbreak add
continue
stepi 5
info registers rip rsp eflags
finish
print add(10)
set var $xmm1.v4_int32[2] = 77
print $xmm1.v4_int32
set var $st0 = 1.5
print $st0
set var $r12 = 0x123456789abcdef0
print/x $r12
catch signal SIGUSR1
continue
handle SIGUSR1 nostop noprint pass
delete
catch syscall write
break in_thread
continue
thread
step
watch counter
continue
delete
catch syscall write
continue
record
stepi 3
reverse-stepi 3
info registers rip
record stop
delete
continue
