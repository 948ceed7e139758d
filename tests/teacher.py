"""teacher — a server like OpenAI's that behaves as badly as it is told: the tests of trace and tracefilter.

    teacher.py DIR [PLAN]    PLAN: words apart by commas, one for each request; behind the last all are good

DIR/port gets its port, DIR/log a line for each request: what it did, the body, the Authorization header, and how many
requests were under way. A good reply says "Thought WORD." or, where an answer is asked for, DIR/answer's text.
"""
import email.utils, hashlib, http.server, json, os, sys, threading, time

folder = sys.argv[1]
plan = sys.argv[2].split(",") if len(sys.argv) > 2 and sys.argv[2] else []
lock, busy = threading.Lock(), 0


def good(body):
    text = body["messages"][-1]["content"]
    if "Write thought" in text:
        reply = "Thought " + hashlib.md5(json.dumps(body).encode()).hexdigest()[:6] + "."
    else:
        reply = open(folder + "/answer").read()
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": reply}, "finish_reason": "stop",
                                    "logprobs": {"content": [{"token": "x", "logprob": -0.5}] * 2}}]})


class Teacher(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16                      # headers and body leave together

    def log_message(self, *_):
        pass

    def send(self, status, text, headers=(), length=None):
        data = text.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length or len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        global busy
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        key = self.headers.get("Authorization", "")
        with lock:
            busy += 1
            deed = plan.pop(0) if plan else "good"
            with open(folder + "/log", "a") as log:
                log.write(json.dumps({"deed": deed, "path": self.path, "body": text, "key": key, "busy": busy}) + "\n")
        try:
            self.act(deed, text, key)
            with lock, open(folder + "/answered", "a") as log:
                log.write(text + "\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with lock:
                busy -= 1

    def act(self, deed, text, key):
        error = json.dumps({"error": {"message": "you sent <" + key + ">"}})
        if deed == "429":
            self.send(429, error, [("Retry-After", "1")])
        elif deed == "429date":
            self.send(429, error, [("Retry-After", email.utils.formatdate(time.time() + 2, usegmt=True))])
        elif deed == "429long":
            self.send(429, error, [("Retry-After", "86400")])
        elif deed.isdigit():
            self.send(int(deed), error)
        elif deed == "moved":
            self.send(302, "", [("Location", "http://127.0.0.1:%d/elsewhere" % self.server.server_address[1])])
        elif deed == "cut":
            self.send(200, good(json.loads(text))[:20], length=1000)
            self.close_connection = True
        elif deed == "dead":
            self.close_connection = True
        elif deed == "slow":
            time.sleep(6)
            self.send(200, good(json.loads(text)))
        elif deed == "hang":
            time.sleep(1000)
        elif deed == "bad":
            self.send(200, '{"choices":[{"mess')
        elif deed == "html":
            self.send(200, "<html>busy</html>")
        elif deed == "wrong":
            self.send(200, '{"choices":[{"message":{"content":null}}]}')
        elif deed == "empty":
            self.send(200, '{"choices":[]}')
        elif deed == "huge":
            self.send(200, " " * (17 << 20))
        elif deed == "short":
            time.sleep(0.02 * (int(hashlib.md5(text.encode()).hexdigest(), 16) % 4))
            self.send(200, good(json.loads(text)))
        else:
            self.send(200, good(json.loads(text)))


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Teacher)
server.daemon_threads = True
with open(folder + "/port.tmp", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(folder + "/port.tmp", folder + "/port")
server.serve_forever()
