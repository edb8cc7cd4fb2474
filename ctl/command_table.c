// SPDX-License-Identifier: Apache-2.0
/*
 * What `vsw` can do: the table that ctl/command.h describes. Add a command here, its handler in a cmd_*.c, its paragraph in
 * docs/man/vsw.8; help, checks and completion follow.
 */
#include "ctl/command.h"

#include "ctl/handlers.h"

const char *const group_titles[N_GROUPS] = {
	[GROUP_BRIDGE] = "Bridges and ports",
	[GROUP_DB] = "Database",
	[GROUP_FLOW] = "Flows",
	[GROUP_LOOK] = "Looking inside",
	[GROUP_LAB] = "Topologies and tests",
	[GROUP_SERVICE] = "The service",
};

/* clang-format off */
const struct command_option global_options[] = {
	{ "--rundir", "DIR", "run folder of the daemon (default: $VSW_RUNDIR, or /run/vsw)", 0 },
	{ "--json", NULL, "print JSON", 'j' },
	{ "--timeout", "SECS", "give up after this long (default 10; 0: never)", 't' },
	{ "--dry-run", NULL, "database commands: check everything, change nothing", 0 },
	{ "--format", "FORMAT", "list and find: list, table, csv or json", 'f' },
	{ "--data", "FORMAT", "list and find: cells as string, bare or json", 'd' },
	{ "--bare", NULL, "the same as --format=list --data=bare --no-headings", 0 },
	{ "--no-headings", NULL, "list and find: leave out the headings", 0 },
	{ "--oneline", NULL, "database commands: one line of output per command", 0 },
	{ "--no-wait", NULL, "taken for the sake of old scripts; changes nothing", 0 },
	{ "--help", NULL, "this overview, or the page of the command", 'h' },
	{ "--version", NULL, "the version of vsw", 'V' },
	{ NULL, NULL, NULL, 0 },
};

#define OPTIONS(...) (const struct command_option[]){ __VA_ARGS__, { NULL, NULL, NULL, 0 } }
#define MAY_EXIST { "--may-exist", NULL, "it may be there already", 0 }
#define IF_EXISTS { "--if-exists", NULL, "do nothing when there is none", 0 }
#define COLUMNS { "--columns", "COLUMN,...", "only these columns, in this order", 0 }
#define ID { "--id", "@NAME", "a name for the row within this line", 0 }
#define STRICT { "--strict", NULL, "only the flow with exactly this match and priority", 0 }
#define NAMES { "--names", NULL, "port names instead of numbers", 0 }
#define NO_NAMES { "--no-names", NULL, "port numbers (the default)", 0 }

