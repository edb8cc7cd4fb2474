# SPDX-License-Identifier: Apache-2.0
# One non-recursive Makefile; `make help` lists the targets. Objects go to build/<flavour>/, programs to build/bin/.

FLAVOUR := $(if $(SAN),san,$(if $(COV),cov,opt))
O := build/$(FLAVOUR)
# The plain flavour's programs live at build/bin; the others beside their objects.
BIN := $(if $(filter opt,$(FLAVOUR)),build/bin,$(O)/bin)

PREFIX ?= /usr
DESTDIR ?=
CC ?= gcc
CLANG ?= clang
PKGS := jansson sqlite3 liburcu libnl-3.0 libnl-route-3.0 libmnl libpcap libbpf
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 \
	-Wno-format-nonliteral -Wno-format-truncation
WERROR ?= -Werror
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Ilib -I. -I$(O)/gen
CFLAGS ?= -O2 -g
CFLAGS += -std=gnu11 -fno-strict-aliasing -fstack-protector-strong -pthread $(WARN) $(WERROR)
CFLAGS += $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=undefined -fno-omit-frame-pointer) $(if $(COV),--coverage -O0)
LDFLAGS += -pthread $(if $(SAN),-fsanitize=$(SAN)) $(if $(COV),--coverage)
LDLIBS += $(PKG_LIBS) -lpthread

LIB_SRC := $(wildcard lib/*/*.c)
SWITCHD_SRC := $(wildcard switchd/*.c switchd/*/*.c)
SWITCHD_SRC := $(filter-out %.bpf.c,$(SWITCHD_SRC))
CTL_SRC := $(wildcard ctl/*.c)
VMM_SRC := $(wildcard vmm/*.c vmm/*/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
TOOL_SRC := $(wildcard tests/tools/*.c)

obj = $(patsubst %.c,$(O)/%.o,$(1))
LIB := $(O)/libvsw.a
# The daemon's code without main(), for tests and benchmarks.
SWITCHD_LIB := $(O)/libswitchd.a
UNIT := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(UNIT_SRC))
TOOLS := $(patsubst tests/tools/%.c,$(O)/tests/tools/%,$(TOOL_SRC))
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

$(BIN)/vsw-switchd: $(O)/switchd/main.o $(SWITCHD_LIB) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BIN)/vsw: $(call obj,$(CTL_SRC)) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BIN)/vsw-vmm: $(call obj,$(VMM_SRC)) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(if $(SWITCHD_SRC),$(SWITCHD_LIB)) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

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

.PHONY: unit
unit: $(UNIT) ## build and run the unit tests
	@for t in $(UNIT); do $$t >$$t.log 2>&1 && echo "ok $$(basename $$t)" || { echo "FAILED $$(basename $$t)"; tail -40 $$t.log; exit 1; }; done

.PHONY: clean
clean: ## remove everything built
	rm -rf build

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | while IFS="$$(printf '\t')" read -r t d; do printf '%-16s %s\n' "$$t" "$$d"; done

-include $(shell find $(O) -name '*.d' 2>/dev/null)
