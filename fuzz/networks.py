"""Prints which addresses Python's `ipaddress` calls global, as intervals: the table that the target `egress` compares with.

    python3 fuzz/networks.py > fuzz/networks.txt
"""

import ipaddress
import sys

VERSIONS = (
    (ipaddress.IPv4Address, ipaddress._IPv4Constants, 32),
    (ipaddress.IPv6Address, ipaddress._IPv6Constants, 128),
)


def networks(constants):
    for value in vars(constants).values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
                yield item


print(f"# Written by fuzz/networks.py with Python {sys.version.split()[0]}: first address, last address, verdict.")
for address, constants, bits in VERSIONS:
    starts = {0}
    for network in networks(constants):
        starts |= {int(network.network_address), int(network.broadcast_address) + 1}
    starts = sorted(start for start in starts if start < 2**bits)
    intervals = []
    for start, end in zip(starts, starts[1:] + [2**bits]):
        first = address(start)
        verdict = "global" if first.is_global and not first.is_multicast else "special"
        if intervals and intervals[-1][2] == verdict:
            intervals[-1][1] = address(end - 1)
        else:
            intervals.append([first, address(end - 1), verdict])
    for first, last, verdict in intervals:
        print(first, last, verdict)
