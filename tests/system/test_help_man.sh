#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The help texts and the man pages name the same commands and the same options, both ways; the pages are well-formed.
. "$(dirname "$0")/../lib.sh"
MAN=$TOP/docs/man

if ! command -v mandoc >/dev/null; then
	skip "man pages" "no mandoc"
	finish
fi
for page in "$MAN"/*.[0-9]; do
	check "mandoc finds no fault in $(basename "$page")" mandoc -Tlint -W warning "$page"
done

# Of vsw(8): "COMMAND" or "COMMAND --option" lines, from the .It lines of the section COMMANDS.
man_commands()
{
	awk '/^\.Sh /{ on = $2 == "COMMANDS" }
	on && $1 == ".It" && $2 == "Ic" {
		print $3
		for (i = 4; i <= NF; i++)
			if ($i == "Fl") print $3 " -" $(i + 1)
	}' "$MAN/vsw.8" | sort
}
# The same from `vsw --help` and `vsw help COMMAND`.
help_commands()
{
	vsw --help | sed -n '/^Options:/q; s/^  \([a-z][a-z-]*\).*/\1/p' | while read -r c; do
		echo "$c"
		vsw help "$c" | sed -n "s/^  \(-[a-zA-Z], \)\?\(--[a-z-]*\).*/$c \2/p"
	done | sort
}
same "vsw --help and vsw(8): commands and their options" "$(help_commands)" "$(man_commands)"

# Global options, with their letters.
man_options()
{
	awk '/^\.Sh /{ on = $2 == "OPTIONS" }
	on && $1 == ".It" { for (i = 2; i <= NF; i++) if ($i == "Fl") print "-" $(i + 1) }' "$1" | sort
}
same "vsw --help and vsw(8): global options" \
	"$(vsw --help | sed -n '/^Options:/,$p' | grep -oE '^  (-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '-[-a-zA-Z]+' | sort)" "$(man_options "$MAN/vsw.8")"
same "vsw-switchd --help and vsw-switchd(8): options" \
	"$(vsw-switchd --help | grep -oE '^ +--[a-z-]+' | tr -d ' ' | sort)" "$(man_options "$MAN/vsw-switchd.8")"
same "vsw-vmm --help and vsw-vmm(8): options" \
	"$(vsw-vmm --help | grep -oE '^ +--[a-z-]+' | tr -d ' ' | sort)" "$(man_options "$MAN/vsw-vmm.8")"

# What the text of the pages says about arguments is what the table says.
man_synopsis()
{
	mandoc -Tutf8 -O width=500 "$MAN/vsw.8" | col -bx | sed -n 's/^ \{5\}\([a-z].*\)$/\1/p' | sed 's/ | /|/g; s/\[--[^ ]*\(\[=[^ ]*\]\)\?\] //g; s/ *$//'
}
for c in add-br add-port get remove diff-flows trace fdb log topo dummy time service; do
	synopsis=$(vsw help "$c" | sed -n 's/^usage: vsw \[OPTIONS\] //p' | sed 's/ \[OPTIONS\]//; s/ | /|/g')
	check "synopsis of $c" grep -qxF -- "$synopsis" <(man_synopsis)
done

# Keys of topology files: what the parser's tables know, vsw-topology(5) explains.
for key in $(sed -n '/^static const struct json_key/,/^};/p' "$TOP"/ctl/topo_*.c | grep -oE '\{"[a-z0-9_]+", read_' | cut -d'"' -f2 | sort -u); do
	check "vsw-topology(5) explains '$key'" grep -qE "^\.(It )?Cm $key\b" "$MAN/vsw-topology.5"
done
finish
