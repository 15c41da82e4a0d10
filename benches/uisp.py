"""A UISP that answers with the files of an export, for `benches/scale.sh`: DIRECTORY. Prints its address and serves until
it is killed. It checks no credentials and knows the requests of `weir fetch` only."""

import http.server
import json
import os
import sys
import urllib.parse

directory = sys.argv[1]
whole = {"sites", "devices", "data-links"}
paged = {"clients": "crm-clients", "clients/services": "crm-services", "service-plans": "crm-plans"}


def read(name):
    with open(os.path.join(directory, name + ".json"), "rb") as file:
        return file.read()


rows = {path: json.loads(read(name)) for path, name in paged.items()}


class Uisp(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(asked.query))
        nms = asked.path.removeprefix("/nms/api/v2.1/")
        crm = asked.path.removeprefix("/crm/api/v1.0/")
        if nms in whole:
            body = read(nms)
        elif nms == "nms/version":
            body = b'{"version": "2.4.155"}'
        elif crm in rows:
            offset, limit = int(query.get("offset", 0)), int(query.get("limit", len(rows[crm]) + 1))
            body = json.dumps(rows[crm][offset : offset + limit], separators=(",", ":")).encode()
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Uisp)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
