/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions behind the command table, by file. Each returns the exit status of the program.
 */
#ifndef CTL_HANDLERS_H
#define CTL_HANDLERS_H 1

#include <stddef.h>

struct ctl;
struct invocation;

/** db_run() - cmd_db.c: the database commands of a line, as one transaction. Return: exit status. */
int db_run(struct ctl *ctl, const struct invocation *invs, size_t n);

/* cmd_flow.c */
int cmd_add_flow(struct ctl *ctl, const struct invocation *inv);
int cmd_add_flows(struct ctl *ctl, const struct invocation *inv);
int cmd_mod_flows(struct ctl *ctl, const struct invocation *inv);
int cmd_del_flows(struct ctl *ctl, const struct invocation *inv);
int cmd_replace_flows(struct ctl *ctl, const struct invocation *inv);
int cmd_diff_flows(struct ctl *ctl, const struct invocation *inv);
int cmd_dump_flows(struct ctl *ctl, const struct invocation *inv);
int cmd_dump_aggregate(struct ctl *ctl, const struct invocation *inv);
int cmd_dump_tables(struct ctl *ctl, const struct invocation *inv);

/* cmd_port.c */
int cmd_dump_ports(struct ctl *ctl, const struct invocation *inv);
int cmd_dump_ports_desc(struct ctl *ctl, const struct invocation *inv);
int cmd_set_link(struct ctl *ctl, const struct invocation *inv);
int cmd_get_link(struct ctl *ctl, const struct invocation *inv);
int cmd_mod_port(struct ctl *ctl, const struct invocation *inv);

/* cmd_meter.c */
int cmd_add_meter(struct ctl *ctl, const struct invocation *inv);
int cmd_mod_meter(struct ctl *ctl, const struct invocation *inv);
int cmd_del_meters(struct ctl *ctl, const struct invocation *inv);
int cmd_dump_meters(struct ctl *ctl, const struct invocation *inv);
int cmd_meter_stats(struct ctl *ctl, const struct invocation *inv);
int cmd_meter_features(struct ctl *ctl, const struct invocation *inv);

/* cmd_bond.c */
int cmd_bond(struct ctl *ctl, const struct invocation *inv);
int cmd_lacp(struct ctl *ctl, const struct invocation *inv);

/* cmd_qos.c */
int cmd_qos(struct ctl *ctl, const struct invocation *inv);
int cmd_queue_stats(struct ctl *ctl, const struct invocation *inv);
int cmd_queue_get_config(struct ctl *ctl, const struct invocation *inv);

/* cmd_look.c */
int cmd_hosts(struct ctl *ctl, const struct invocation *inv);
int cmd_fdb(struct ctl *ctl, const struct invocation *inv);
int cmd_dump_dp_flows(struct ctl *ctl, const struct invocation *inv);
int cmd_dp_show(struct ctl *ctl, const struct invocation *inv);
int cmd_log(struct ctl *ctl, const struct invocation *inv);
int cmd_version(struct ctl *ctl, const struct invocation *inv);

/* cmd_capture.c */
int cmd_capture(struct ctl *ctl, const struct invocation *inv);

/* cmd_doctor.c */
int cmd_doctor(struct ctl *ctl, const struct invocation *inv);

/* cmd_top.c */
int cmd_top(struct ctl *ctl, const struct invocation *inv);

/* cmd_events.c */
int cmd_events(struct ctl *ctl, const struct invocation *inv);
/* cmd_drops.c */
int cmd_drops(struct ctl *ctl, const struct invocation *inv);

/* cmd_trace.c */
int cmd_why(struct ctl *ctl, const struct invocation *inv);
int cmd_trace(struct ctl *ctl, const struct invocation *inv);

/* cmd_topo.c */
int cmd_save(struct ctl *ctl, const struct invocation *inv);
int cmd_apply(struct ctl *ctl, const struct invocation *inv);
int cmd_uplink(struct ctl *ctl, const struct invocation *inv);
int cmd_iface_list(struct ctl *ctl, const struct invocation *inv);
int cmd_topo(struct ctl *ctl, const struct invocation *inv);

/* cmd_dummy.c */
int cmd_dummy(struct ctl *ctl, const struct invocation *inv);
int cmd_time(struct ctl *ctl, const struct invocation *inv);

/* cmd_service.c */
int cmd_service(struct ctl *ctl, const struct invocation *inv);

/* help.c, complete.c */
int cmd_help(struct ctl *ctl, const struct invocation *inv);
/** complete() - candidates for the last of @n words (it may be ""), one a line. */
int complete(struct ctl *ctl, size_t n, const char *const words[]);
/** help_command() - the page of one command on stdout. */
struct command;
void help_command(const struct command *command);
void help_overview(void);

#endif
