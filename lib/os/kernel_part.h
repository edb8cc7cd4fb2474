/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the kernel that may be built in, a module, or absent: is one there?
 *
 * Nothing is loaded to find out. Where there is no folder of modules (and so nothing that could be loaded), a kind of network device is tried in
 * a namespace made for the purpose.
 */
#ifndef OS_KERNEL_PART_H
#define OS_KERNEL_PART_H 1

enum kernel_part {
	KERNEL_PART_HERE,     /**< built in or loaded */
	KERNEL_PART_LOADABLE, /**< a module that is loaded when it is needed */
	KERNEL_PART_ABSENT,
	KERNEL_PART_UNKNOWN,
};

/**
 * kernel_part_find() - by the name of its module
 * @module: "vxlan", "sch_htb"
 * @link_kind: what `ip link add type` calls it, "vxlan"; NULL: it is no network device
 */
enum kernel_part kernel_part_find(const char *module, const char *link_kind);

#endif
