"""Prints all that the stream UMEC holds just now, a line of JSON for each message.

Arguments: url, credentials, inbox prefix.
"""

import asyncio
import json
import sys

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy


async def main(url: str, credentials: str, inbox: str) -> None:
    bus = await nats.connect(url, user_credentials=credentials, inbox_prefix=inbox.encode())
    stream = bus.jetstream(timeout=30)
    config = ConsumerConfig(
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.ALL,
        inactive_threshold=30,
        mem_storage=True,
    )
    consumer = await stream.add_consumer("UMEC", config=config)
    pull = await stream.pull_subscribe_bind(consumer=consumer.name, stream="UMEC")
    left = consumer.num_pending
    while left > 0:
        for message in await pull.fetch(min(left, 500), timeout=30):
            print(json.dumps([message.metadata.sequence.stream, message.subject, message.headers["Nats-Msg-Id"]]))
            left -= 1
    await bus.close()


asyncio.run(main(*sys.argv[1:]))
