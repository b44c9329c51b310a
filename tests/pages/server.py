"""Serves the pages as the bridge does, with states that a test sets; records what pages send."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import states

PAGES = Path(__file__).resolve().parents[2] / "reader" / "pages"
# As in `reader/src/kiosk/guard.rs`.
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; object-src 'none'"
PERMISSIONS = "camera=(self), microphone=(), geolocation=(), usb=(), serial=()"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
NAMES = {"/kiosk", "/counter", "/self-test", "/test-cards"}


class Bridge:
    """One server on a port of its own."""

    def __init__(self):
        self.states = {"/kiosk/events": states.KIOSK["empty"], "/counter/events": states.COUNTER["nothing"]}
        self.json = {"/self-test.json": states.SELF_TEST, "/test-cards/list": states.TEST_CARDS}
        self.sent = []
        self.frames = []
        self.reply = (202, None)
        self.changed = threading.Condition()
        self.is_up = True
        bridge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def head(self, status, media, length=None):
                self.send_response(status)
                self.send_header("content-type", f"{media}; charset=utf-8")
                self.send_header("content-security-policy", POLICY)
                self.send_header("permissions-policy", PERMISSIONS)
                self.send_header("cache-control", "no-store")
                if length is None:
                    self.send_header("connection", "close")
                else:
                    self.send_header("content-length", str(length))
                self.end_headers()

            def give(self, status, media, body):
                self.head(status, media, len(body))
                self.wfile.write(body)

            def do_GET(self):
                if self.path in bridge.states:
                    return self.follow(bridge.states)
                if self.path in bridge.json:
                    return self.give(200, "application/json", json.dumps(bridge.json[self.path]).encode())
                name = f"{self.path[1:]}.html" if self.path in NAMES else self.path[1:]
                file = (PAGES / name).resolve()
                if not file.is_file() or PAGES not in file.parents:
                    return self.give(404, "text/plain", b"")
                return self.give(200, TYPES[file.suffix], file.read_bytes())

            def follow(self, all_states):
                if not bridge.is_up:
                    return self.give(503, "text/plain", b"")
                self.head(200, "text/event-stream")
                last = None
                while bridge.is_up:
                    with bridge.changed:
                        bridge.changed.wait_for(lambda: all_states[self.path] is not last or not bridge.is_up, timeout=1)
                        new = all_states[self.path]
                    try:
                        if new is not last:
                            self.wfile.write(f"event: state\ndata: {json.dumps(new)}\n\n".encode())
                            last = new
                        else:
                            self.wfile.write(b": still here\n\n")
                    except OSError:
                        return

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path.startswith("/kiosk/frame?"):
                    with bridge.changed:
                        bridge.frames.append((parse_qs(urlsplit(self.path).query), body))
                        bridge.changed.notify_all()
                    return self.give(202, "text/plain", b"")
                body = json.loads(body)
                with bridge.changed:
                    bridge.sent.append((self.path, body))
                    bridge.changed.notify_all()
                status, said = bridge.reply
                self.give(status, "application/json", json.dumps(said).encode())

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def show(self, page, new):
        """Sends a state to a page."""
        with self.changed:
            self.states[f"/{page}/events"] = dict(new)
            self.changed.notify_all()

    def hang_up(self, is_up=False):
        """Ends all streams, or lets them in again."""
        with self.changed:
            self.is_up = is_up
            self.changed.notify_all()

    def await_frames(self, count):
        """The next frames that a page sends; the ones before are forgotten."""
        with self.changed:
            self.frames.clear()
            assert self.changed.wait_for(lambda: len(self.frames) >= count, timeout=20), "no frames were sent"
            return list(self.frames)

    def await_sent(self):
        """The next thing that a page sends."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.sent, timeout=10), "nothing was sent"
            return self.sent.pop(0)
