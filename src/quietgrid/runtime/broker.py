"""Telemetry by a message broker (MQTT): the same signed batches as over HTTP, on topics; the answers on others.

A gateway publishes to ``<topic>/telemetry/<gateway>`` and hears `Signed[SetPoints]` on
``<topic>/set-points/<gateway>``, or, as a `Refusal`, on ``<topic>/refused/<gateway>`` what was wrong. Batches prove
themselves, so the broker is trusted with carrying them and no more; a batch that it hands over twice has a number
that was used. Does not give: secrecy from the broker. Source: MQTT 3.1.1 (QoS 1); aiomqtt (BSD).
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from quietgrid.crypto.public.envelope import Signed, pack_signed
from quietgrid.errors import MissingExtraError, QuietgridError
from quietgrid.wire.messages import Refusal
from quietgrid.wire.telemetry import BrokerAt

FIRST_BACK_S, LONGEST_S = 0.5, 30.0
QOS = 1


class Broker:
    """The platform's end of one broker.

    Args:
        at: Where it is. accept: takes a batch, gives the signed answer (`Telemetry.accept`).
    """

    def __init__(self, at: BrokerAt, accept: Callable[[bytes], Signed]) -> None:
        self.at, self._accept = at, accept
        self.connected, self.note = False, "not asked yet"
        self._stop = threading.Event()
        self._ending: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it; waits at most three seconds."""
        self._stop.set()
        self._ending()
        if self._thread.is_alive():
            self._thread.join(3)

    def _run(self) -> None:
        try:
            import aiomqtt  # noqa: F401
        except ImportError:
            missing = MissingExtraError("aiomqtt is not installed", where="telemetry", fix='install "quietgrid[mqtt]"')
            self.note = str(missing)
            return
        asyncio.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.create_task(self._serve())

        def end() -> None:
            loop.call_soon_threadsafe(task.cancel)

        self._ending = end
        if self._stop.is_set():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.connected = False

    async def _serve(self) -> None:
        import aiomqtt

        back_s = FIRST_BACK_S
        while not self._stop.is_set():
            try:
                async with aiomqtt.Client(self.at.host, self.at.port, **self._how()) as client:
                    await client.subscribe(f"{self.at.topic}/telemetry/+", qos=QOS)
                    self.connected, self.note, back_s = True, "", FIRST_BACK_S
                    async for message in client.messages:
                        await self._answer(client, str(message.topic), message.payload)
            except (aiomqtt.MqttError, OSError) as error:
                self.connected, self.note = False, f"the broker is away ({type(error).__name__})"
            await asyncio.sleep(back_s)
            back_s = min(LONGEST_S, 2 * back_s)

    async def _answer(self, client: Any, topic: str, payload: object) -> None:
        gateway = topic.rpartition("/")[2]
        body = bytes(payload) if isinstance(payload, bytes | bytearray) else b""
        try:
            answer, kind = pack_signed(await asyncio.to_thread(self._accept, body)), "set-points"
        except QuietgridError as error:
            refusal = Refusal(error.http_status, "", error.what, error.where, error.fix)
            answer, kind = msgspec.msgpack.encode(refusal), "refused"
        await client.publish(f"{self.at.topic}/{kind}/{gateway}", answer, qos=QOS)

    def _how(self) -> dict[str, Any]:
        """Who signs in, and over TLS against which certificate."""
        how: dict[str, Any] = {"username": self.at.user or None, "timeout": self.at.timeout_s}
        if self.at.password_file is not None:
            how["password"] = self.at.password_file.read_text(encoding="utf-8").strip()
        if self.at.ca is not None:
            how["tls_context"] = ssl.create_default_context(cafile=str(self.at.ca))
        return how
