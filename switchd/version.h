/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SWITCHD_VERSION_H
#define SWITCHD_VERSION_H 1

#define VSW_VERSION "0.1.0"

#endif
