# SPDX-License-Identifier: Apache-2.0
# One non-recursive Makefile; `make help` lists the targets. Objects go to build/<flavour>/, programs to build/bin/.

FLAVOUR := $(if $(SAN),san,$(if $(COV),cov,opt))
O := build/$(FLAVOUR)
# The plain flavour's programs live at build/bin; the others beside their objects.
BIN := $(if $(filter opt,$(FLAVOUR)),build/bin,$(O)/bin)

, := ,
PREFIX ?= /usr
DESTDIR ?=
CLANG ?= clang
CC := $(if $(SAN),$(CLANG),$(if $(filter default,$(origin CC)),gcc,$(CC)))
PKGS := jansson sqlite3 liburcu libnl-3.0 libnl-route-3.0 libmnl libpcap libbpf liburing
# What the VMM alone needs.
VMM_PKGS := libseccomp liblzma zlib libzstd liblz4
VMM_LIBS := $(shell pkg-config --libs $(VMM_PKGS) 2>/dev/null)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 \
	-Wno-format-nonliteral $(if $(findstring clang,$(CC)),-Wno-gnu-variable-sized-type-not-at-end,-Wno-format-truncation)
WERROR ?= -Werror
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Ilib -I. -I$(O)/gen
# gcc's word for it, which clang 14 lacks
CPPFLAGS += $(if $(findstring address,$(SAN)),-D__SANITIZE_ADDRESS__)
CFLAGS ?= $(if $(SAN),-O1,-O2) -g
CFLAGS += -std=gnu11 -fno-strict-aliasing -fstack-protector-strong -pthread $(WARN) $(WERROR)
# One build serves the tests with sanitizers and the fuzz targets: it counts the edges that libFuzzer wants.
CFLAGS += $(if $(SAN),-fsanitize=fuzzer-no-link$(,)$(SAN) -fno-sanitize-recover=undefined -fno-omit-frame-pointer) $(if $(COV),--coverage -O0)
LDFLAGS += -pthread $(if $(SAN),-fsanitize=$(SAN)) $(if $(COV),--coverage)
LDLIBS += $(PKG_LIBS) -lpthread

