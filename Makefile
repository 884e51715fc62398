# SPDX-License-Identifier: GPL-2.0-only
#
# VBH. The first four need nothing but make, apt and root (or sudo): they install
# what they use.
#
#   make demo         the attacks on a Debian kernel, without VBH and with it
#   make check        all tests          [RIG="unit qemu bochs"; or nested: KVM]
#   make check-long   and those that take hours
#   make bench        what VBH costs
#   make              vbh.ko, libvbh, vbhctl
#   make kvm          KVM that offers VBH to its guests   [KVER=6.12] (docs/kvm.md)
#   make install      all of it, policy, man pages   [DESTDIR=, PREFIX=/usr]
#   make fuzz         the fuzzers, for SECONDS each (200)
#   make lint         checkpatch, sparse, cppcheck, clang-tidy

all: linux tools loc

linux:
	$(MAKE) -C linux

lib:
	$(MAKE) -C lib

tools: lib
	$(MAKE) -C tools

kvm:
	@scripts/setup build kvm
	@kvm/build

loc:
	@scripts/loc

setup:
	@scripts/setup build

demo:
	@scripts/setup build test
	@tests/run demo

check:
	@scripts/setup build test $(if $(filter nested,$(RIG)),kvm)
	@tests/check $(RIG)

check-long:
	@scripts/setup build test long kvm
	@tests/check --long $(RIG)

bench:
	@scripts/setup build test
	@bench/run
	@bench/diff

fuzz:
	@scripts/setup build test fuzz
	$(MAKE) -C tests/fuzz run SECONDS=$(or $(SECONDS),200)

lint:
	@scripts/setup build test lint
	@scripts/lint

install: all
	$(MAKE) -C linux install
	$(MAKE) -C lib install
	$(MAKE) -C tools install

clean:
	$(MAKE) -C linux clean
	$(MAKE) -C lib clean
	$(MAKE) -C tools clean
	$(MAKE) -C tests/unit clean
	$(MAKE) -C tests/tools clean
	$(MAKE) -C tests/fuzz clean
	$(MAKE) -C tests/kvm clean
	rm -rf build

.PHONY: all linux lib tools kvm loc setup demo check check-long bench fuzz lint install clean
