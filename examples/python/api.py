"""A server that loads for a while, as real ones do, and that can be broken: it answers, and does no work any more."""

import http.server
import time


class Api(http.server.BaseHTTPRequestHandler):
    works = True

    def do_GET(self):
        if self.path == "/break":
            Api.works = False
        answer = "working" if Api.works else "stuck"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_):
        pass


time.sleep(2)
http.server.ThreadingHTTPServer(("", 8000), Api).serve_forever()