LIB_SRC := $(wildcard lib/*/*.c)
SWITCHD_SRC := $(wildcard switchd/*.c switchd/*/*.c)
SWITCHD_SRC := $(filter-out %.bpf.c,$(SWITCHD_SRC))
CTL_SRC := $(wildcard ctl/*.c)
VMM_SRC := $(wildcard vmm/*.c vmm/*/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
TOOL_SRC := $(wildcard tests/tools/*.c)
BENCH_SRC := $(wildcard tests/bench/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)

obj = $(patsubst %.c,$(O)/%.o,$(1))
LIB := $(O)/libvsw.a
# The daemon's code without main(), for tests and benchmarks.
SWITCHD_LIB := $(O)/libswitchd.a
# The CLI's code without main(), for tests.
CTL_LIB := $(O)/libctl.a
# The VMM's code without main(), likewise.
VMM_LIB := $(O)/libvmm.a
UNIT := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(UNIT_SRC))
TOOLS := $(patsubst tests/tools/%.c,$(O)/tests/tools/%,$(TOOL_SRC))
BENCHES := $(patsubst tests/bench/%.c,$(O)/tests/bench/%,$(BENCH_SRC))
FUZZERS := $(patsubst tests/fuzz/%.c,build/san/tests/fuzz/%,$(FUZZ_SRC))
# With sanitizers a test's twin on `ebpf` runs where it runs code of vsw that the first does not.
EBPF_SAN := $(patsubst %,tests/system/test_%_ebpf.sh,bonds drop_reasons fate forwarding guests leftovers restart tunnels)
SYSTEM := $(filter-out $(if $(SAN),$(filter-out $(EBPF_SAN),$(wildcard tests/system/test_*_ebpf.sh))),$(wildcard tests/system/test_*))
LAB_TESTS := $(wildcard tests/lab/test_*)
CONFORMANCE := $(filter-out %.txt %.py %.md,$(wildcard tests/conformance/*_vs_* tests/conformance/*_oracle tests/conformance/*_judge))
PROGRAMS := $(if $(wildcard switchd/main.c),$(BIN)/vsw-switchd) $(if $(CTL_SRC),$(BIN)/vsw) $(if $(wildcard vmm/main.c),$(BIN)/vsw-vmm)

.PHONY: all
all: $(PROGRAMS) ## build the programs

-include mk/*.mk

$(LIB): $(call obj,$(LIB_SRC))
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(SWITCHD_LIB): $(call obj,$(filter-out switchd/main.c,$(SWITCHD_SRC)))
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(CTL_LIB): $(call obj,$(filter-out ctl/vsw.c,$(CTL_SRC)))
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(VMM_LIB): $(call obj,$(filter-out vmm/main.c,$(VMM_SRC)))
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BIN)/vsw-switchd: $(O)/switchd/main.o $(SWITCHD_LIB) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BIN)/vsw: $(O)/ctl/vsw.o $(CTL_LIB) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BIN)/vsw-vmm: $(O)/vmm/main.o $(VMM_LIB) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(VMM_LIBS)

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(if $(SWITCHD_SRC),$(SWITCHD_LIB)) $(CTL_LIB) $(VMM_LIB) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(VMM_LIBS) -lcmocka

$(O)/tests/tools/%: $(O)/tests/tools/%.o $(if $(SWITCHD_SRC),$(SWITCHD_LIB)) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

ifeq ($(V),1)
say =
Q :=
else
say = @printf '  %-4s %s\n' $(1) $(2)
Q := @
endif

$(O)/tests/bench/%: $(O)/tests/bench/%.o $(if $(SWITCHD_SRC),$(SWITCHD_LIB)) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The VMM's targets link nothing of the other programs, which have functions of the same names.
build/san/tests/fuzz/%: $(if $(SAN),$(O)/tests/fuzz/%.o $(if $(SWITCHD_SRC),$(SWITCHD_LIB)) $(CTL_LIB) $(VMM_LIB) $(LIB))
	$(call say,LD,$@)
	$(Q)$(if $(SAN),$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(if $(findstring fuzz_vmm_,$@),$(filter-out $(SWITCHD_LIB) $(CTL_LIB),$^),$^) $(LDLIBS) $(VMM_LIBS),$(MAKE) -s SAN=address$(,)undefined $@)

.PHONY: tools unit system conformance check-lab
tools: $(TOOLS) $(O)/tests/tools/vmm_devices $(O)/tests/tools/vmm_liar ## helpers that tests run

# Another, that lies (tests/liar/liar.h).
LIAR_OBJ := $(patsubst %,$(O)/%.o,$(basename $(wildcard tests/liar/*.c tests/liar/*.S)))
LIAR_CFLAGS := -O1 -std=gnu11 $(WARN) $(WERROR) -ffreestanding -fno-builtin -fno-stack-protector -fno-pic -fno-asynchronous-unwind-tables \
	-fcf-protection=none -mno-red-zone -mgeneral-regs-only -mno-popcnt

$(O)/tests/liar/%.o: tests/liar/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(LIAR_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/tests/liar/%.o: tests/liar/%.S
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) -c -o $@ $<

$(O)/tests/tools/vmm_liar: tests/liar/liar.ld $(LIAR_OBJ)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(LD) -T $< -o $@ $(LIAR_OBJ)

# A guest of its own: no C library, no vector registers, which some KVMs do not run; at the address where vmm_payload.py puts it.
PAYLOAD_FLAGS := -std=gnu11 -O1 -m64 -ffreestanding -nostdlib -static -fno-pic -no-pie -mno-red-zone -mgeneral-regs-only -mno-popcnt -fno-stack-protector \
	-fcf-protection=none -Wl,--section-start=.start=0x1000200,-Ttext=0x1001000,-e,payload,--build-id=none
$(O)/tests/tools/vmm_devices: tests/payload/devices.c tests/payload/board.h tests/tools/vmm_payload.py
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(PAYLOAD_FLAGS) $(WARN) $(WERROR) -o $@.elf $<
	$(Q)objcopy -O binary $@.elf $@.bin
	$(Q)python3 tests/tools/vmm_payload.py $@ $@.bin

unit: $(UNIT) ## build and run the unit tests
	@tests/run --label $(FLAVOUR) --timeout 600 $(SUM) $(UNIT)

system: all tools ## run the system tests (root; in namespaces of their own)
	@tests/run --jobs 3 --label $(FLAVOUR)-system --timeout 600 --env VSW_BIN=$(CURDIR)/$(BIN) --env VSW_TOOLS=$(CURDIR)/$(O)/tests/tools $(SUM) $(SYSTEM)

conformance: all tools ## compare with Open vSwitch, tshark and the kernel
	@tests/run --jobs 1 --timeout 900 --env VSW_BIN=$(CURDIR)/$(BIN) --env VSW_TOOLS=$(CURDIR)/$(O)/tests/tools $(SUM) $(CONFORMANCE)

check-lab: all tools ## run the tests that need Debian's own kernel, in the lab (tests/lab/run)
	@tests/run --jobs 1 --timeout 900 --label lab $(SUM) $(LAB_TESTS)

BOOTS ?= 50
.PHONY: soak
soak: all ## boot BOOTS guests in a row in the lab (default 50), ten for each boot of the lab
	@for i in $$(seq 10 10 $(BOOTS)); do tests/lab/boots.sh 10 || exit 1; echo "$$i guests have booted"; done

FUZZ_SECONDS ?= 600
.PHONY: fuzz fuzz-build
fuzz-build:
	@$(MAKE) -s SAN=address$(,)undefined $(FUZZERS)

fuzz: fuzz-build ## replay the corpora, then fuzz each target for FUZZ_SECONDS (default 600)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run --label fuzz --timeout $$(( $(FUZZ_SECONDS) * $(words $(FUZZERS)) + 300 )) $(SUM) $(addprefix tests/fuzz/run-,$(if $(FUZZERS),all))

.PHONY: static format-check
format-check: ## clang-format agrees with every C file
	@tests/static/format

static: ## layers, licences, format, cppcheck, clang-tidy, sparse
	@tests/run --jobs 2 --timeout 900 --label static $(SUM) $(filter-out %.txt %.md,$(wildcard tests/static/*))

# The whole verdict. Counts of all parts are collected in build/test-sum and closed by one line.
.PHONY: check check-fast
check: ## everything; the last line counts the tests
	@$(MAKE) -s deps deps-check
	@rm -f build/test-sum; mkdir -p build
	@$(MAKE) -s -j2 all tools SUM=
	-@$(MAKE) -s -j2 $(UNIT) && $(MAKE) -s unit SUM='--append build/test-sum'
	-@$(MAKE) -s system SUM='--append build/test-sum'
	-@$(MAKE) -s conformance SUM='--append build/test-sum'
	# The lab's emulated machine leaves a core idle most of the time: what builds and analyses has that, and gives way.
	-@$(MAKE) -s check-lab SUM='--append build/test-sum' >build/lab.log 2>&1 & \
	nice -n 19 $(MAKE) -s -j2 SAN=address,undefined all tools unit-build; nice -n 19 $(MAKE) -s -j2 fuzz-build; \
	nice -n 19 $(MAKE) -s static SUM='--append build/test-sum'; nice -n 19 $(MAKE) -s fuzz FUZZ_SECONDS=15 SUM='--append build/test-sum'; \
	wait; cat build/lab.log
	-@$(MAKE) -s SAN=address,undefined unit system SUM='--append build/test-sum'
	@tests/run --sum build/test-sum

.PHONY: unit-build
unit-build: $(UNIT)

check-fast: ## unit tests, quick system tests and static checks, under two minutes
	@rm -f build/test-sum; mkdir -p build
	@$(MAKE) -s -j2 all tools unit-build
	-@$(MAKE) -s unit SUM='--append build/test-sum'
	-@tests/run --label system --env VSW_BIN=$(CURDIR)/build/bin --env VSW_TOOLS=$(CURDIR)/$(O)/tests/tools --append build/test-sum $(wildcard tests/system/test_cli* tests/system/test_help* tests/system/test_two*)
	-@tests/run --label static --append build/test-sum tests/static/layers tests/static/format
	@tests/run --sum build/test-sum

DEPS_BUILD := gcc make pkg-config clang llvm bpftool libc6-dev linux-libc-dev libjansson-dev libsqlite3-dev liburcu-dev libnl-3-dev libnl-route-3-dev \
	libmnl-dev libpcap-dev libbpf-dev liburing-dev libseccomp-dev liblzma-dev zlib1g-dev libzstd-dev liblz4-dev iproute2 iputils-ping iperf3 ethtool procps python3
DEPS_CHECK := libcmocka-dev libclang-rt-14-dev clang-format-14 clang-tidy-14 clang-format clang-tidy cppcheck sparse strace openvswitch-switch \
	tshark tcpdump dnsmasq-base arping fping busybox-static openssh-server openssh-client socat jq bash-completion mandoc sqlite3 git graphviz librsvg2-bin mininet bridge-utils \
	qemu-system-x86 cpio kmod

.PHONY: deps deps-check
deps: ## install what building and the demo need (Debian packages, only what is missing)
	@packaging/install-deps $(DEPS_BUILD)
deps-check: ## install what the tests need: peers, analysers, cmocka, the lab's kernel
	@packaging/install-deps $(DEPS_CHECK)
	@tests/lab/prepare

.PHONY: demo
demo: ## build, and show a switch at work between namespaces (root)
	@$(MAKE) -s deps
	@$(MAKE) -s -j2 all
	@demo/demo.sh

.PHONY: docs
PICTURES := $(patsubst topologies/%.json,docs/topologies/%.svg,$(wildcard topologies/*.json))
docs: $(PICTURES) ## draw the pictures of docs/topologies.md (needs graphviz)
docs/topologies/%.svg: topologies/%.json $(BIN)/vsw
	@mkdir -p $(@D)
	$(call say,DOT,$@)
	$(Q)$(BIN)/vsw topo graph $< -o $@

.PHONY: bench
bench: ## speed beside Open vSwitch and the Linux bridge, as tables (root); BENCH=tcp,packets: these lines only
	@$(MAKE) -s deps deps-check
	@$(MAKE) -s -j2 all $(BENCHES)
	@tests/bench/run $(if $(BENCH),--only $(BENCH))

.PHONY: install uninstall
INSTALLED := $(PREFIX)/bin/vsw $(PREFIX)/sbin/vsw-switchd $(PREFIX)/sbin/vsw-vmm $(PREFIX)/share/man/man8/vsw.8 $(PREFIX)/share/man/man8/vsw-switchd.8 $(PREFIX)/share/man/man8/vsw-vmm.8 \
	$(PREFIX)/share/man/man5/vsw-topology.5 $(PREFIX)/share/bash-completion/completions/vsw $(PREFIX)/lib/systemd/system/vsw-switchd.service
install: all ## install under DESTDIR and PREFIX (/usr)
	install -D -m 0755 $(BIN)/vsw $(DESTDIR)$(PREFIX)/bin/vsw
	install -D -m 0755 $(BIN)/vsw-switchd $(DESTDIR)$(PREFIX)/sbin/vsw-switchd
	install -D -m 0755 $(BIN)/vsw-vmm $(DESTDIR)$(PREFIX)/sbin/vsw-vmm
	install -D -m 0644 docs/man/vsw.8 $(DESTDIR)$(PREFIX)/share/man/man8/vsw.8
	install -D -m 0644 docs/man/vsw-switchd.8 $(DESTDIR)$(PREFIX)/share/man/man8/vsw-switchd.8
	install -D -m 0644 docs/man/vsw-vmm.8 $(DESTDIR)$(PREFIX)/share/man/man8/vsw-vmm.8
	install -D -m 0644 docs/man/vsw-topology.5 $(DESTDIR)$(PREFIX)/share/man/man5/vsw-topology.5
	install -D -m 0644 completions/vsw $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vsw
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@SBINDIR@|$(PREFIX)/sbin|;s|@BINDIR@|$(PREFIX)/bin|' packaging/vsw-switchd.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/vsw-switchd.service
	chmod 0644 $(DESTDIR)$(PREFIX)/lib/systemd/system/vsw-switchd.service

uninstall: ## remove what install put there
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
ifneq ($(DESTDIR),)
	@cd $(DESTDIR)/ && rmdir -p --ignore-fail-on-non-empty $(patsubst /%,%,$(sort $(dir $(INSTALLED)))) 2>/dev/null || :
endif

.PHONY: clean
clean: ## remove everything built
	rm -rf build

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | while IFS="$$(printf '\t')" read -r t d; do printf '%-16s %s\n' "$$t" "$$d"; done
	@printf '\n%s\n' 'Variables:'
	@printf '%-24s %s\n' SAN=address,undefined 'build into build/san with these sanitizers' COV=1 'build into build/cov, counting coverage' \
		PREFIX=DIR 'where install puts things (default /usr)' DESTDIR=DIR 'a root to install below, for packages' \
		FUZZ_SECONDS=N 'how long fuzz fuzzes each target (default 600)' V=1 'show the commands'

-include $(shell find $(O) -name '*.d' 2>/dev/null)
