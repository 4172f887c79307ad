"""Serves the Git repositories below a folder over https with Basic authentication, through `git http-backend`.

usage: PAIR=USER:PASSWORD https_backend.py BACKEND FOLDER CERTIFICATE KEY
Prints the port it listens on; ends when its standard input does.
"""

import base64
import http.server
import os
import ssl
import subprocess
import sys
import threading
from urllib.parse import urlsplit

BACKEND, FOLDER, CERTIFICATE, KEY = sys.argv[1:5]
WANTED = "Basic " + base64.b64encode(os.environ["PAIR"].encode()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        url = urlsplit(self.path)
        if url.path.startswith("/busy/"):
            return self.send_error(503)
        if url.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", "/" + self.path[len("/moved/"):])
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.headers.get("Authorization") != WANTED:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.send_header("Content-Length", "0")
            return self.end_headers()
        # `/old/` speaks the first protocol, whose servers hand out only what a ref names.
        old = url.path.startswith("/old/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        env = dict(
            os.environ,
            GIT_PROJECT_ROOT=FOLDER,
            GIT_HTTP_EXPORT_ALL="1",
            REMOTE_USER="user",
            REQUEST_METHOD=self.command,
            PATH_INFO=url.path[4:] if old else url.path,
            QUERY_STRING=url.query,
            CONTENT_TYPE=self.headers.get("Content-Type", ""),
            CONTENT_LENGTH=str(len(body)),
            HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
            GIT_PROTOCOL="" if old else self.headers.get("Git-Protocol", ""),
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0="safe.directory",
            GIT_CONFIG_VALUE_0="*",
        )
        head, _, content = subprocess.run([BACKEND], input=body, env=env, stdout=subprocess.PIPE).stdout.partition(
            b"\r\n\r\n"
        )
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self.send_response(status)
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
