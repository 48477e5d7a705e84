"""A host with three services whose banners show versions with known vulnerabilities.

usage: victim.py FOLDER. A file named after a port in FOLDER (21, 22, 80) means that this service was patched: its banner
shows a fixed version from the next connection on, so a rescan proves the patch.
"""
import pathlib
import socket
import sys
import threading

FOLDER = pathlib.Path(sys.argv[1])
HTTP = "HTTP/1.1 200 OK\r\nServer: Apache/{} (Unix)\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
# port: banner while vulnerable, banner once patched, whether the client speaks first
SERVICES = {
    21: ("220 (vsFTPd 2.3.4)\r\n", "220 (vsFTPd 3.0.5)\r\n", False),
    22: ("SSH-2.0-OpenSSH_9.5p1 Debian-1\r\n", "SSH-2.0-OpenSSH_9.9p1 Debian-1\r\n", False),
    80: (HTTP.format("2.4.49"), HTTP.format("2.4.62"), True),
}


def answer(client, port):
    vulnerable, patched, listens_first = SERVICES[port]
    try:
        client.settimeout(5)
        if listens_first:
            client.recv(2048)
        client.sendall((patched if (FOLDER / str(port)).exists() else vulnerable).encode())
        if not listens_first:
            client.recv(2048)
    except OSError:
        pass
    finally:
        client.close()


def serve(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(64)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=answer, args=(client, port), daemon=True).start()


for number in SERVICES:
    threading.Thread(target=serve, args=(number,), daemon=True).start()
threading.Event().wait()
