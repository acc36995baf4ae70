# SPDX-License-Identifier: Apache-2.0
"""What the tests stand on: servers to start, a raw client, stanza patterns, scenarios."""
