"""A receiver of webhooks in a process of its own: `receiver.py PORT FOLDER`.

Every request that arrives is a file in the folder, headers first, before it is answered as the next line of the file
`orders` says: a status code, `hang` for never, or 204 where no line is left.
"""

import http.server
import json
import pathlib
import sys
import threading
import uuid

FOLDER = pathlib.Path(sys.argv[2])
LOCK = threading.Lock()


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes news."""

    def do_POST(self) -> None:
        """Keeps one piece of news and answers as ordered."""
        body = self.rfile.read(int(self.headers["content-length"]))
        told = {"path": self.path, "headers": {key.lower(): value for key, value in self.headers.items()}}
        name = FOLDER / f"{uuid.uuid4().hex}.json"
        name.with_suffix(".part").write_text(json.dumps({**told, "body": body.decode()}))
        name.with_suffix(".part").rename(name)
        answer = self.order()
        if answer == "hang":
            threading.Event().wait()
        self.send_response(int(answer))
        self.send_header("set-cookie", "who=me")
        if answer.startswith("3"):
            self.send_header("location", "/elsewhere")
        self.end_headers()

    def order(self) -> str:
        """Takes the next order."""
        with LOCK:
            orders = FOLDER / "orders"
            first, *rest = orders.read_text().split() or ["204"]
            orders.write_text("\n".join(rest))
        return first

    def log_message(self, *_: object) -> None:
        """Says nothing."""


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
