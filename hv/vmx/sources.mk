hv-src += hv/vmx/dummy.c
