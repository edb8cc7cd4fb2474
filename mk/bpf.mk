# SPDX-License-Identifier: Apache-2.0
# The BPF programs: clang makes the object, bpftool a header that carries it into the daemon. The object is the same for every flavour.
BPF_GEN := $(O)/gen/bpf
BPF_CFLAGS := -target bpf -D__BPF__ -O2 -g -mcpu=v3 -Wall -Wextra -Wno-sign-compare -Wno-unused-function -Werror -Iinclude -I/usr/include/$(shell gcc -dumpmachine)
BPFTOOL ?= $(or $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool),bpftool)

$(BPF_GEN)/%.bpf.o: switchd/bpf/%.bpf.c $(wildcard switchd/bpf/*.h include/vsw/*.h) mk/bpf.mk
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

.SECONDARY: $(BPF_GEN)/fastpath.bpf.o
$(BPF_GEN)/%.skel.h: $(BPF_GEN)/%.bpf.o
	$(Q){ echo '/* NOLINTBEGIN */' && $(BPFTOOL) gen skeleton $< name $* && echo '/* NOLINTEND */'; } >$@.tmp && mv $@.tmp $@

$(O)/switchd/datapath/ebpf_load.o $(O)/tests/bench/bench_bpf.o: $(BPF_GEN)/fastpath.skel.h
