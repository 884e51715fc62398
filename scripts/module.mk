# SPDX-License-Identifier: GPL-2.0-only
# Kbuild does not see that what it finds was built for another kernel: clean then.

modules: same-kernel

same-kernel:
	@[ "$$(cat .kernel 2> /dev/null)" = "$(KDIR)" ] || $(MAKE) clean
	@echo "$(KDIR)" > .kernel

.PHONY: same-kernel
