# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch as the judge of translation; see ../ovs_judge."""
