"""A plugin of µMEC in Python: publishes what a weather station measures, and how the station is.

    pip install 'nats-py[nkeys]'
    python3 weather.py <url> <credentials file> <node>
"""

import asyncio
import base64
import json
import math
import re
import secrets
import signal
import struct
import sys
import time
from datetime import datetime, timezone

import nats
import nats.errors
import nkeys

PLUGIN, DEVICE, EVERY = "weather", "station-1", 1.0
JSON, SENML = "application/json", "application/senml+json"


class Publisher:
    """Publishes about one device: numbered, signed, and acknowledged by the stream."""

    def __init__(self, bus, seed, node):
        self.bus, self.prefix = bus, f"umec.v1.{node}.{DEVICE}"
        self.key = nkeys.from_seed(bytearray(seed, "ascii"))
        self.boot = f"{time.time_ns() // 1_000_000:012x}{secrets.randbits(16):04x}"
        self.sequence = 0

    def sign(self, subject, message_id, payload):
        parts = (subject.encode(), message_id.encode(), payload)
        signed = b"".join(struct.pack(">Q", len(part)) + part for part in parts)
        signature = base64.urlsafe_b64encode(self.key.sign(signed)).rstrip(b"=")
        return f"{self.key.public_key.decode()} {signature.decode()}"

    async def publish(self, kind, content_type, document):
        self.sequence += 1
        subject, message_id = f"{self.prefix}.{kind}", f"{DEVICE}:{self.boot}:{self.sequence}"
        payload = json.dumps(document).encode()
        headers = {
            "Nats-Msg-Id": message_id,
            "Content-Type": content_type,
            "Umec-Signature": self.sign(subject, message_id, payload),
        }
        while True:
            try:
                answer = await self.bus.request(subject, payload, timeout=5, headers=headers)
                answer = json.loads(answer.data)
                if "error" not in answer:
                    return answer["seq"]
                print("not stored:", answer["error"], file=sys.stderr)
            except nats.errors.Error as error:
                print("not stored:", error, file=sys.stderr)
            await asyncio.sleep(1)  # Then again with the same id: the stream keeps it once.


def status(state, **more):
    since = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    return {"state": state, "since": since, "plugin": PLUGIN, **more}


BIRTH = {
    "identity": {"manufacturer": "Example", "model": "Vane 3"},
    "metrics": [
        {"name": "wind-speed", "unit": "m/s", "every": "1s"},
        {"name": "temperature", "unit": "Cel", "every": "1s"},
    ],
}
DEATH = {"reason": {"code": "stopped", "text": "the plugin has stopped"}}


def read(now):
    """Asks the station; here it is played by two waves."""
    return {
        "wind-speed": ("m/s", round(6 + 3 * math.sin(now / 10), 2)),
        "temperature": ("Cel", round(12 + 5 * math.sin(now / 60), 2)),
    }


def pack(node, now):
    """One SenML pack: the first record holds the base name and the base time of all."""
    records = [{"n": name, "u": unit, "v": value} for name, (unit, value) in read(now).items()]
    records[0] = {"bn": f"{node}/{DEVICE}/", "bt": round(now, 6), **records[0]}
    return records


async def sample(publisher, node):
    """Tells that the station is up, then what it measures, each second and without drift."""
    await publisher.publish("status", JSON, status("up", **BIRTH))
    due = time.monotonic()
    while True:
        await publisher.publish("readings", SENML, pack(node, time.time()))
        due = max(due + EVERY, time.monotonic())
        await asyncio.sleep(due - time.monotonic())


async def main(url, credentials, node):
    with open(credentials, encoding="ascii") as file:
        seed = re.search(r"SU[A-Z2-7]{56}", file.read()).group()
    bus = await nats.connect(
        url,
        user_credentials=credentials,
        inbox_prefix=f"_INBOX.{PLUGIN}".encode(),
        max_reconnect_attempts=-1,
    )
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)

    publisher = Publisher(bus, seed, node)
    work = asyncio.create_task(sample(publisher, node))
    await stop.wait()
    work.cancel()
    await asyncio.wait_for(publisher.publish("status", JSON, status("down", **DEATH)), 5)
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
