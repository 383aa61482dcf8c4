"""Jobs by Python threads, one kept connection each: httpx where it is installed
(as the service's own package has it), else http.client.

    python3 bench/peers/threads.py URL JOBS AT_A_TIME
"""
import http.client
import json
import queue
import sys
import threading
import time
from urllib.parse import urlsplit

try:
    import httpx
except ImportError:
    httpx = None

HEADERS = {"x-api-key": "SG_0123456789abcdef", "Content-Type": "application/json"}


class Plain:
    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def __call__(self, method, path, body=None):
        self.connection.request(method, path, body, HEADERS)
        return json.loads(self.connection.getresponse().read())


class Httpx:
    def __init__(self, url):
        self.client = httpx.Client(base_url=url, headers=HEADERS, trust_env=False)

    def __call__(self, method, path, body=None):
        return self.client.request(method, path, content=body).json()


def make_one(ask, number):
    body = json.dumps({"prompt": "a lighthouse", "seed": number})
    job = "/v2/requests/" + ask("POST", "/v2/flux-kontext-pro", body)["request_id"]
    while ask("GET", job + "/status")["status"] != "COMPLETED":
        pass
    return ask("GET", job)["output"]


def work(url, numbers):
    ask = (Httpx if httpx else Plain)(url)
    while True:
        try:
            number = numbers.get_nowait()
        except queue.Empty:
            return
        make_one(ask, number)


def run(url, jobs, at_a_time):
    numbers = queue.Queue()
    for number in range(jobs):
        numbers.put(number)
    threads = [threading.Thread(target=work, args=(url, numbers)) for _ in range(at_a_time)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    url, jobs, at_a_time = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    run(url, at_a_time, at_a_time)
    cpu, wall = time.process_time(), time.monotonic()
    run(url, jobs, at_a_time)
    print("jobs=%d cpu_us=%.0f wall_us=%.0f" % (
        jobs, (time.process_time() - cpu) * 1e6, (time.monotonic() - wall) * 1e6))


main()
