/* SPDX-License-Identifier: Apache-2.0 */
/* Each registers the methods of one group (docs/control-protocol.md) with the control server. */
#ifndef SWITCHD_COMMANDS_H
#define SWITCHD_COMMANDS_H 1

struct loop;

void db_commands_register(struct loop *loop);
/** db_commands_stop() - requests that wait for a condition are refused. */
void db_commands_stop(void);
void flow_commands_register(void);
void flow_dump_register(void);
void port_commands_register(void);
void meter_commands_register(void);
void qos_commands_register(void);
void link_commands_register(void);
void bond_commands_register(void);
void lacp_commands_register(void);
void fdb_commands_register(void);
void dp_commands_register(void);
void capture_commands_register(void);
void doctor_commands_register(void);
void top_commands_register(void);
void event_commands_register(struct loop *loop);
/** event_commands_stop() - nobody is told any more. */
void event_commands_stop(void);
void trace_commands_register(void);
void drop_commands_register(void);
void uplink_commands_register(void);
void apply_commands_register(void);
void host_commands_register(void);
void why_commands_register(void);
void guest_commands_register(void);
/** daemon_commands_register() - version, status, log, time, stop. */
void daemon_commands_register(struct loop *loop);

#endif
