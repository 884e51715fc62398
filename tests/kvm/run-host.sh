#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In the nested rig's host: the programs of this folder, and what they leave.

cd "$(dirname "$(readlink -f "$0")")" || exit 1
./test_body || failed=1
./test_bad || failed=1
./test_state || failed=1
./test_race || failed=1
exit $((failed))
