// SPDX-License-Identifier: GPL-2.0-only
/* Holds a virtual machine of KVM, so that KVM has the processor's SVM or VMX on. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR);

	if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0) {
		perror("vmholder: /dev/kvm");
		return 1;
	}
	pause();
	return 0;
}
