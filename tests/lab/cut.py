"""Cuts the last binlog at the first GTID the peer lacks: FAMILY INDEX KNOWN.

KNOWN is the peer's gtid_executed (MySQL) or gtid_binlog_state (MariaDB). Ghosts in one file only.
"""
import os
import re
import struct
import sys
import uuid

family, index, known = sys.argv[1:]
path = os.path.join(os.path.dirname(index), open(index).read().split()[-1])
highest = {}
if family == "mysql":
    for sid, rest in re.findall(r"([0-9a-f-]{36})((?::[0-9-]+)+)", known):
        highest[sid] = int(re.split("[:-]", rest)[-1])
else:
    for domain, server, sequence in re.findall(r"(\d+)-(\d+)-(\d+)", known):
        highest[domain, server] = int(sequence)

data = open(path, "rb").read()
assert data[:4] == b"\xfebin", "not a plain binlog"
assert data[21] & 1, "IN_USE is not set: stopped in order, or restarted since"
at = 4
while at + 19 <= len(data):
    _, kind, server, length = struct.unpack_from("<IBII", data, at)
    if length < 19 or at + length > len(data):
        break
    body = data[at + 19 : at + length]
    if family == "mysql" and kind == 33:
        key, number = str(uuid.UUID(bytes=body[1:17])), struct.unpack_from("<q", body, 17)[0]
    elif family == "mariadb" and kind == 162:
        number, domain = struct.unpack_from("<QI", body)
        key = str(domain), str(server)
    else:
        at += length
        continue
    if number > highest.get(key, 0):
        with open(path, "r+b") as binlog:
            binlog.truncate(at)
            os.fsync(binlog.fileno())
        print(f"{len(data) - at} bytes from {at}")
        sys.exit(0)
    at += length
sys.exit("no GTID the peer lacks")
