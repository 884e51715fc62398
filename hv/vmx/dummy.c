#include "../vendor.h"
const struct hv_vendor vmx_vendor = { .name = "vmx" };
asm(".globl vmx_restart_begin, vmx_restart_end\nvmx_restart_begin: vmx_restart_end:");
