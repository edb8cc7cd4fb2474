# SPDX-License-Identifier: Apache-2.0
# The schema text as a C string literal, one per line of the file.
$(O)/gen/ovsdb/vswitch_ovsschema.h: lib/ovsdb/vswitch.ovsschema mk/ovsdb.mk
	@mkdir -p $(@D)
	$(Q)sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $< >$@

$(O)/lib/ovsdb/schema_vswitch.o: $(O)/gen/ovsdb/vswitch_ovsschema.h
