"""Subscribes with nats-py and prints each message as a line of JSON.

Arguments: url, credentials, inbox prefix, subject.
"""

import asyncio
import json
import sys

import nats


async def main(url: str, credentials: str, inbox: str, subject: str) -> None:
    bus = await nats.connect(url, user_credentials=credentials, inbox_prefix=inbox.encode())
    messages = await bus.subscribe(subject)
    await bus.flush()
    print(json.dumps("subscribed"))
    async for message in messages.messages:
        headers = dict(message.headers or {})
        print(json.dumps({"subject": message.subject, "headers": headers, "payload": message.data.decode()}))


asyncio.run(main(*sys.argv[1:]))
