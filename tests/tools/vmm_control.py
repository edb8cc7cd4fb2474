#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmm_control.py SOCKET METHOD [PARAMS] [--fd FILE [--readonly]]: one request to a guest's control socket (docs/vmm-control.md).

Prints the result as JSON; a refusal goes to standard error, with exit status 1. FILE's descriptor goes along with the request.
"""
import json
import os
import socket
import sys

args = sys.argv[1:]
fds = []
if "--fd" in args:
    i = args.index("--fd")
    fds = [os.open(args[i + 1], os.O_RDONLY if "--readonly" in args else os.O_RDWR)]
    args = args[:i]
request = {"method": args[1], "params": json.loads(args[2]) if len(args) > 2 else {}, "id": 1}
with socket.socket(socket.AF_UNIX) as s:
    s.connect(args[0])
    socket.send_fds(s, [(json.dumps(request) + "\n").encode()], fds)
    answer = b""
    while not answer.endswith(b"\n"):
        part = s.recv(65536)
        if not part:
            sys.exit("the connection ended")
        answer += part
answer = json.loads(answer)
if answer["error"]:
    sys.exit(answer["error"]["text"])
print(json.dumps(answer["result"]))