const struct command commands[] = {
	/* name, synopsis, help, group, min, max, words, choices, options, run */
	{ "show", "", "overview of the switch", GROUP_BRIDGE, 0, 0, { WORD_END }, NULL, NULL, NULL },
	{ "add-br", "BRIDGE [PARENT VLAN] [COLUMN[:KEY]=VALUE]...", "create a bridge", GROUP_BRIDGE, 1, ANY_ARGS,
	  { WORD_ANY, WORD_SETTING }, NULL, OPTIONS(MAY_EXIST), NULL },
	{ "del-br", "BRIDGE", "delete a bridge and its ports", GROUP_BRIDGE, 1, 1,
	  { WORD_BRIDGE }, NULL, OPTIONS(IF_EXISTS), NULL },
	{ "list-br", "", "names of the bridges", GROUP_BRIDGE, 0, 0, { WORD_END }, NULL,
	  OPTIONS({ "--real", NULL, "no fake bridges", 0 }, { "--fake", NULL, "only fake bridges", 0 }), NULL },
	{ "br-exists", "BRIDGE", "exit 2 when there is no such bridge", GROUP_BRIDGE, 1, 1,
	  { WORD_BRIDGE }, NULL, NULL, NULL },
	{ "br-to-vlan", "BRIDGE", "the VLAN that a bridge is on", GROUP_BRIDGE, 1, 1,
	  { WORD_BRIDGE }, NULL, NULL, NULL },
	{ "br-to-parent", "BRIDGE", "the bridge that a fake bridge is part of", GROUP_BRIDGE, 1, 1,
	  { WORD_BRIDGE }, NULL, NULL, NULL },
	{ "br-set-external-id", "BRIDGE KEY [VALUE]", "set an external id, or remove it", GROUP_BRIDGE, 2, 3,
	  { WORD_BRIDGE, WORD_ANY }, NULL, NULL, NULL },
	{ "br-get-external-id", "BRIDGE [KEY]", "print one external id, or all", GROUP_BRIDGE, 1, 2,
	  { WORD_BRIDGE, WORD_ANY }, NULL, NULL, NULL },
	{ "add-port", "BRIDGE PORT [COLUMN[:KEY]=VALUE]...", "plug a network device into a bridge", GROUP_BRIDGE, 2, ANY_ARGS,
	  { WORD_BRIDGE, WORD_DEVICE, WORD_SETTING }, NULL, OPTIONS(MAY_EXIST), NULL },
	{ "add-bond", "BRIDGE PORT IFACE...", "plug several devices in as one port", GROUP_BRIDGE, 4, ANY_ARGS,
	  { WORD_BRIDGE, WORD_ANY, WORD_DEVICE }, NULL,
	  OPTIONS(MAY_EXIST, { "--fake-iface", NULL, "also create a device with the name of the bond", 0 }), NULL },
	{ "del-port", "[BRIDGE] PORT", "unplug a port", GROUP_BRIDGE, 1, 2, { WORD_BRIDGE_OR_PORT, WORD_PORT }, NULL,
	  OPTIONS(IF_EXISTS, { "--with-iface", NULL, "PORT may also be the name of an interface of the port", 0 }), NULL },
	{ "list-ports", "BRIDGE", "names of the ports of a bridge", GROUP_BRIDGE, 1, 1,
	  { WORD_BRIDGE }, NULL, NULL, NULL },
	{ "list-ifaces", "BRIDGE", "names of the interfaces of a bridge", GROUP_BRIDGE, 1, 1,
	  { WORD_BRIDGE }, NULL, NULL, NULL },
	{ "port-to-br", "PORT", "the bridge that a port is on", GROUP_BRIDGE, 1, 1,
	  { WORD_PORT }, NULL, NULL, NULL },
	{ "iface-to-br", "IFACE", "the bridge that an interface is on", GROUP_BRIDGE, 1, 1,
	  { WORD_IFACE }, NULL, NULL, NULL },
	{ "get-controller", "BRIDGE", "print the controllers of a bridge", GROUP_BRIDGE, 1, 1,
	  { WORD_BRIDGE }, NULL, NULL, NULL },
	{ "set-controller", "BRIDGE TARGET...", "set the controllers of a bridge", GROUP_BRIDGE, 1, ANY_ARGS,
	  { WORD_BRIDGE, WORD_ANY }, NULL, NULL, NULL },
	{ "del-controller", "BRIDGE", "remove the controllers of a bridge", GROUP_BRIDGE, 1, 1,
	  { WORD_BRIDGE }, NULL, NULL, NULL },
	{ "get-fail-mode", "BRIDGE", "print the fail mode of a bridge", GROUP_BRIDGE, 1, 1,
	  { WORD_BRIDGE }, NULL, NULL, NULL },
	{ "set-fail-mode", "BRIDGE standalone|secure", "what a bridge does without a controller", GROUP_BRIDGE, 2, 2,
	  { WORD_BRIDGE, WORD_CHOICE }, "standalone secure", NULL, NULL },
	{ "del-fail-mode", "BRIDGE", "back to the default fail mode", GROUP_BRIDGE, 1, 1,
	  { WORD_BRIDGE }, NULL, NULL, NULL },
	{ "get-manager", "", "print the managers", GROUP_BRIDGE, 0, 0, { WORD_END }, NULL, NULL, NULL },
	{ "set-manager", "TARGET...", "set the managers", GROUP_BRIDGE, 0, ANY_ARGS, { WORD_ANY }, NULL, NULL, NULL },
	{ "del-manager", "", "remove the managers", GROUP_BRIDGE, 0, 0, { WORD_END }, NULL, NULL, NULL },
	{ "init", "", "make sure that the database is there", GROUP_BRIDGE, 0, 0, { WORD_END }, NULL, NULL, NULL },
	{ "emer-reset", "", "back to a state that is known to work", GROUP_BRIDGE, 0, 0, { WORD_END }, NULL, NULL, NULL },

	{ "list", "TABLE [RECORD]...", "print records", GROUP_DB, 1, ANY_ARGS, { WORD_TABLE, WORD_RECORD }, NULL,
	  OPTIONS(IF_EXISTS, COLUMNS), NULL },
	{ "find", "TABLE [COLUMN[:KEY]=VALUE]...", "print the records that fulfil all conditions", GROUP_DB, 1, ANY_ARGS,
	  { WORD_TABLE, WORD_SETTING }, NULL, OPTIONS(COLUMNS), NULL },
	{ "get", "TABLE RECORD [COLUMN[:KEY]]...", "print values", GROUP_DB, 2, ANY_ARGS,
	  { WORD_TABLE, WORD_RECORD, WORD_COLUMN }, NULL, OPTIONS(IF_EXISTS, ID), NULL },
	{ "set", "TABLE RECORD COLUMN[:KEY]=VALUE...", "set values", GROUP_DB, 3, ANY_ARGS,
	  { WORD_TABLE, WORD_RECORD, WORD_SETTING }, NULL, OPTIONS(IF_EXISTS), NULL },
	{ "add", "TABLE RECORD COLUMN [KEY=]VALUE...", "add values to a set or map", GROUP_DB, 4, ANY_ARGS,
	  { WORD_TABLE, WORD_RECORD, WORD_COLUMN, WORD_ANY }, NULL, OPTIONS(IF_EXISTS), NULL },
	{ "remove", "TABLE RECORD COLUMN KEY|VALUE|KEY=VALUE...", "remove values from a set or map", GROUP_DB, 4, ANY_ARGS,
	  { WORD_TABLE, WORD_RECORD, WORD_COLUMN, WORD_ANY }, NULL, OPTIONS(IF_EXISTS), NULL },
	{ "clear", "TABLE RECORD COLUMN...", "empty columns", GROUP_DB, 3, ANY_ARGS,
	  { WORD_TABLE, WORD_RECORD, WORD_COLUMN }, NULL, OPTIONS(IF_EXISTS), NULL },
	{ "create", "TABLE COLUMN[:KEY]=VALUE...", "create a record and print its UUID", GROUP_DB, 2, ANY_ARGS,
	  { WORD_TABLE, WORD_SETTING }, NULL, OPTIONS(ID), NULL },
	{ "destroy", "TABLE RECORD...", "delete records", GROUP_DB, 1, ANY_ARGS, { WORD_TABLE, WORD_RECORD }, NULL,
	  OPTIONS(IF_EXISTS, { "--all", NULL, "every record of the table", 0 }), NULL },
	{ "wait-until", "TABLE RECORD [COLUMN[:KEY]=VALUE]...", "wait until all conditions hold", GROUP_DB, 2, ANY_ARGS,
	  { WORD_TABLE, WORD_RECORD, WORD_SETTING }, NULL, NULL, NULL },

	{ "add-flow", "BRIDGE FLOW", "add a flow, or replace the one with its match", GROUP_FLOW, 2, 2,
	  { WORD_BRIDGE, WORD_ANY }, NULL, NULL, cmd_add_flow },
	{ "add-flows", "BRIDGE FILE", "add the flows of a file (- for standard input), all or none", GROUP_FLOW, 2, 2,
	  { WORD_BRIDGE, WORD_FILE }, NULL, NULL, cmd_add_flows },
	{ "mod-flows", "BRIDGE FLOW|FILE", "give flows other actions", GROUP_FLOW, 2, 2,
	  { WORD_BRIDGE, WORD_FILE }, NULL, OPTIONS(STRICT), cmd_mod_flows },
	{ "del-flows", "[BRIDGE [FLOW|FILE]]", "delete flows; all of the bridge without FLOW", GROUP_FLOW, 0, 2,
	  { WORD_BRIDGE, WORD_FILE }, NULL, OPTIONS(STRICT), cmd_del_flows },
	{ "replace-flows", "BRIDGE FILE", "make the flows those of a file, touching what differs", GROUP_FLOW, 2, 2,
	  { WORD_BRIDGE, WORD_FILE }, NULL, NULL, cmd_replace_flows },
	{ "diff-flows", "BRIDGE|FILE BRIDGE|FILE", "how two sets of flows differ; exit 2 when they do", GROUP_FLOW, 2, 2,
	  { WORD_BRIDGE_OR_FILE, WORD_BRIDGE_OR_FILE }, NULL, NULL, cmd_diff_flows },
	{ "dump-flows", "[BRIDGE [FLOW]]", "print flows", GROUP_FLOW, 0, 2, { WORD_BRIDGE, WORD_ANY }, NULL,
	  OPTIONS({ "--no-stats", NULL, "without counters and times", 0 },
		  { "--sort", "[FIELD]", "lowest first, by a field (default: priority)", 0 },
		  { "--rsort", "[FIELD]", "highest first, by a field (default: priority)", 0 }, NAMES, NO_NAMES),
	  cmd_dump_flows },
	{ "dump-aggregate", "[BRIDGE [FLOW]]", "packets, bytes and number of flows", GROUP_FLOW, 0, 2,
	  { WORD_BRIDGE, WORD_ANY }, NULL, NULL, cmd_dump_aggregate },
	{ "dump-tables", "[BRIDGE]", "tables with their lookups and matches", GROUP_FLOW, 0, 1,
	  { WORD_BRIDGE }, NULL, NULL, cmd_dump_tables },
	{ "dump-ports", "[BRIDGE [PORT]]", "counters of ports", GROUP_FLOW, 0, 2, { WORD_BRIDGE, WORD_PORT }, NULL,
	  OPTIONS(NAMES, NO_NAMES), cmd_dump_ports },
	{ "dump-ports-desc", "[BRIDGE [PORT]]", "numbers, addresses and states of ports", GROUP_FLOW, 0, 2,
	  { WORD_BRIDGE, WORD_PORT }, NULL, NULL, cmd_dump_ports_desc },
	{ "mod-port", "BRIDGE PORT ACTION", "change what a port does", GROUP_FLOW, 3, 3,
	  { WORD_BRIDGE, WORD_PORT, WORD_CHOICE },
	  "up down flood no-flood receive no-receive forward no-forward stp no-stp receive-stp no-receive-stp "
	  "packet-in no-packet-in", NULL, cmd_mod_port },

	{ "trace", "[BRIDGE [FLOW [PACKETHEX]]]", "what the switch would do with a packet, and why", GROUP_LOOK, 0, 3,
	  { WORD_BRIDGE, WORD_ANY }, NULL,
	  OPTIONS({ "--hex", "BYTES", "this packet", 0 },
		  { "--pcap", "FILE[:N]", "the packets of a capture, or its N-th", 0 },
		  { "--port", "PORT", "the port that it comes in on", 0 },
		  { "--last", NULL, "with --port: the last packet that the port dropped", 0 },
		  { "--generate", NULL, "make up a packet of this flow", 0 }, NAMES, NO_NAMES), cmd_trace },
	{ "fdb", "[show [BRIDGE] | flush [BRIDGE [PORT]] | add BRIDGE PORT VLAN MAC | del BRIDGE VLAN MAC]",
	  "the MAC table", GROUP_LOOK, 0, 5, { WORD_CHOICE, WORD_BRIDGE, WORD_PORT, WORD_ANY }, "show flush add del",
	  OPTIONS({ "--vlan", "VLAN", "flush: only this VLAN", 0 }), cmd_fdb },
	{ "dump-dp-flows", "[BRIDGE]", "the flows that the datapath runs on", GROUP_LOOK, 0, 1, { WORD_BRIDGE }, NULL,
	  OPTIONS(NAMES, NO_NAMES), cmd_dump_dp_flows },
	{ "dp-show", "", "datapaths with their ports, hits and misses", GROUP_LOOK, 0, 0, { WORD_END }, NULL, NULL,
	  cmd_dp_show },
	{ "events", "", "what happened lately: ports, links, addresses that moved, loops", GROUP_LOOK, 0, 0, { WORD_END },
	  NULL, OPTIONS({ "--follow", NULL, "go on, until interrupted or the daemon ends", 'f' },
			{ "--count", "N", "the last N (default 20), with --follow then N more", 'n' }), cmd_events },
	{ "log", "[[MODULE:]LEVEL]... | list | reopen", "show or set what is logged: off, err, warn, info, dbg", GROUP_LOOK,
	  0, ANY_ARGS, { WORD_CHOICE }, "off err warn info dbg list reopen", NULL, cmd_log },
	{ "version", "", "versions of vsw and of the daemon", GROUP_LOOK, 0, 0, { WORD_END }, NULL, NULL, cmd_version },

	{ "topo", "up|down|status|test|graph FILE | exec FILE HOST COMMAND...", "namespaces, links and bridges from a file",
	  GROUP_LAB, 1, ANY_ARGS, { WORD_CHOICE, WORD_FILE, WORD_ANY }, "up down status test graph exec",
	  OPTIONS({ "--private", NULL, "up, test: a daemon of its own even if one is running", 0 },
		  { "--datapath", "TYPE", "up, test: datapath of the private daemon", 0 },
		  { "--output", "FILE", "graph: into this file; FILE.svg is a picture, else text for dot", 'o' }), cmd_topo },
	{ "dummy", "receive PORT HEX|FLOW", "hand a frame to a port of type=dummy", GROUP_LAB, 3, 3,
	  { WORD_CHOICE, WORD_PORT, WORD_ANY }, "receive", NULL, cmd_dummy },
	{ "time", "stop | warp MS", "stop the clock of the daemon, or move it on", GROUP_LAB, 1, 2,
	  { WORD_CHOICE, WORD_ANY }, "stop warp", NULL, cmd_time },

	{ "service", "start|stop|restart|status", "the daemon, with systemd or without", GROUP_SERVICE, 1, 1,
	  { WORD_CHOICE }, "start stop restart status",
	  OPTIONS({ "--db", "FILE", "start: database (default: /var/lib/vsw/conf.db)", 0 },
		  { "--datapath", "TYPE", "start: ebpf, user or dummy", 0 }), cmd_service },
	{ "help", "[COMMAND]", "this overview, or the page of a command", GROUP_SERVICE, 0, 1, { WORD_COMMAND }, NULL,
	  NULL, cmd_help },
};
/* clang-format on */

const size_t n_commands = ARRAY_SIZE(commands);
