/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VSW_VERSION_H
#define VSW_VERSION_H 1

/** The version of everything in this tree; CHANGELOG.md says what is in it. */
#define VSW_VERSION "0.1.0"

#endif
